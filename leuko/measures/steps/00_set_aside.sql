-- Rows that were set aside, by patient and day: what may stand in them is neither done nor not done. A row of which no
-- day can be read has none, and may be of any day up to the day asked.
WITH told AS (
    SELECT
        patient_id, kind, lower(trim(json_extract_string(raw_record, '$.analyte'))) AS analyte,
        lower(trim(json_extract_string(raw_record, '$.drug'))) AS drug,
        TRY_CAST(left(coalesce(
            json_extract_string(raw_record, '$.collected_at'), json_extract_string(raw_record, '$.start_on'),
            json_extract_string(raw_record, '$.occurred_at')
        ), 10) AS DATE) AS day
    FROM rejected
    WHERE patient_id IS NOT NULL AND kind IN ('labs', 'exposures', 'events')
)

SELECT told.*
FROM told
CROSS JOIN asked_for
WHERE told.day IS NULL OR told.day < asked_for.after
