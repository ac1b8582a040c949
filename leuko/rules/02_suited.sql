-- Step 2. Patients whose record has every fact that a protocol requires. What is not recorded meets nothing.
WITH recorded AS (
    SELECT CAST(patient_id AS TEXT) AS patient_id, 'duffy_null' AS fact, CAST(CAST(duffy_null AS BOOLEAN) AS TEXT) AS word
    FROM patients
    UNION ALL
    SELECT CAST(patient_id AS TEXT) AS patient_id, 'diagnosis' AS fact, lower(trim(CAST(diagnosis AS TEXT))) AS word
    FROM patients
),

asked AS (
    SELECT protocol, count(*) AS facts FROM requirements GROUP BY protocol
)

SELECT recorded.patient_id, requirements.protocol
FROM requirements
JOIN recorded ON recorded.fact = requirements.fact AND recorded.word = requirements.word
JOIN asked ON asked.protocol = requirements.protocol
GROUP BY recorded.patient_id, requirements.protocol, asked.facts
HAVING count(DISTINCT requirements.fact) = asked.facts
