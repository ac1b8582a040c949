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

anc_found AS (
    SELECT results.patient_id, results.collected_at, results.value, results.comparator, results.usable
    FROM results
    JOIN (SELECT DISTINCT patient_id FROM fevers) AS ill ON ill.patient_id = results.patient_id
    CROSS JOIN asked_for
    WHERE results.analyte = 'anc' AND results.reported_at < asked_for.after
    QUALIFY row_number() OVER (
        PARTITION BY results.patient_id, results.collected_at, results.specimen, results.derived
        ORDER BY results.reported_at DESC, results.usable DESC, results.value
    ) = 1
),

low_fevers AS (
    SELECT
        fevers.patient_id, fevers.moment, min(anc_found.collected_at) AS counted_at,
        bool_or(coalesce(meets(anc_found.value, anc_found.comparator, '<', limits.febrile_anc), false)) AS low
    FROM fevers
    CROSS JOIN limits
    LEFT JOIN anc_found
        ON anc_found.patient_id = fevers.patient_id AND anc_found.usable
        AND anc_found.collected_at BETWEEN fevers.moment - INTERVAL 48 HOURS AND fevers.moment + INTERVAL 48 HOURS
    GROUP BY fevers.patient_id, fevers.moment
),

arrivals AS (
    SELECT low_fevers.*, min(happenings.moment) AS triage_at
    FROM low_fevers
    LEFT JOIN happenings
        ON happenings.patient_id = low_fevers.patient_id AND happenings.kind = 'triage'
        AND happenings.moment BETWEEN low_fevers.moment - INTERVAL 24 HOURS AND low_fevers.moment + INTERVAL 48 HOURS
    WHERE low_fevers.low OR low_fevers.counted_at IS NULL
    GROUP BY ALL
),

-- Antibiotics from before both the fever and the triage were given for something else.
treated AS (
    SELECT arrivals.*, min(happenings.moment) AS antibiotics_at
    FROM arrivals
    LEFT JOIN happenings
        ON happenings.patient_id = arrivals.patient_id AND happenings.kind = 'antibiotics'
        AND happenings.moment BETWEEN least(arrivals.moment, arrivals.triage_at) AND arrivals.moment + INTERVAL 48 HOURS
    GROUP BY ALL
)

SELECT
    patient_id, CAST(NULL AS TEXT) AS drug, CAST(NULL AS TEXT) AS protocol,
    CAST(NULL AS INTEGER) AS episode, CAST(coalesce(triage_at, moment) AS DATE) AS due_on,
    CAST(antibiotics_at AS DATE) AS happened_on, date_diff('minute', triage_at, antibiotics_at) AS days,
    date_diff('minute', triage_at, (SELECT CAST(after AS TIMESTAMP) FROM asked_for)) AS seen,
    CASE WHEN counted_at IS NULL OR triage_at IS NULL THEN 'cannot_tell' END AS fixed,
    CASE
        WHEN counted_at IS NULL THEN 'no ANC within 48 hours of the fever'
        WHEN triage_at IS NULL THEN 'no triage time was recorded'
    END AS fixed_reason,
    'not yet due' AS pending,
    CASE WHEN EXISTS (
        SELECT 1 FROM set_aside
        WHERE set_aside.patient_id = treated.patient_id AND set_aside.kind = 'events'
            AND coalesce(set_aside.day, CAST(treated.moment AS DATE))
                BETWEEN CAST(treated.moment AS DATE) - 1 AND CAST(treated.moment AS DATE) + 2
    ) THEN 'an event of this patient was set aside' END AS doubt
FROM treated
