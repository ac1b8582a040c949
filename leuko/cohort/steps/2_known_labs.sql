-- Step 2. Every ANC of the chosen patients that was known on the day asked.
SELECT *
FROM labs
WHERE analyte = 'anc' AND patient_id IN (SELECT patient_id FROM chosen)
    AND collected_at < $after AND reported_at < $after
