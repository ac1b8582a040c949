-- Every version of every result known on the day asked, and whether it is the one the rule reads: the version reported
-- last (at a tie the lowest), unless that was a withdrawal, and no derived ANC where the laboratory reported one.
WITH known AS (
    SELECT
        *, CAST(collected_at AS DATE) AS drawn_on,
        row_number() OVER (
            PARTITION BY patient_id, analyte, collected_at, coalesce(specimen, ''), derived
            ORDER BY
                reported_at DESC, value IS NULL OR status IN ('entered-in-error', 'cancelled'), value,
                coalesce(comparator, '') = '>', coalesce(comparator, '') = ''
        ) = 1 AS latest
    FROM labs
    WHERE patient_id IN (SELECT unnest($patients)) AND collected_at < $after AND reported_at < $after
),

standing AS (
    SELECT *, latest AND value IS NOT NULL AND status NOT IN ('entered-in-error', 'cancelled') AS stands FROM known
)

SELECT
    * EXCLUDE (latest, stands),
    stands AND NOT (derived AND bool_or(stands AND NOT derived) OVER (
        PARTITION BY patient_id, analyte, collected_at
    )) AS used
FROM standing
