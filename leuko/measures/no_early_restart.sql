-- title: No early restart
-- population: holds that were restarted
-- exclusions: held for another reason or on planned off-days; no episode was open while the drug was held
-- numerator: restarted on or after recovery, or at a dose to which the protocol reduces while the counts are low
-- grain: a restart
-- grace: none
-- unit: days
-- standard: The protocol's own resume threshold, on what had been reported by the day of the restart.
SELECT
    restarts.course, courses.patient_id, courses.drug, courses.protocol, known.episode, known.recovered_on AS due_on,
    restarts.restart_on AS happened_on, date_diff('day', known.recovered_on, restarts.restart_on) AS days,
    CAST(NULL AS BIGINT) AS seen,
    CASE
        WHEN restarts.kind <> 'held' THEN 'excluded'
        WHEN NOT known.open AND coalesce(known.recovered_on < restarts.stop_on, true) THEN 'excluded'
        WHEN NOT known.open THEN 'met'
        WHEN known.action = 'reduce' AND restarts.dose_mg <= known.dose_mg THEN 'met'
        WHEN known.action IN ('review', 'escalate') THEN 'cannot_tell'
        WHEN known.counted_on <= known.onset_on THEN 'cannot_tell'
        WHEN EXISTS (
            SELECT 1 FROM set_aside WHERE set_aside.patient_id = courses.patient_id AND set_aside.kind = 'labs'
                AND coalesce(set_aside.day, restarts.restart_on) BETWEEN known.onset_on AND restarts.restart_on
        ) THEN 'cannot_tell'
        ELSE 'not_met'
    END AS fixed,
    CASE
        WHEN restarts.kind = 'planned' THEN 'planned off-days'
        WHEN restarts.kind = 'other' THEN 'held for another reason: ' || restarts.reason
        WHEN NOT known.open AND coalesce(known.recovered_on < restarts.stop_on, true)
            THEN 'no episode was open while the drug was held'
        WHEN NOT known.open THEN NULL
        WHEN known.action = 'reduce' AND restarts.dose_mg <= known.dose_mg
            THEN 'restarted at the dose to which the protocol reduces while the counts are low'
        WHEN known.action IN ('review', 'escalate') THEN 'the protocol said ' || known.action || ', not hold'
        WHEN known.counted_on <= known.onset_on THEN 'draws too sparse: no count between the onset and the restart'
        WHEN EXISTS (
            SELECT 1 FROM set_aside WHERE set_aside.patient_id = courses.patient_id AND set_aside.kind = 'labs'
                AND coalesce(set_aside.day, restarts.restart_on) BETWEEN known.onset_on AND restarts.restart_on
        ) THEN 'a result of this patient was set aside'
        ELSE 'restarted while the episode was open'
    END AS fixed_reason,
    CAST(NULL AS TEXT) AS pending, CAST(NULL AS TEXT) AS doubt
FROM restarts
JOIN courses ON courses.course = restarts.course
LEFT JOIN known ON known.course = restarts.course AND known.day = restarts.restart_on
