-- Results that came more than once (same patient, analyte, collection time and specimen), version by version, and what
-- each is to the one before it. `latest`: the version that the rule reads.
WITH moments AS (
    SELECT patient_id, analyte, collected_at, coalesce(specimen, '') AS specimen
    FROM labs
    WHERE NOT derived
    GROUP BY ALL
    HAVING count(*) > 1
),

written AS (
    SELECT
        labs.patient_id, labs.analyte, labs.collected_at, moments.specimen, labs.reported_at, labs.value,
        labs.comparator, labs.raw_value, labs.raw_unit, labs.source, labs.rowid AS row,
        coalesce(unit_powers.power, 0) AS power,
        is_withdrawn(labs.status) AS withdrawn
    FROM labs
    JOIN moments
        ON moments.patient_id = labs.patient_id AND moments.analyte = labs.analyte
        AND moments.collected_at = labs.collected_at AND moments.specimen = coalesce(labs.specimen, '')
    LEFT JOIN unit_powers ON unit_powers.raw_unit = labs.raw_unit
    WHERE NOT labs.derived
),

followed AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY patient_id, analyte, collected_at, specimen
            ORDER BY reported_at DESC, withdrawn OR value IS NULL, value, comparator = '>', comparator = '', source
        ) = 1 AS latest,
        lag(source) OVER report IS NULL AS is_first, lag(power) OVER report AS power_before,
        lag(reported_at) OVER report AS reported_before, lag(value) OVER report AS value_before,
        lag(comparator) OVER report AS comparator_before, lag(withdrawn) OVER report AS withdrawn_before,
        raw_words(lag(raw_value) OVER report, lag(raw_unit) OVER report) AS words_before
    FROM written
    WINDOW report AS (
        PARTITION BY patient_id, analyte, collected_at, specimen
        ORDER BY reported_at, withdrawn, power, value, comparator, source
    )
),

compared AS (
    SELECT
        *,
        value IS NOT DISTINCT FROM value_before AND comparator IS NOT DISTINCT FROM comparator_before
            AND withdrawn = withdrawn_before AS same
    FROM followed
)

SELECT
    *,
    CASE
        WHEN is_first THEN 'first'
        WHEN withdrawn OR withdrawn_before THEN CASE WHEN same THEN 'sent again' ELSE 'corrected' END
        WHEN power <> power_before THEN 'two units'
        WHEN same AND reported_at = reported_before THEN 'duplicate'
        WHEN same THEN 'sent again'
        WHEN reported_at = reported_before THEN 'contradicting'
        ELSE 'corrected'
    END AS what
FROM compared
