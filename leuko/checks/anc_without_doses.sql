-- Patients with an ANC, measured or derived: those who were given no drug that a protocol reads.
WITH counted AS (
    SELECT
        patient_id, min_by(source, row(collected_at, source)) AS source, CAST(min(collected_at) AS DATE) AS day, count(*) AS results
    FROM labs
    WHERE analyte = 'anc' AND value IS NOT NULL AND NOT is_withdrawn(status)
    GROUP BY patient_id
),

given AS (
    SELECT DISTINCT patient_id FROM doses WHERE protocol IS NOT NULL AND dose_mg > 0
)

SELECT
    counted.patient_id, counted.source, counted.day,
    format('{:,}', counted.results) || ' ANC, the first on ' || day_words(counted.day) || ', no dose under a protocol'
        AS words,
    given.patient_id IS NULL AS failed
FROM counted
LEFT JOIN given ON given.patient_id = counted.patient_id
