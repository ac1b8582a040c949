-- Each patient's results of one analyte, at least two of them: the first jump from one to the next, up or down.
WITH series AS (
    SELECT patient_id, analyte, max(value) >= $threshold * min(value) AS is_wide
    FROM standing_results
    WHERE value > 0 AND coalesce(comparator, '') = ''
    GROUP BY patient_id, analyte
    HAVING count(*) > 1
),

-- Only a series that is wide enough can jump; the others need no order.
neighbours AS (
    SELECT
        result.patient_id, result.analyte, result.collected_at, result.source, result.value,
        raw_words(result.raw_value, result.raw_unit) AS words,
        lag(result.value) OVER next AS value_before,
        lag(raw_words(result.raw_value, result.raw_unit)) OVER next AS words_before,
        lag(result.collected_at) OVER next AS collected_before
    FROM standing_results AS result
    JOIN series ON series.patient_id = result.patient_id AND series.analyte = result.analyte AND series.is_wide
    WHERE result.value > 0 AND coalesce(result.comparator, '') = ''
    WINDOW next AS (
        PARTITION BY result.patient_id, result.analyte ORDER BY result.collected_at, result.source
    )
),

jumps AS (
    SELECT * FROM neighbours
    WHERE value >= $threshold * value_before OR value_before >= $threshold * value
    QUALIFY row_number() OVER (PARTITION BY patient_id, analyte ORDER BY collected_at, source) = 1
)

SELECT
    series.patient_id, jumps.source, CAST(jumps.collected_at AS DATE) AS day,
    analyte_words(series.analyte) || ' ' || jumps.words_before || ' on ' || day_words(jumps.collected_before)
        || ', then ' || jumps.words || ' on ' || day_words(jumps.collected_at) AS words,
    jumps.patient_id IS NOT NULL AS failed
FROM series
LEFT JOIN jumps ON jumps.patient_id = series.patient_id AND jumps.analyte = series.analyte
