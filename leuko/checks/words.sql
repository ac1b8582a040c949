-- What a raw value says beyond its number: "0.5" of ×10⁹/L (power 3) is printed in steps of 100 cells/µL.
CREATE OR REPLACE TEMP MACRO printed_number(raw) AS regexp_replace(trim(raw), '^[<>=≤≥\s]+', '');
CREATE OR REPLACE TEMP MACRO printed_step(raw, power) AS
    pow(10, power - length(regexp_extract(raw, '\.([0-9]*)', 1))
        + coalesce(TRY_CAST(regexp_extract(raw, '[eE]([+-]?[0-9]+)', 1) AS INTEGER), 0));
-- A unit that begins with a number stands behind a sign: 10 × 10^9/L.
CREATE OR REPLACE TEMP MACRO raw_words(raw_value, raw_unit) AS
    concat_ws(CASE WHEN trim(raw_unit) LIKE '1%' THEN ' × ' ELSE ' ' END, trim(raw_value), trim(raw_unit));
CREATE OR REPLACE TEMP MACRO analyte_words(analyte) AS
    CASE analyte WHEN 'anc' THEN 'ANC' WHEN 'wbc' THEN 'White cells' WHEN 'platelets' THEN 'Platelets'
        WHEN 'granulocytes' THEN 'Granulocytes' WHEN 'temperature' THEN 'Temperature'
        WHEN 'segs_pct' THEN 'Segmented neutrophils' WHEN 'bands_pct' THEN 'Bands'
        WHEN 'neutrophils_pct' THEN 'Neutrophils' ELSE analyte END;
CREATE OR REPLACE TEMP MACRO is_withdrawn(status) AS coalesce(status IN ('entered-in-error', 'cancelled'), false);
CREATE OR REPLACE TEMP MACRO day_in(record, name) AS
    CASE WHEN json_valid(record) THEN TRY_CAST(left(record ->> ('$.' || name), 10) AS DATE) END;
