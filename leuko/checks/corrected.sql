-- Results that came again: those of which a later report changed or withdrew the value.
SELECT
    patient_id, source, CAST(collected_at AS DATE) AS day,
    analyte_words(analyte) || ' ' || words_before || ' then '
        || CASE WHEN withdrawn THEN 'withdrawn' ELSE raw_words(raw_value, raw_unit) END AS words,
    what = 'corrected' AS failed
FROM result_versions
WHERE NOT is_first
