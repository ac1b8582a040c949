-- Results that came again: those that say the same in the same report, whether the reader set them aside or not.
SELECT
    patient_id, source, CAST(collected_at AS DATE) AS day,
    analyte_words(analyte) || ' ' || raw_words(raw_value, raw_unit) || ', as before' AS words,
    what = 'duplicate' AS failed
FROM result_versions
WHERE NOT is_first
UNION ALL
SELECT patient_id, source, day_in(raw_record, 'collected_at'), reason, true
FROM rejected
WHERE kind = 'labs' AND starts_with(reason, 'duplicate')
