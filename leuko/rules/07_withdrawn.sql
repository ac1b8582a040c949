-- Step 7. Results that the laboratory withdrew: every version of them reported before void_before is void.
SELECT patient_id, analyte, collected_at, specimen, derived, max(reported_at) AS void_before
FROM results
WHERE withdrawn AND reported_at < $after
GROUP BY patient_id, analyte, collected_at, specimen, derived
