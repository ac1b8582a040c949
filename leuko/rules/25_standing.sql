-- Step 25. Where each course stands on the day asked: every fact that a worklist status is decided from.
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
    SELECT course, episode, onset_on, recovered_on, cause, cause_on
    FROM episodes
    QUALIFY row_number() OVER (PARTITION BY course ORDER BY episode DESC) = 1
),

last_recommendations AS (
    SELECT course, action, dose_mg, certainty, why
    FROM recommendations
    WHERE during IS NULL
    QUALIFY row_number() OVER (PARTITION BY course ORDER BY episode DESC, decided_on DESC, place DESC) = 1
),

-- What stands instead of the hold while an episode is open: what the table says of the disease as its cause, else the
-- last of what it says of the treatment as its cause and of what was decided at draws since the onset. A stop is
-- replaced by nothing and a hold only by a stop; a review at a draw replaces a reduction or another review.
said_since_onset AS (
    SELECT
        recommendations.course, recommendations.action, recommendations.dose_mg, recommendations.decided_on,
        recommendations.why, recommendations.place, coalesce(related.cause = 'disease', false) AS of_disease,
        recommendations.during IS NOT NULL AND recommendations.action = 'review' AS asks_only,
        CASE recommendations.action WHEN 'discontinue' THEN 1 WHEN 'hold' THEN 2 ELSE 3 END AS weight
    FROM recommendations
    JOIN last_episodes
        ON last_episodes.course = recommendations.course AND last_episodes.episode = recommendations.episode
    LEFT JOIN related
        ON related.protocol = recommendations.protocol AND related.cause = last_episodes.cause
        AND recommendations.place = 2
    WHERE recommendations.during IS NOT NULL OR related.cause IS NOT NULL
),

decided_since_onset AS (
    SELECT course, action
    FROM said_since_onset
    WHERE NOT asks_only
    QUALIFY row_number() OVER (PARTITION BY course ORDER BY of_disease DESC, weight, decided_on DESC, place DESC) = 1
),

guides AS (
    SELECT said_since_onset.*
    FROM said_since_onset
    LEFT JOIN decided_since_onset ON decided_since_onset.course = said_since_onset.course
    WHERE NOT said_since_onset.asks_only OR decided_since_onset.action IN ('reduce', 'escalate', 'review')
    QUALIFY row_number() OVER (
        PARTITION BY said_since_onset.course
        ORDER BY
            said_since_onset.of_disease DESC, said_since_onset.weight, said_since_onset.decided_on DESC,
            said_since_onset.place DESC
    ) = 1
),

-- The last recovery that was decided with a stop. It stands over later episodes until one began after the drug was
-- given again: a dip while nothing is given does not undo it.
last_stops AS (
    SELECT course, episode, decided_on, dose_mg, certainty, why
    FROM recommendations
    WHERE action = 'discontinue' AND place = 3
    QUALIFY row_number() OVER (PARTITION BY course ORDER BY episode DESC) = 1
),

stops AS (
    SELECT
        last_stops.course, last_stops.episode, last_stops.decided_on, last_stops.dose_mg, last_stops.certainty,
        last_stops.why,
        min(CASE WHEN doses.start_on > last_stops.decided_on THEN doses.start_on ELSE last_stops.decided_on + 1 END)
            FILTER (WHERE doses.start_on IS NOT NULL) AS given_again_on
    FROM last_stops
    JOIN courses ON courses.course = last_stops.course
    LEFT JOIN doses
        ON doses.patient_id = courses.patient_id AND doses.drug = courses.drug AND doses.protocol = courses.protocol
        AND doses.dose_mg > 0 AND doses.last_on > last_stops.decided_on
    GROUP BY ALL
),

standing_stops AS (
    SELECT stops.course, stops.decided_on, stops.dose_mg, stops.certainty, stops.why
    FROM stops
    JOIN last_episodes ON last_episodes.course = stops.course AND last_episodes.episode > stops.episode
    LEFT JOIN episodes ON episodes.course = stops.course AND episodes.onset_on >= stops.given_again_on
    WHERE episodes.course IS NULL
),

-- A row for draws that decides on the last draw.
draw_decisions AS (
    SELECT
        decisions.course, decisions.action, decisions.dose_mg, decisions.dose_before_mg, decisions.decided_on,
        recommendations.why
    FROM decisions
    JOIN at_draws ON at_draws.course = decisions.course AND at_draws.decided_on = decisions.decided_on AND at_draws.stands
    JOIN recommendations
        ON recommendations.course = decisions.course AND recommendations.decided_on = decisions.decided_on
        AND recommendations.during = decisions.during
    WHERE decisions.moment = 'draw'
)

SELECT
    courses.*, readers.person, protocols.has_platelets, protocols.cause_required,
    requirements.protocol IS NULL OR suited.patient_id IS NOT NULL AS suits,
    guides.action AS guide_action, guides.dose_mg AS guide_dose_mg, guides.decided_on AS guide_on,
    guides.why AS guide_why, guides.of_disease,
    draw_decisions.action AS draw_action, draw_decisions.dose_mg AS draw_dose_mg,
    draw_decisions.dose_before_mg AS draw_dose_before_mg, draw_decisions.decided_on AS draw_on,
    draw_decisions.why AS draw_why,
    standing_stops.decided_on AS stopped_on, standing_stops.dose_mg AS stop_dose_mg,
    standing_stops.certainty AS stop_certainty, standing_stops.why AS stop_why,
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
LEFT JOIN guides ON guides.course = courses.course
LEFT JOIN draw_decisions ON draw_decisions.course = courses.course
LEFT JOIN standing_stops ON standing_stops.course = courses.course
LEFT JOIN schedule ON schedule.course = courses.course
LEFT JOIN (SELECT DISTINCT protocol FROM requirements) AS requirements ON requirements.protocol = courses.protocol
LEFT JOIN suited ON suited.patient_id = courses.patient_id AND suited.protocol = courses.protocol
