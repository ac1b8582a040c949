-- Step 8. ANC values that were worked out from a white count and a differential.
SELECT DISTINCT patient_id, collected_at, specimen
FROM results
WHERE derived AND analyte = 'anc'
