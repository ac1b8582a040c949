-- Step 1. Whose results are read again: patients with a fever of the last days, with a white cell count on a later day
-- than the last ANC, or with a severe ANC ever and the last one on a day of no course that goes on. Nobody who died or
-- left.
WITH feverish AS (
    SELECT results.patient_id
    FROM results
    CROSS JOIN limits
    WHERE results.analyte = 'temperature' AND results.value >= limits.fever_twice
        AND results.collected_at >= CAST($as_of AS DATE) - limits.fever_alert_days
    UNION
    SELECT CAST(events.patient_id AS TEXT)
    FROM events
    CROSS JOIN limits
    WHERE CAST(events.kind AS TEXT) = 'fever'
        AND CAST(events.occurred_at AS DATE) BETWEEN CAST($as_of AS DATE) - limits.fever_alert_days AND $as_of
),

without_differential AS (
    SELECT seen.patient_id
    FROM seen
    JOIN last_anc_days AS last_anc ON last_anc.patient_id = seen.patient_id
    WHERE seen.analyte = 'wbc' AND seen.lowest <= (SELECT max(below) FROM wbc_limits)
        AND (last_anc.last_anc_on IS NULL OR seen.last_on > last_anc.last_anc_on)
),

severe_outside AS (
    SELECT last_anc.patient_id
    FROM last_anc_days AS last_anc
    JOIN seen ON seen.patient_id = last_anc.patient_id AND seen.analyte = 'anc'
    CROSS JOIN limits
    LEFT JOIN courses
        ON courses.patient_id = last_anc.patient_id AND courses.over_on IS NULL
        AND last_anc.last_anc_on >= courses.start_on
    WHERE courses.course IS NULL AND seen.lowest <= limits.severe_anc
),

gone AS (
    SELECT CAST(patient_id AS TEXT) AS patient_id
    FROM patients
    WHERE least(CAST(died_on AS DATE), CAST(left_on AS DATE)) <= $as_of
)

SELECT patient_id FROM feverish WHERE patient_id NOT IN (FROM gone)
UNION
SELECT patient_id FROM without_differential WHERE patient_id NOT IN (FROM gone)
UNION
SELECT patient_id FROM severe_outside WHERE patient_id NOT IN (FROM gone)
