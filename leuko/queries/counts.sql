-- One patient's results, with the CTCAE v5.0 grade where the count and, for grade 1, the laboratory's limit allow it.
SELECT
    results_used.analyte, results_used.drawn_on, results_used.collected_at, results_used.reported_at,
    results_used.value, coalesce(results_used.comparator, '') AS comparator, results_used.status,
    results_used.derived, results_used.raw_value, results_used.raw_unit, results_used.specimen,
    results_used.source, results_used.used, results_used.ref_low,
    CASE
        WHEN results_used.value IS NULL OR coalesce(results_used.comparator, '') <> '' THEN NULL
        WHEN grades.grade IS NOT NULL THEN grades.grade
        WHEN results_used.analyte IN (SELECT analyte FROM grades) AND results_used.ref_low IS NOT NULL THEN 0
    END AS grade
FROM results_used
LEFT JOIN grades
    ON grades.version = '5.0'
    AND grades.analyte = results_used.analyte
    AND (grades.at_least IS NULL OR results_used.value >= grades.at_least)
    AND results_used.value < CASE WHEN grades.below = 'lln' THEN results_used.ref_low
        ELSE CAST(grades.below AS DOUBLE) END
ORDER BY results_used.collected_at, results_used.analyte, results_used.reported_at
