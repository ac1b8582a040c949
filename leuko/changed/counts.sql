-- What is read of these patients now and was not read before, in words, the last three results of each course. A result
-- that was read before and has none in its place was withdrawn.
WITH read_by AS (
    SELECT DISTINCT changed.patient_id, changed.drug, changed.protocol, thresholds.analyte
    FROM changed_statuses AS changed
    JOIN thresholds ON thresholds.protocol = changed.protocol
),

new_counts AS (
    SELECT read_by.*, now.collected_at, now.specimen, now.derived, now.value, now.comparator
    FROM read_by
    JOIN results_now AS now ON now.patient_id = read_by.patient_id AND now.analyte = read_by.analyte
    ANTI JOIN results_before AS before
        ON before.patient_id = now.patient_id AND before.analyte = now.analyte
        AND before.collected_at = now.collected_at AND before.specimen IS NOT DISTINCT FROM now.specimen
        AND before.derived = now.derived AND before.value = now.value AND before.comparator = now.comparator
    UNION ALL
    SELECT read_by.*, before.collected_at, before.specimen, before.derived, NULL, NULL
    FROM read_by
    JOIN results_before AS before ON before.patient_id = read_by.patient_id AND before.analyte = read_by.analyte
    ANTI JOIN results_now AS now
        ON now.patient_id = before.patient_id AND now.analyte = before.analyte
        AND now.collected_at = before.collected_at
),

latest AS (
    FROM new_counts
    QUALIFY row_number() OVER (
        PARTITION BY patient_id, drug, protocol
        ORDER BY collected_at DESC, analyte, specimen, derived, value, comparator
    ) <= 3
)

SELECT
    patient_id, drug, protocol,
    string_agg(
        CASE analyte WHEN 'anc' THEN 'ANC' ELSE analyte END || ' '
        || coalesce(comparator || cells_said(value) || derived_words(derived), 'withdrawn')
        || ' of ' || day_words(CAST(collected_at AS DATE)),
        '; ' ORDER BY collected_at DESC, analyte, specimen, derived, value, comparator
    ) AS counts
FROM latest
GROUP BY ALL
