-- Step 9. Results that may not be used although they were reported: versions older than a withdrawal of the same
-- result, and a derived ANC where a measured one stands. Versions reported before void_before are void.
WITH measured AS (
    SELECT DISTINCT worked_out.patient_id, worked_out.collected_at, worked_out.specimen
    FROM worked_out
    JOIN results
        ON results.patient_id = worked_out.patient_id AND results.collected_at = worked_out.collected_at
        AND results.analyte = 'anc' AND results.usable AND NOT results.derived AND results.reported_at < $after
    LEFT JOIN withdrawn
        ON withdrawn.patient_id = results.patient_id AND withdrawn.analyte = 'anc'
        AND withdrawn.collected_at = results.collected_at AND withdrawn.specimen = results.specimen
        AND NOT withdrawn.derived
    WHERE withdrawn.void_before IS NULL OR withdrawn.void_before <= results.reported_at
),

void AS (
    SELECT patient_id, analyte, collected_at, specimen, derived, void_before FROM withdrawn
    UNION ALL
    SELECT patient_id, 'anc' AS analyte, collected_at, specimen, true AS derived, CAST($after AS TIMESTAMP) AS void_before
    FROM measured
),

people AS (
    SELECT DISTINCT person, patient_id FROM readers
)

SELECT
    people.person, void.analyte, void.collected_at, void.specimen, void.derived, max(void.void_before) AS void_before
FROM void
JOIN people ON people.patient_id = void.patient_id
GROUP BY people.person, void.analyte, void.collected_at, void.specimen, void.derived
