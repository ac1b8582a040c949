-- What each distinct analyte, unit and state of the file means. Only distinct texts are looked up: a feed of
-- ten million rows has a handful.

-- Blanks of every kind around a text are nothing: a tab must not make a second patient. Few texts have any, and to
-- trim one takes long.
CREATE OR REPLACE TEMP MACRO given(written) AS
    CASE WHEN regexp_matches(written, '^[ \t\n\r\x{a0}]|[ \t\n\r\x{a0}]$')
         THEN nullif(trim(written, ' ' || chr(9) || chr(10) || chr(13) || chr(160)), '')
         ELSE nullif(written, '') END;

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
    TRY_CAST(CASE WHEN power = 0 THEN written
        WHEN contains(lower(written), 'e') THEN split_part(lower(written), 'e', 1) || 'e'
            || (CAST(split_part(lower(written), 'e', 2) AS INTEGER) + power)
        ELSE written || 'e' || power END AS DOUBLE);

-- Whole-number arithmetic on 15 decimals, so that 100.4 °F is 38 °C and not a neighbour.
CREATE OR REPLACE TEMP MACRO from_fahrenheit(written) AS
    CAST(CAST((TRY_CAST(written || 'e15' AS HUGEINT) - CAST('32e15' AS HUGEINT)) * 5000 // 9 AS TEXT)
        || 'e-18' AS DOUBLE);

CREATE OR REPLACE TEMP MACRO in_canonical_unit(number, quantity, power) AS
    CASE WHEN quantity = 'cells' THEN shifted(number, power)
         WHEN quantity = 'fahrenheit' AND NOT contains(lower(number), 'e') THEN from_fahrenheit(number)
         WHEN quantity IN ('percent', 'celsius') THEN TRY_CAST(number AS DOUBLE) END;

-- ISO 8601, extended form: a date, or a date with a time. The offset is cut off, never applied.
CREATE OR REPLACE TEMP MACRO wall_clock(written) AS
    TRY_CAST(regexp_extract(
        given(written),
        '^(\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?) ?(?:Z|z|[+-]\d{2}(?::?\d{2})?)?$',
        1) AS TIMESTAMP);

CREATE OR REPLACE TEMP MACRO written_offset(written) AS
    CASE WHEN length(given(written)) > 16
         THEN nullif(regexp_extract(substr(given(written), 17), '(Z|z|[+-]\d{2}(?::?\d{2})?)$', 1), '') END;

-- Nearly every moment of a feed has no offset and no blanks, or came as one: it is read as it stands.
CREATE OR REPLACE TEMP MACRO is_plain_moment(written) AS
    CASE WHEN typeof(written) = 'TIMESTAMP'
         THEN coalesce(year(TRY_CAST(written AS TIMESTAMP)) BETWEEN 0 AND 9999, false)
         ELSE coalesce(regexp_full_match(
             CAST(written AS TEXT), '\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?)?'), false) END;

-- FHIR's words for the state of a result, however they are joined and spelled.
CREATE OR REPLACE TEMP MACRO status_word(written) AS
    replace(replace(replace(lower(given(written)), ' ', '-'), '_', '-'), 'canceled', 'cancelled');

-- The row as it came in: what was given, without our own marks and without empty columns.
CREATE OR REPLACE TEMP MACRO as_given(record) AS
    json_merge_patch('{}', record, '{"source": null, "source_file": null, "source_row": null}');

CREATE OR REPLACE TEMP TABLE written_together AS SELECT DISTINCT analyte, unit, raw_unit, status FROM raw_labs;

-- Many columns of units, and none: the unit as given is that of `unit`, else of `raw_unit`.
CREATE OR REPLACE TEMP TABLE unit_meanings AS
WITH written AS (
    SELECT unit, raw_unit, coalesce(given(unit), given(raw_unit)) AS spelling
    FROM (SELECT DISTINCT unit, raw_unit FROM written_together)
)
SELECT DISTINCT written.*, known.quantity, CAST(known.power AS INTEGER) AS power
FROM written
LEFT JOIN (SELECT * FROM known_units WHERE quantity <> 'refused') AS known
  ON folded_unit(known.spelling) = folded_unit(written.spelling)
  OR (known.case_matters IS NULL AND lower(folded_unit(known.spelling)) = lower(folded_unit(written.spelling)));

CREATE OR REPLACE TEMP TABLE analyte_meanings AS
SELECT written.analyte, coalesce(canonical.analyte, code.analyte) AS meaning,
       CASE WHEN coalesce(canonical.analyte, code.analyte) = 'temperature' THEN 'temperature'
            WHEN coalesce(canonical.analyte, code.analyte) LIKE '%\_pct' ESCAPE '\' THEN 'percentage'
            WHEN coalesce(canonical.analyte, code.analyte) IS NOT NULL THEN 'count'
            WHEN lower(given(written.analyte)) IN (
                'lymphocytes_pct', 'atypical_lymphocytes_pct', 'monocytes_pct', 'eosinophils_pct', 'basophils_pct',
                'metamyelocytes_pct', 'myelocytes_pct', 'promyelocytes_pct', 'blasts_pct') THEN 'other cells' END
           AS nature
FROM (SELECT DISTINCT analyte FROM written_together) AS written
LEFT JOIN (VALUES ('anc'), ('wbc'), ('platelets'), ('segs_pct'), ('neutrophils_pct'), ('bands_pct'),
                  ('granulocytes'), ('temperature')) AS canonical(analyte)
  ON lower(given(written.analyte)) = canonical.analyte
LEFT JOIN known_codes AS code ON given(written.analyte) = code.code;

-- Each word of these is one of few: a result carries its place in a list, not its letters, until it is sorted.
CREATE OR REPLACE TEMP TYPE analyte_word AS ENUM (SELECT DISTINCT meaning FROM analyte_meanings WHERE meaning IS NOT NULL);
CREATE OR REPLACE TEMP TYPE unit_word AS ENUM (SELECT DISTINCT spelling FROM unit_meanings WHERE spelling IS NOT NULL);
CREATE OR REPLACE TEMP TYPE state_word AS ENUM (
    SELECT DISTINCT coalesce(status_word(status), 'final') FROM written_together);

-- All of it in one row for what stands written together.
CREATE OR REPLACE TEMP TABLE meanings AS
SELECT written.analyte AS analyte_written, written.unit AS unit_written, written.raw_unit AS raw_unit_written,
       written.status AS status_written, CAST(analyte.meaning AS analyte_word) AS analyte, analyte.nature,
       CAST(unit.spelling AS unit_word) AS raw_unit, unit.quantity, unit.power,
       CAST(coalesce(status_word(written.status), 'final') AS state_word) AS status
FROM written_together AS written
LEFT JOIN analyte_meanings AS analyte ON written.analyte = analyte.analyte
JOIN unit_meanings AS unit
  ON written.unit IS NOT DISTINCT FROM unit.unit AND written.raw_unit IS NOT DISTINCT FROM unit.raw_unit;
DROP TABLE written_together; DROP TABLE unit_meanings; DROP TABLE analyte_meanings;

CREATE OR REPLACE TABLE rejected (source TEXT, raw_record TEXT, reason TEXT, patient_id TEXT, kind TEXT);
INSERT INTO rejected
SELECT source, raw_record, reason, json_extract_string(raw_record, '$.patient_id'), kind FROM malformed;
