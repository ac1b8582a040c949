-- Step 5. The days on which a patient was given a growth factor, by the day asked: the events recorded as such, and each
-- day of a dose above 0 of one of the drugs of growth_factor_drugs.csv. A dose without an end goes on.
SELECT CAST(patient_id AS TEXT) AS patient_id, CAST(occurred_at AS DATE) AS given_on, coalesce(value, 'G-CSF') AS words
FROM events
WHERE CAST(kind AS TEXT) = 'gcsf' AND CAST(occurred_at AS TIMESTAMP) < $after
    AND coalesce(lower(trim(CAST(value AS TEXT))), '') NOT IN (SELECT word FROM denials)
UNION ALL
SELECT
    doses.patient_id, CAST(unnest(generate_series(doses.start_on, doses.last_on, INTERVAL 1 DAY)) AS DATE),
    doses.drug || ' ' || dose_words(doses.dose_mg, doses.dose_unit)
FROM doses
JOIN growth_factor_drugs ON growth_factor_drugs.drug = doses.drug
WHERE doses.dose_mg > 0
