-- Step 2. Their results as known on the day asked: of several versions of one result the one reported last, at a tie the
-- lowest, and a usable one before a withdrawn one; no derived ANC where one was measured.
WITH versions AS (
    SELECT results.*
    FROM results
    JOIN watched ON watched.patient_id = results.patient_id
    WHERE results.analyte IN ('anc', 'wbc', 'temperature')
        AND results.collected_at < $after AND results.reported_at < $after
        AND (results.usable OR results.withdrawn)
    QUALIFY row_number() OVER (
        PARTITION BY
            results.patient_id, results.analyte, results.collected_at, results.specimen, results.derived
        ORDER BY
            results.reported_at DESC, results.withdrawn, results.value, results.comparator = '>',
            results.comparator = ''
    ) = 1
)

SELECT patient_id, analyte, collected_at, CAST(collected_at AS DATE) AS drawn_on, value, comparator, derived
FROM versions
WHERE usable
QUALIFY NOT derived OR bool_and(derived) OVER (PARTITION BY patient_id, analyte, collected_at)
