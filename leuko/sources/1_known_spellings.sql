-- What each distinct analyte and unit of the file means. Only distinct texts are looked up: a feed of
-- ten million rows has a handful.

-- Blanks of every kind around a text are nothing: a tab must not make a second patient.
CREATE OR REPLACE TEMP MACRO given(written) AS
    nullif(trim(written, ' ' || chr(9) || chr(10) || chr(13) || chr(160)), '');

CREATE OR REPLACE TEMP MACRO folded_unit(written) AS
    -- blanks, both signs for micro, ISMP's "mc" and the multiplication sign are ways of writing, not meaning
    regexp_replace(
        replace(replace(replace(trim(regexp_replace(replace(written, chr(160), ' '), '\s+', ' ', 'g')),
            'µ', 'u'), 'μ', 'u'), '×', 'x'),
        'mcl', 'uL', 'gi');

CREATE OR REPLACE TEMP MACRO is_number(written) AS
    regexp_full_match(written, '[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?');

-- Moves the decimal point in the text and reads it once: no binary product ever stands between 0.5 and 500.
CREATE OR REPLACE TEMP MACRO shifted(written, power) AS
    TRY_CAST(CASE WHEN contains(lower(written), 'e')
        THEN split_part(lower(written), 'e', 1) || 'e'
            || (CAST(split_part(lower(written), 'e', 2) AS INTEGER) + power)
        ELSE written || 'e' || power END AS DOUBLE);

-- Whole-number arithmetic on 15 decimals, so that 100.4 °F is 38 °C and not a neighbour.
CREATE OR REPLACE TEMP MACRO from_fahrenheit(written) AS
    CAST(CAST((TRY_CAST(written || 'e15' AS HUGEINT) - CAST('32e15' AS HUGEINT)) * 5000 // 9 AS TEXT)
        || 'e-18' AS DOUBLE);

CREATE OR REPLACE TEMP MACRO in_canonical_unit(written, quantity, power) AS
    CASE WHEN written IS NULL OR NOT is_number(written) THEN NULL
         WHEN quantity = 'cells' THEN shifted(written, power)
         WHEN quantity = 'fahrenheit' AND NOT contains(lower(written), 'e') THEN from_fahrenheit(written)
         WHEN quantity IN ('percent', 'celsius') THEN TRY_CAST(written AS DOUBLE) END;

-- ISO 8601, extended form: a date, or a date with a time. The offset is cut off, never applied.
CREATE OR REPLACE TEMP MACRO wall_clock(written) AS
    TRY_CAST(regexp_extract(
        given(written),
        '^(\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?) ?(?:Z|z|[+-]\d{2}(?::?\d{2})?)?$',
        1) AS TIMESTAMP);

CREATE OR REPLACE TEMP MACRO written_offset(written) AS
    CASE WHEN length(given(written)) > 16
         THEN nullif(regexp_extract(substr(given(written), 17), '(Z|z|[+-]\d{2}(?::?\d{2})?)$', 1), '') END;

-- FHIR's words for the state of a result, however they are joined and spelled.
CREATE OR REPLACE TEMP MACRO status_word(written) AS
    replace(replace(replace(lower(given(written)), ' ', '-'), '_', '-'), 'canceled', 'cancelled');

-- The row as it came in: what was given, without our own mark and without empty columns.
CREATE OR REPLACE TEMP MACRO as_given(record) AS json_merge_patch('{}', record, '{"source": null}');

CREATE OR REPLACE TEMP TABLE unit_meanings AS
SELECT DISTINCT written.unit, known.quantity, CAST(known.power AS INTEGER) AS power
FROM (SELECT DISTINCT coalesce(given(unit), given(raw_unit)) AS unit FROM raw_labs) AS written
JOIN known_units AS known
  ON folded_unit(known.spelling) = folded_unit(written.unit)
  OR (known.case_matters IS NULL AND lower(folded_unit(known.spelling)) = lower(folded_unit(written.unit)))
WHERE known.quantity <> 'refused';

CREATE OR REPLACE TEMP TABLE analyte_meanings AS
SELECT written.analyte, coalesce(canonical.analyte, code.analyte) AS meaning,
       CASE WHEN coalesce(canonical.analyte, code.analyte) = 'temperature' THEN 'temperature'
            WHEN coalesce(canonical.analyte, code.analyte) LIKE '%\_pct' ESCAPE '\' THEN 'percentage'
            ELSE 'count' END AS nature
FROM (SELECT DISTINCT analyte FROM raw_labs) AS written
LEFT JOIN (VALUES ('anc'), ('wbc'), ('platelets'), ('segs_pct'), ('neutrophils_pct'), ('bands_pct'),
                  ('granulocytes'), ('temperature')) AS canonical(analyte)
  ON lower(given(written.analyte)) = canonical.analyte
LEFT JOIN known_codes AS code ON given(written.analyte) = code.code
WHERE coalesce(canonical.analyte, code.analyte) IS NOT NULL;

CREATE OR REPLACE TABLE rejected (source TEXT, raw_record TEXT, reason TEXT, patient_id TEXT, kind TEXT);
INSERT INTO rejected
SELECT source, raw_record, reason, json_extract_string(raw_record, '$.patient_id'), kind FROM malformed;
