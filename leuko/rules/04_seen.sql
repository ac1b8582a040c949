-- Step 4. What is known of each patient's counts at a glance, from one pass over the results: the lowest counts, the
-- last days, and whether anything is unusual (a withdrawal, a comparator, a derived count). Patients with nothing low
-- and nothing unusual are read no further than their last day.
SELECT
    patient_id,
    min(value) FILTER (WHERE analyte = 'anc') AS anc_lowest,
    min(value) FILTER (WHERE analyte = 'platelets') AS platelets_lowest,
    CAST(max(collected_at) FILTER (WHERE analyte = 'anc') AS DATE) AS anc_on,
    CAST(max(collected_at) FILTER (WHERE analyte = 'platelets') AS DATE) AS platelets_on,
    bool_or(withdrawn OR derived OR comparator <> '') AS unusual
FROM results
WHERE analyte IN ('anc', 'wbc', 'platelets', 'granulocytes')
    AND (usable OR withdrawn)
    AND collected_at < $after AND reported_at < $after
GROUP BY patient_id
