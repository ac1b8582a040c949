-- Step 1. Every result, with what is left out by default filled in. A withdrawn result is never usable.
WITH typed AS (
    SELECT
        CAST(patient_id AS TEXT) AS patient_id, CAST(analyte AS TEXT) AS analyte, CAST(value AS DOUBLE) AS value,
        coalesce(CAST(comparator AS TEXT), '') AS comparator,
        CAST(collected_at AS TIMESTAMP) AS collected_at, CAST(reported_at AS TIMESTAMP) AS reported_at,
        coalesce(CAST(specimen AS TEXT), '') AS specimen, coalesce(CAST(derived AS BOOLEAN), false) AS derived,
        coalesce(CAST(status AS TEXT), 'final') IN ('entered-in-error', 'cancelled') AS withdrawn
    FROM labs
)

SELECT
    patient_id, analyte, value, comparator, collected_at, coalesce(reported_at, collected_at) AS reported_at,
    specimen, derived, withdrawn, value IS NOT NULL AND NOT withdrawn AS usable
FROM typed
