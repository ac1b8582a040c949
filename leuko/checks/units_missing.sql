-- Results that were set aside because no unit came with them, beside those that were read.
SELECT
    patient_id, source, day_in(raw_record, 'collected_at') AS day,
    concat_ws(' ', analyte, value, 'has no unit') AS words,
    true AS failed
FROM (
    SELECT
        *, CASE WHEN json_valid(raw_record) THEN raw_record ->> '$.analyte' END AS analyte,
        CASE WHEN json_valid(raw_record) THEN raw_record ->> '$.value' END AS value
    FROM rejected
    WHERE kind = 'labs' AND reason = 'unit missing'
) AS refused
UNION ALL
SELECT patient_id, source, CAST(collected_at AS DATE), '', false
FROM labs
WHERE NOT derived AND value IS NOT NULL
