-- Every version of the results in `known_labs`, which the caller names (those known on a day), and whether it is the one
-- the rule reads: the version reported last (at a tie the lowest), unless that was a withdrawal, and no derived ANC
-- where the laboratory reported one.
WITH versions AS (
    SELECT
        *, CAST(collected_at AS DATE) AS drawn_on,
        row_number() OVER (
            PARTITION BY patient_id, analyte, collected_at, coalesce(specimen, ''), derived
            ORDER BY
                reported_at DESC, value IS NULL OR status IN ('entered-in-error', 'cancelled'), value,
                coalesce(comparator, '') = '>', coalesce(comparator, '') = ''
        ) = 1 AS latest
    FROM known_labs
),

standing AS (
    SELECT *, latest AND value IS NOT NULL AND status NOT IN ('entered-in-error', 'cancelled') AS stands FROM versions
)

SELECT
    * EXCLUDE (latest, stands),
    stands AND NOT (derived AND bool_or(stands AND NOT derived) OVER (
        PARTITION BY patient_id, analyte, collected_at
    )) AS used
FROM standing
