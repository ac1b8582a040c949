-- The last fever with a low ANC around it, and whether antibiotics are recorded from its day on.
WITH emergencies AS (
    SELECT *, min(fever_on) OVER (PARTITION BY patient_id) AS since
    FROM fever_counts
    WHERE severe OR falling
    QUALIFY row_number() OVER (PARTITION BY patient_id ORDER BY moment DESC, severe DESC, value, count_words) = 1
),

treated AS (
    SELECT emergencies.patient_id, min(CAST(events.occurred_at AS TIMESTAMP)) AS given_at
    FROM emergencies
    JOIN events
        ON CAST(events.patient_id AS TEXT) = emergencies.patient_id AND CAST(events.kind AS TEXT) = 'antibiotics'
        AND CAST(events.occurred_at AS TIMESTAMP) >= emergencies.fever_on
        AND CAST(events.occurred_at AS TIMESTAMP) < $after
    GROUP BY emergencies.patient_id
)

SELECT
    emergencies.patient_id, CAST(NULL AS TEXT) AS drug, emergencies.since,
    emergencies.words || '; ' || emergencies.count_words
    || CASE
        WHEN emergencies.severe THEN ', below ' || number_words(limits.febrile_anc)
        ELSE ', below ' || number_words(limits.febrile_falling_anc)
            || CASE
                WHEN emergencies.value < emergencies.value_before AND emergencies.comparator_before <> '<'
                THEN ' and lower than the ' || emergencies.comparator_before || number_words(emergencies.value_before)
                    || ' before it'
                WHEN emergencies.value_before IS NULL
                    THEN ' and perhaps below ' || number_words(limits.febrile_anc)
                ELSE ' and perhaps lower than the one before it'
            END
    END
    || '. '
    || coalesce(
        'Antibiotics are recorded on ' || day_words(CAST(treated.given_at AS DATE)) || ' at '
        || strftime(treated.given_at, '%H:%M') || '.',
        'No antibiotics are recorded since.'
    ) AS why,
    treated.given_at IS NOT NULL AS answered, CAST(NULL AS TEXT) AS source, CAST(NULL AS TEXT) AS url
FROM emergencies
CROSS JOIN limits
LEFT JOIN treated ON treated.patient_id = emergencies.patient_id
