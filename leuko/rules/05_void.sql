-- Step 5. Results that may not be used although they were reported: versions older than a withdrawal of the same
-- result, and a derived ANC where the laboratory reported one itself. Versions reported before void_before are void.
WITH withdrawn AS (
    SELECT patient_id, analyte, collected_at, specimen, derived, max(reported_at) AS void_before
    FROM results
    WHERE withdrawn AND reported_at < $after
    GROUP BY patient_id, analyte, collected_at, specimen, derived
),

beside_derived AS (
    SELECT patient_id, analyte, collected_at, specimen, derived, reported_at
    FROM results
    WHERE usable
        AND analyte = 'anc'
        AND NOT derived
        AND reported_at < $after
        AND (patient_id, collected_at) IN (SELECT (patient_id, collected_at) FROM results WHERE derived)
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
        results.patient_id, results.analyte, results.collected_at, results.specimen, results.derived,
        CAST($after AS TIMESTAMP) AS void_before
    FROM measured
    JOIN results
        ON results.patient_id = measured.patient_id AND results.collected_at = measured.collected_at
        AND results.analyte = 'anc' AND results.derived
),

people AS (
    SELECT DISTINCT person, patient_id FROM readers
)

SELECT
    people.person, void.analyte, void.collected_at, void.specimen, void.derived, max(void.void_before) AS void_before
FROM void
JOIN people ON people.patient_id = void.patient_id
GROUP BY people.person, void.analyte, void.collected_at, void.specimen, void.derived
