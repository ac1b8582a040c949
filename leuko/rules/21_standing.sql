-- Step 21. Where each course stands on the day asked: every fact that a worklist status is decided from.
WITH last_states AS (
    SELECT
        course,
        max_by(open, drawn_on) AS open,
        max_by(recovered, drawn_on) AS recovered,
        max_by(anc_short_carried, drawn_on) AS anc_short,
        max_by(platelets_short_carried, drawn_on) AS platelets_short,
        max(drawn_on) FILTER (WHERE recovered) AS recovered_on
    FROM states
    GROUP BY course
),

short_since AS (
    SELECT states.course, min(states.drawn_on) AS short_on
    FROM states
    JOIN last_states ON last_states.course = states.course AND states.drawn_on > last_states.recovered_on
    GROUP BY states.course
),

course_measured AS (
    SELECT
        course, min(first_on) AS first_draw_on,
        max(last_on) FILTER (WHERE analyte = 'anc') AS anc_on,
        max(last_on) FILTER (WHERE analyte = 'platelets') AS platelets_on
    FROM measured
    WHERE course IS NOT NULL
    GROUP BY course
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
    course_measured.anc_on AS course_anc_on, course_measured.platelets_on AS course_platelets_on,
    coalesce(short_since.short_on, course_measured.first_draw_on) AS short_on,
    coalesce(last_states.open, false) AS episode_open,
    coalesce(last_states.recovered, true) AS recovered,
    coalesce(last_states.anc_short, false) AS anc_short,
    coalesce(last_states.platelets_short, false) AS platelets_short,
    last_episodes.onset_on, last_episodes.recovered_on, last_episodes.cause,
    last_episodes.recovered_on IS NOT NULL AND courses.last_dose_on <= last_episodes.recovered_on AS not_restarted,
    last_recommendations.action, last_recommendations.dose_mg AS decided_dose_mg,
    last_recommendations.certainty, last_recommendations.why AS decision_why,
    schedule.next_lab_due_on, schedule.interval_verified, protocols.starting_dose_mg
FROM courses
JOIN readers ON readers.course = courses.course
JOIN protocols ON protocols.protocol = courses.protocol
LEFT JOIN course_measured ON course_measured.course = courses.course
LEFT JOIN last_states ON last_states.course = courses.course
LEFT JOIN short_since ON short_since.course = courses.course
LEFT JOIN last_episodes ON last_episodes.course = courses.course
LEFT JOIN last_recommendations ON last_recommendations.course = courses.course
LEFT JOIN schedule ON schedule.course = courses.course
