-- Step 17. Where each course stands on the day asked: every fact that a worklist status is decided from.
WITH last_states AS (
    SELECT course, open, recovered, anc_short_carried, platelets_short_carried
    FROM states
    QUALIFY row_number() OVER (PARTITION BY course ORDER BY drawn_on DESC) = 1
),

last_recovered AS (
    SELECT course, max(drawn_on) FILTER (WHERE recovered) AS recovered_on FROM states GROUP BY course
),

short_since AS (
    SELECT
        states.course,
        CASE WHEN last_recovered.recovered_on IS NOT NULL THEN min(states.drawn_on) END AS short_on
    FROM states
    JOIN last_recovered ON last_recovered.course = states.course
    WHERE last_recovered.recovered_on IS NULL OR states.drawn_on > last_recovered.recovered_on
    GROUP BY states.course, last_recovered.recovered_on
),

last_episodes AS (
    SELECT course, episode, onset_on, recovered_on, cause
    FROM episodes
    QUALIFY row_number() OVER (PARTITION BY course ORDER BY episode DESC) = 1
),

last_recommendations AS (
    SELECT course, action, dose_mg, certainty, why
    FROM recommendations
    QUALIFY row_number() OVER (PARTITION BY course ORDER BY episode DESC, decided_on DESC, place DESC) = 1
)

SELECT
    courses.*, readers.person, protocols.has_platelets, protocols.cause_required,
    protocols.disease_action, protocols.disease_dose_mg,
    measured.last_anc_on AS course_anc_on, measured.last_platelets_on AS course_platelets_on,
    coalesce(short_since.short_on, measured.first_draw_on) AS short_on,
    coalesce(last_states.open, false) AS episode_open,
    coalesce(last_states.recovered, true) AS recovered,
    coalesce(last_states.anc_short_carried, false) AS anc_short,
    coalesce(last_states.platelets_short_carried, false) AS platelets_short,
    last_episodes.onset_on, last_episodes.recovered_on, last_episodes.cause,
    last_episodes.recovered_on IS NOT NULL AND courses.last_dose_on <= last_episodes.recovered_on AS not_restarted,
    last_recommendations.action, last_recommendations.dose_mg AS decided_dose_mg,
    last_recommendations.certainty, last_recommendations.why AS decision_why,
    schedule.next_lab_due_on
FROM courses
JOIN readers ON readers.course = courses.course
JOIN protocols ON protocols.protocol = courses.protocol
LEFT JOIN measured ON measured.course = courses.course
LEFT JOIN last_states ON last_states.course = courses.course
LEFT JOIN short_since ON short_since.course = courses.course
LEFT JOIN last_episodes ON last_episodes.course = courses.course
LEFT JOIN last_recommendations ON last_recommendations.course = courses.course
LEFT JOIN schedule ON schedule.course = courses.course
