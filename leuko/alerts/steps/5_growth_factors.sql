-- Step 5. The days on which a patient was given G-CSF, as known on the day asked.
SELECT CAST(patient_id AS TEXT) AS patient_id, CAST(occurred_at AS DATE) AS given_on, CAST(value AS TEXT) AS words
FROM events
WHERE CAST(kind AS TEXT) = 'gcsf' AND CAST(occurred_at AS TIMESTAMP) < $after
