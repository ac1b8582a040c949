-- Patients whom a later day than $as_of may answer otherwise, though nothing of them is new. Whoever is not among them is
-- off the drug or without a course, has no alert and nothing whose time still runs in the audit, and had the last dose,
-- result or event longer ago than any limit of days reaches. What was not done in its time is not done on a later day
-- either, only longer so: `leuko.answers` counts those days on.
WITH reach AS (
    SELECT
        CAST($as_of AS DATE) - CAST(greatest(decision_lapses_days, alert_lapses_days, fever_alert_days) AS INTEGER) AS from_on
    FROM before.limits
),

told AS (
    SELECT
        patient_id,
        TRY_CAST(left(unnest([
            raw_record ->> '$.collected_at', raw_record ->> '$.start_on', raw_record ->> '$.occurred_at'
        ]), 10) AS DATE) AS day
    FROM before.rejected
    WHERE patient_id IS NOT NULL AND json_valid(raw_record)
)

SELECT patient_id FROM before.exposures CROSS JOIN reach WHERE end_on IS NULL OR greatest(start_on, end_on) >= from_on
UNION SELECT patient_id FROM before.labs CROSS JOIN reach WHERE greatest(collected_at, reported_at) >= from_on
UNION SELECT patient_id FROM before.events CROSS JOIN reach WHERE occurred_at >= from_on
UNION SELECT patient_id FROM before.patients CROSS JOIN reach WHERE greatest(birth_date, died_on, left_on) >= from_on
UNION SELECT patient_id FROM told CROSS JOIN reach WHERE day >= from_on
UNION SELECT patient_id FROM before.worklist WHERE status NOT IN ('off_drug', 'no_protocol')
UNION SELECT patient_id FROM before.alerts
UNION
SELECT patient_id FROM before.audit_events
WHERE due_on > $as_of
    OR (seen IS NOT NULL AND pending = 'not yet due' AND (ending = 'excluded' OR measure = 'antibiotics_in_time'))
