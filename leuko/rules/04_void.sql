-- Step 4. Results that may not be used although they were reported: versions older than a withdrawal of the same
-- result, and a derived ANC where the laboratory reported one itself. Versions reported before void_before are void.
WITH measured_beside AS (
    SELECT DISTINCT patient_id, collected_at
    FROM labs
    WHERE analyte = 'anc'
        AND NOT derived
        AND value IS NOT NULL
        AND status NOT IN ('entered-in-error', 'cancelled')
        AND reported_at < $after
        AND (patient_id, collected_at) IN (SELECT (patient_id, collected_at) FROM labs WHERE derived)
),

void AS (
    SELECT patient_id, analyte, collected_at, coalesce(specimen, '') AS specimen, derived, reported_at AS void_before
    FROM labs
    WHERE status IN ('entered-in-error', 'cancelled') AND reported_at < $after
    UNION ALL
    SELECT
        labs.patient_id, labs.analyte, labs.collected_at, coalesce(labs.specimen, '') AS specimen, labs.derived,
        CAST($after AS TIMESTAMP) AS void_before
    FROM measured_beside
    JOIN labs
        ON labs.patient_id = measured_beside.patient_id AND labs.collected_at = measured_beside.collected_at
        AND labs.analyte = 'anc' AND labs.derived
),

people AS (
    SELECT DISTINCT person, patient_id FROM readers
)

SELECT
    people.person, void.analyte, void.collected_at, void.specimen, void.derived, max(void.void_before) AS void_before
FROM void
JOIN people ON people.patient_id = void.patient_id
GROUP BY people.person, void.analyte, void.collected_at, void.specimen, void.derived
