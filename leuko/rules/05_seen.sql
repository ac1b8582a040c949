-- Step 5. What is known of each patient's counts at a glance, from one pass over the results: the lowest count and the
-- last day of each analyte, and whether anything is unusual (a withdrawal, a comparator, a derived count).
SELECT
    patient_id, analyte, min(value) AS lowest, CAST(max(collected_at) AS DATE) AS last_on,
    bool_or(withdrawn OR derived OR comparator <> '') AS unusual
FROM results
WHERE analyte IN ('anc', 'wbc', 'platelets', 'granulocytes')
    AND (usable OR withdrawn)
    AND collected_at < $after AND reported_at < $after
GROUP BY patient_id, analyte
