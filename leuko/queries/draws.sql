-- Draws: each patient-day with an ANC or a platelet count as known on the day of the file, with the lowest of each.
WITH versions AS (
    SELECT
        *, row_number() OVER (
            PARTITION BY patient_id, analyte, collected_at, coalesce(specimen, ''), derived
            ORDER BY reported_at DESC, value IS NULL OR status IN ('entered-in-error', 'cancelled'), value
        ) = 1 AS latest
    FROM labs
    WHERE analyte IN ('anc', 'platelets')
        AND CAST(greatest(collected_at, reported_at) AS DATE) <= (SELECT as_of FROM about)
),

standing AS (
    SELECT
        *, derived AND bool_or(NOT derived) OVER (PARTITION BY patient_id, analyte, collected_at) AS beside_measured
    FROM versions
    WHERE latest AND value IS NOT NULL AND status NOT IN ('entered-in-error', 'cancelled')
)

SELECT
    patient_id, CAST(collected_at AS DATE) AS drawn_on,
    min(value) FILTER (WHERE analyte = 'anc') AS anc,
    min(value) FILTER (WHERE analyte = 'platelets') AS platelets
FROM standing
WHERE NOT beside_measured
GROUP BY patient_id, CAST(collected_at AS DATE)
