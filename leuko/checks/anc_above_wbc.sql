-- A measured ANC and a white cell count of one moment and, where both say it, one specimen: higher by more than the
-- last digits of the two can hide. A bound that leaves it open ("<" of an ANC, ">" of white cells) is not looked at.
WITH pairs AS (
    SELECT
        anc.patient_id, anc.source, anc.collected_at, anc.value AS anc, anc.raw_value AS anc_raw,
        anc.raw_unit AS anc_unit, wbc.value AS wbc, wbc.raw_value AS wbc_raw, wbc.raw_unit AS wbc_unit
    FROM standing_results AS anc
    JOIN standing_results AS wbc
        ON wbc.patient_id = anc.patient_id AND wbc.collected_at = anc.collected_at
        AND (wbc.specimen = anc.specimen OR wbc.specimen IS NULL OR anc.specimen IS NULL)
    WHERE anc.analyte = 'anc' AND wbc.analyte = 'wbc'
        AND coalesce(anc.comparator, '') <> '<' AND coalesce(wbc.comparator, '') <> '>'
)

SELECT
    pairs.patient_id, pairs.source, CAST(pairs.collected_at AS DATE) AS day,
    'ANC ' || raw_words(pairs.anc_raw, pairs.anc_unit) || ', white cells ' || raw_words(pairs.wbc_raw, pairs.wbc_unit)
        AS words,
    CASE
        WHEN pairs.anc > pairs.wbc THEN
            pairs.anc - coalesce(printed_step(printed_number(pairs.anc_raw), anc_power.power), 0) / 2
            >= pairs.wbc + coalesce(printed_step(printed_number(pairs.wbc_raw), wbc_power.power), 0) / 2
        ELSE false
    END AS failed
FROM pairs
LEFT JOIN unit_powers AS anc_power ON anc_power.raw_unit = pairs.anc_unit
LEFT JOIN unit_powers AS wbc_power ON wbc_power.raw_unit = pairs.wbc_unit
