-- Draws: each patient-day with an ANC or a platelet count in use, with the lowest of each.
SELECT
    patient_id, drawn_on,
    min(value) FILTER (WHERE analyte = 'anc') AS anc,
    min(value) FILTER (WHERE analyte = 'platelets') AS platelets
FROM results_used
WHERE used AND analyte IN ('anc', 'platelets')
GROUP BY patient_id, drawn_on
