-- The last fever with a low count around it, and whether antibiotics are recorded since.
WITH emergencies AS (
    SELECT *, min(fever_on) OVER (PARTITION BY patient_id) AS since
    FROM fever_counts
    WHERE severe OR falling
    QUALIFY row_number() OVER (PARTITION BY patient_id ORDER BY moment DESC, severe DESC, value, count_words) = 1
),

-- A record of a day alone stands for any time of it.
antibiotics AS (
    SELECT
        emergencies.patient_id, CAST(events.occurred_at AS TIMESTAMP) AS given_at,
        CAST(events.occurred_at AS TIMESTAMP) >= emergencies.moment
            OR CAST(events.occurred_at AS TIMESTAMP) = CAST(emergencies.fever_on AS TIMESTAMP) AS after_fever
    FROM emergencies
    CROSS JOIN limits
    JOIN events ON CAST(events.patient_id AS TEXT) = emergencies.patient_id
    WHERE CAST(events.kind AS TEXT) = 'antibiotics' AND CAST(events.occurred_at AS TIMESTAMP) < $after
        AND CAST(events.occurred_at AS DATE) >= emergencies.since - limits.fever_alert_days
        AND coalesce(lower(trim(CAST(events.value AS TEXT))), '') NOT IN (SELECT word FROM denials)
),

treated AS (
    SELECT
        patient_id, min(given_at) FILTER (WHERE after_fever) AS given_at,
        max(given_at) FILTER (WHERE NOT after_fever) AS before_at
    FROM antibiotics
    GROUP BY patient_id
)

SELECT
    emergencies.patient_id, CAST(NULL AS TEXT) AS drug, emergencies.since,
    emergencies.words || '; ' || emergencies.count_words
    || CASE
        WHEN emergencies.severe THEN ', below ' || cells_words(limits.febrile_anc)
        ELSE ', below ' || cells_words(limits.febrile_falling_anc)
            || CASE
                WHEN emergencies.value < emergencies.value_before AND emergencies.comparator_before <> '<'
                THEN ' and lower than the ' || emergencies.comparator_before || cells_words(emergencies.value_before)
                    || ' before it'
                WHEN emergencies.value_before IS NULL
                    THEN ' and perhaps below ' || cells_words(limits.febrile_anc)
                ELSE ' and perhaps lower than the one before it'
            END
    END
    || '. '
    || coalesce(
        'Antibiotics are recorded on ' || moment_words(treated.given_at) || '.',
        'No antibiotics are recorded since this fever'
        || coalesce('; the last before it were on ' || moment_words(treated.before_at), '') || '.'
    ) AS why,
    treated.given_at IS NOT NULL AS answered, true AS grave, CAST(NULL AS TEXT) AS source, CAST(NULL AS TEXT) AS url
FROM emergencies
CROSS JOIN limits
LEFT JOIN treated ON treated.patient_id = emergencies.patient_id
