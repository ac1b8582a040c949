-- title: Antibiotics in time
-- population: fevers with a low ANC within 48 hours
-- exclusions: none
-- numerator: antibiotics were given within the time that the settings allow after triage
-- grain: a fever (further fevers within a day belong to it)
-- grace: antibiotics_within_minutes
-- unit: minutes
-- standard: ASCO/IDSA: first dose within 1 hour of triage.
WITH happenings AS (
    SELECT CAST(patient_id AS TEXT) AS patient_id, kind, CAST(occurred_at AS TIMESTAMP) AS moment
    FROM events
    CROSS JOIN asked_for
    WHERE kind IN ('fever', 'triage', 'antibiotics') AND CAST(occurred_at AS TIMESTAMP) < asked_for.after
),

fevers AS (
    SELECT patient_id, moment
    FROM happenings
    WHERE kind = 'fever'
    QUALIFY coalesce(moment > lag(moment) OVER (PARTITION BY patient_id ORDER BY moment) + INTERVAL 24 HOURS, true)
),

low_fevers AS (
    SELECT fevers.patient_id, fevers.moment, min(counts.drawn_on) AS counted_on, bool_or(counts.value < limits.febrile_anc
        AND counts.bound < 3) AS low
    FROM fevers
    CROSS JOIN limits
    JOIN readers ON readers.patient_id = fevers.patient_id
    LEFT JOIN counts
        ON counts.person = readers.person AND counts.analyte = 'anc'
        AND counts.collected_at BETWEEN fevers.moment - INTERVAL 48 HOURS AND fevers.moment + INTERVAL 48 HOURS
    GROUP BY fevers.patient_id, fevers.moment
),

treated AS (
    SELECT
        low_fevers.patient_id, low_fevers.moment, low_fevers.low, low_fevers.counted_on,
        min(happenings.moment) FILTER (WHERE happenings.kind = 'triage') AS triage_at,
        min(happenings.moment) FILTER (WHERE happenings.kind = 'antibiotics') AS antibiotics_at
    FROM low_fevers
    LEFT JOIN happenings
        ON happenings.patient_id = low_fevers.patient_id AND happenings.kind IN ('triage', 'antibiotics')
        AND happenings.moment BETWEEN low_fevers.moment - INTERVAL 24 HOURS AND low_fevers.moment + INTERVAL 48 HOURS
    WHERE low_fevers.low OR low_fevers.counted_on IS NULL
    GROUP BY ALL
)

SELECT
    CAST(NULL AS INTEGER) AS course, patient_id, CAST(NULL AS TEXT) AS drug, CAST(NULL AS TEXT) AS protocol,
    CAST(NULL AS INTEGER) AS episode, CAST(coalesce(triage_at, moment) AS DATE) AS due_on,
    CAST(antibiotics_at AS DATE) AS happened_on, date_diff('minute', triage_at, antibiotics_at) AS days,
    date_diff('minute', triage_at, (SELECT CAST(after AS TIMESTAMP) FROM asked_for)) AS seen,
    CASE WHEN counted_on IS NULL OR triage_at IS NULL THEN 'cannot_tell' END AS fixed,
    CASE
        WHEN counted_on IS NULL THEN 'no ANC within 48 hours of the fever'
        WHEN triage_at IS NULL THEN 'no triage time was recorded'
    END AS fixed_reason,
    'not yet due' AS pending,
    CASE WHEN EXISTS (
        SELECT 1 FROM set_aside WHERE set_aside.patient_id = treated.patient_id AND set_aside.kind = 'events'
    ) THEN 'an event of this patient was set aside' END AS doubt
FROM treated
