-- title: No early restart
-- population: holds that were restarted
-- exclusions: held for another reason or on planned off-days; no episode was open while the drug was held
-- numerator: restarted on or after recovery, or at a dose to which the protocol reduces while the counts are low
-- grain: a restart
-- grace: none
-- unit: days
-- standard: The protocol's own resume threshold, on what had been reported by the day of the restart.
WITH judged AS (
    SELECT
        restarts.*, courses.patient_id, courses.drug, courses.protocol, known.episode, known.recovered_on, known.action,
        CASE
            WHEN restarts.kind = 'unread' THEN 'doses set aside'
            WHEN restarts.kind <> 'held' THEN restarts.kind
            WHEN NOT known.open AND coalesce(known.recovered_on < restarts.stop_on, true) THEN 'no episode'
            WHEN NOT known.open THEN 'recovered'
            WHEN known.action = 'reduce' AND restarts.dose_mg <= known.dose_mg THEN 'reduced'
            WHEN known.action IN ('review', 'escalate') THEN 'another decision'
            WHEN known.action <> 'reduce' AND known.counted_on <= known.onset_on
                AND date_diff('day', known.counted_on, restarts.restart_on) > settings.follow_up_every_days THEN 'sparse'
            WHEN unread_counts.course IS NOT NULL THEN 'counts set aside'
            ELSE 'early'
        END AS found
    FROM restarts
    CROSS JOIN settings
    JOIN courses ON courses.course = restarts.course
    LEFT JOIN known ON known.course = restarts.course AND known.day = restarts.restart_on
    LEFT JOIN unread_counts ON unread_counts.course = restarts.course AND unread_counts.day = restarts.restart_on
)

SELECT
    patient_id, drug, protocol, episode, recovered_on AS due_on, restart_on AS happened_on,
    date_diff('day', recovered_on, restart_on) AS days, CAST(NULL AS BIGINT) AS seen,
    CASE
        WHEN found IN ('planned', 'other', 'no episode') THEN 'excluded'
        WHEN found IN ('recovered', 'reduced') THEN 'met'
        WHEN found = 'early' THEN 'not_met'
        ELSE 'cannot_tell'
    END AS fixed,
    CASE found
        WHEN 'planned' THEN 'planned off-days'
        WHEN 'other' THEN 'held for another reason: ' || reason
        WHEN 'doses set aside' THEN 'a dose row of this patient was set aside'
        WHEN 'no episode' THEN 'no episode was open while the drug was held'
        WHEN 'reduced' THEN 'restarted at the dose to which the protocol reduces while the counts are low'
        WHEN 'another decision' THEN 'the protocol said ' || action || ', not hold'
        WHEN 'sparse' THEN 'draws too sparse: no count between the onset and the restart'
        WHEN 'counts set aside' THEN 'a result of this patient was set aside'
        WHEN 'early' THEN 'restarted while the episode was open'
    END AS fixed_reason,
    CAST(NULL AS TEXT) AS pending, CAST(NULL AS TEXT) AS doubt
FROM judged
