-- Results that came again with the same report time and unit: those with another value.
SELECT
    patient_id, source, CAST(collected_at AS DATE) AS day,
    analyte_words(analyte) || ' ' || words_before || ' and '
        || CASE WHEN withdrawn THEN 'withdrawn' ELSE raw_words(raw_value, raw_unit) END AS words,
    what = 'contradicting' AS failed
FROM result_versions
WHERE NOT is_first
