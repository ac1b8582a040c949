-- title: Dose at restart
-- population: restarts after a decision with a dose
-- exclusions: the decision gave no dose
-- numerator: the mean dose of the first days is the decided one, or lower (told apart)
-- grain: a restart
-- grace: none
-- unit: days
-- standard: The dose that the protocol decided on what had been reported by the day of the restart; no tolerance.
WITH decided AS (
    SELECT restarts.*, known.episode, known.recovered_on, known.action, known.dose_mg AS decided_mg, known.certainty
    FROM restarts
    JOIN known ON known.course = restarts.course AND known.day = restarts.restart_on
    WHERE restarts.kind = 'held'
        AND ((NOT known.open AND known.recovered_on >= restarts.stop_on) OR (known.open AND known.action = 'reduce'))
),

judged AS (
    SELECT
        decided.*, courses.patient_id, courses.drug, courses.protocol, courses.dose_unit,
        CASE
            WHEN decided.decided_mg IS NULL THEN 'no dose'
            WHEN abs(decided.dose_mg - decided.decided_mg) < 0.000001 THEN 'as decided'
            WHEN decided.dose_mg < decided.decided_mg THEN 'lower'
            WHEN decided.certainty = 'sparse' THEN 'sparse'
            ELSE 'higher'
        END AS found
    FROM decided
    JOIN courses ON courses.course = decided.course
)

SELECT
    patient_id, drug, protocol, episode, recovered_on AS due_on, restart_on AS happened_on,
    date_diff('day', recovered_on, restart_on) AS days, CAST(NULL AS BIGINT) AS seen,
    CASE found WHEN 'no dose' THEN 'excluded' WHEN 'sparse' THEN 'cannot_tell' WHEN 'higher' THEN 'not_met' ELSE 'met' END
        AS fixed,
    CASE found
        WHEN 'no dose' THEN 'the decision was ' || action || ' and gave no dose'
        WHEN 'as decided' THEN 'the dose decided'
        WHEN 'sparse' THEN 'draws too sparse: at the clocks'' shortest another clause would decide'
        ELSE found || ' than decided: ' || dose_words(dose_mg, dose_unit) || ' for ' || dose_words(decided_mg, dose_unit)
    END AS fixed_reason,
    CAST(NULL AS TEXT) AS pending, CAST(NULL AS TEXT) AS doubt
FROM judged
