-- Results that came again: those in a unit of another size than the one before.
SELECT
    patient_id, source, CAST(collected_at AS DATE) AS day,
    analyte_words(analyte) || ' ' || words_before || ' and ' || raw_words(raw_value, raw_unit)
        || CASE WHEN value = value_before THEN ': the same count'
            ELSE ': not the same count, ' || cells_number(value_before) || ' and ' || cells_said(value) END AS words,
    what = 'two units' AS failed
FROM result_versions
WHERE NOT is_first
