-- Step 6. Results that may not be used although they were reported: versions older than a withdrawal of the same
-- result, and a derived ANC where the laboratory reported one itself. Versions reported before void_before are void.
WITH withdrawn AS (
    SELECT patient_id, analyte, collected_at, specimen, derived, max(reported_at) AS void_before
    FROM results
    WHERE withdrawn AND reported_at < $after
    GROUP BY patient_id, analyte, collected_at, specimen, derived
),

worked_out AS (
    SELECT patient_id, analyte, collected_at, specimen, derived FROM results WHERE derived AND analyte = 'anc'
),

beside_derived AS (
    SELECT patient_id, analyte, collected_at, specimen, derived, reported_at
    FROM results
    WHERE usable
        AND analyte = 'anc'
        AND NOT derived
        AND reported_at < $after
        AND EXISTS (
            SELECT 1 FROM worked_out
            WHERE worked_out.patient_id = results.patient_id AND worked_out.collected_at = results.collected_at
        )
),

measured AS (
    SELECT DISTINCT beside_derived.patient_id, beside_derived.collected_at
    FROM beside_derived
    LEFT JOIN withdrawn USING (patient_id, analyte, collected_at, specimen, derived)
    WHERE withdrawn.void_before IS NULL OR withdrawn.void_before <= beside_derived.reported_at
),

void AS (
    SELECT patient_id, analyte, collected_at, specimen, derived, void_before FROM withdrawn
    UNION ALL
    SELECT
        worked_out.patient_id, worked_out.analyte, worked_out.collected_at, worked_out.specimen, worked_out.derived,
        CAST($after AS TIMESTAMP) AS void_before
    FROM worked_out
    JOIN measured
        ON measured.patient_id = worked_out.patient_id AND measured.collected_at = worked_out.collected_at
),

people AS (
    SELECT DISTINCT person, patient_id FROM readers
)

SELECT
    people.person, void.analyte, void.collected_at, void.specimen, void.derived, max(void.void_before) AS void_before
FROM void
JOIN people ON people.patient_id = void.patient_id
GROUP BY people.person, void.analyte, void.collected_at, void.specimen, void.derived
