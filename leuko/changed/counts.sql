-- What is newly known of these patients and their protocols read, in words, the last three results of each course.
WITH new_counts AS (
    SELECT DISTINCT
        changed.patient_id, changed.drug, changed.protocol, labs.analyte, labs.value, labs.comparator, labs.derived,
        labs.collected_at, labs.reported_at, labs.status IN ('entered-in-error', 'cancelled') AS withdrawn
    FROM changed_statuses AS changed
    JOIN thresholds ON thresholds.protocol = changed.protocol
    JOIN known_now AS labs ON labs.patient_id = changed.patient_id AND labs.analyte = thresholds.analyte
    ANTI JOIN known_before
        ON known_before.patient_id = labs.patient_id AND known_before.analyte = labs.analyte
        AND known_before.collected_at = labs.collected_at AND known_before.reported_at = labs.reported_at
        AND known_before.value IS NOT DISTINCT FROM labs.value AND known_before.status = labs.status
)

SELECT
    patient_id, drug, protocol,
    string_agg(
        CASE analyte WHEN 'anc' THEN 'ANC' ELSE analyte END || ' '
        || CASE
            WHEN withdrawn OR value IS NULL THEN 'withdrawn'
            ELSE comparator || number_words(value) || ' cells/µL' || derived_words(derived)
        END || ' of ' || day_words(CAST(collected_at AS DATE)),
        '; ' ORDER BY collected_at DESC, analyte, value
    ) AS counts
FROM (
    FROM new_counts
    QUALIFY row_number() OVER (PARTITION BY patient_id, drug, protocol ORDER BY collected_at DESC, analyte, value) <= 3
) AS latest
GROUP BY ALL
