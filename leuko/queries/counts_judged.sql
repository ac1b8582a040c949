-- What each count met of the protocol's thresholds, and how the course stood after the draw. Between two draws that can
-- change the state, the state before stands.
WITH judged AS (
    SELECT
        courses.course, results_used.drawn_on, results_used.analyte, results_used.value, results_used.comparator,
        thresholds.hold_operator, thresholds.hold, thresholds.resume_operator, thresholds.resume,
        results_used.drawn_on < courses.start_on AS is_before
    FROM results_used
    JOIN courses ON courses.patient_id = results_used.patient_id
    JOIN thresholds ON thresholds.protocol = courses.protocol AND thresholds.analyte = results_used.analyte
    WHERE results_used.used
)

SELECT
    judged.drawn_on, judged.analyte, judged.value, judged.comparator,
    threshold_words(judged.hold_operator, judged.hold) AS hold,
    meets(judged.value, judged.comparator, judged.hold_operator, judged.hold) AS meets_hold,
    threshold_words(judged.resume_operator, judged.resume) AS resume,
    meets(judged.value, judged.comparator, judged.resume_operator, judged.resume) AS meets_resume,
    CASE
        WHEN judged.is_before THEN 'before the first dose'
        WHEN states.onset AND states.drawn_on = judged.drawn_on THEN 'episode ' || states.episode || ' begins'
        WHEN states.recovery AND states.drawn_on = judged.drawn_on THEN 'episode ' || states.episode || ' is over'
        WHEN states.open THEN 'episode ' || states.episode || ' is open'
        ELSE 'no episode'
    END AS state
FROM judged
ASOF LEFT JOIN states ON states.course = judged.course AND states.drawn_on <= judged.drawn_on
ORDER BY judged.drawn_on, judged.analyte
