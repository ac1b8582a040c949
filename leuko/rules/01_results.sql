-- Step 1. Every result reported so far, with what is left out by default filled in. A withdrawn result is never usable.
SELECT
    patient_id, analyte, value, coalesce(comparator, '') AS comparator,
    collected_at, coalesce(reported_at, collected_at) AS reported_at,
    coalesce(specimen, '') AS specimen, coalesce(derived, false) AS derived,
    coalesce(status, 'final') IN ('entered-in-error', 'cancelled') AS withdrawn,
    value IS NOT NULL AND coalesce(status, 'final') NOT IN ('entered-in-error', 'cancelled') AS usable
FROM labs
