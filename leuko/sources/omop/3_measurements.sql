-- Counts, percentages and temperatures, by the concept of the measurement; where that is 0, by the LOINC code that the
-- source gave. The unit is that of its concept; where that is 0 or missing, the one the source printed.

-- Only distinct pairs are looked up. A concept that says another unit than the source printed is no known unit.
CREATE OR REPLACE TEMP TABLE written_units AS
WITH pairs AS (
    SELECT DISTINCT unit_concept_id, unit_source_value FROM raw_measurement
), spelled AS (
    SELECT pairs.*, concept_of(pairs.unit_concept_id) AS concept, code.unit AS meant
    FROM pairs LEFT JOIN known_unit_codes AS code ON code.system = 'omop' AND code.code = pairs.unit_concept_id
), compared AS (
    SELECT spelled.*,
           coalesce(bool_or((meant.quantity, meant.power) IS DISTINCT FROM (printed.quantity, printed.power))
               FILTER (printed.quantity <> 'refused'), false) AS differ
    FROM spelled
    LEFT JOIN known_units AS meant ON meant.spelling = spelled.meant
    LEFT JOIN known_units AS printed
      ON meant.spelling IS NOT NULL
     AND (printed.spelling = spelled.unit_source_value
          OR (printed.case_matters IS NULL AND lower(printed.spelling) = lower(spelled.unit_source_value)))
    GROUP BY ALL
)
SELECT unit_concept_id, unit_source_value,
       CASE WHEN concept IS NULL THEN unit_source_value
            WHEN differ THEN 'concept ' || concept || ', but printed ' || unit_source_value
            ELSE coalesce(meant, 'concept ' || concept) END AS unit
FROM compared;

CREATE OR REPLACE TEMP VIEW measured AS
SELECT row.*, coalesce(concept.analyte, printed.analyte) AS analyte
FROM raw_measurement AS row
LEFT JOIN known_codes AS concept
  ON concept.system = 'omop' AND concept.code = concept_of(row.measurement_concept_id)
LEFT JOIN known_codes AS printed
  ON printed.system = 'loinc' AND printed.code = row.measurement_source_value
 AND concept_of(row.measurement_concept_id) IS NULL;

INSERT INTO malformed
SELECT 'labs', source, as_read(to_json(row)), 'analyte not known'
FROM (SELECT * EXCLUDE (analyte) FROM measured WHERE analyte IS NULL) AS row;

CREATE OR REPLACE TEMP TABLE raw_labs AS
WITH signed AS (
    SELECT *, coalesce(regexp_extract(value_source_value, '^[<>=≤≥]+'), '') AS sign FROM measured WHERE analyte IS NOT NULL
)
SELECT row.person_id AS patient_id, row.analyte,
       -- the sign that the source printed stays: where the operator says another, neither is believed
       coalesce(row.sign || row.value_as_number, row.value_source_value) AS value,
       CASE WHEN concept_of(row.operator_concept_id) IS NULL OR known.comparator = '=' THEN NULL
            ELSE coalesce(known.comparator, 'concept ' || row.operator_concept_id) END AS comparator,
       unit.unit, unit.unit AS raw_unit,
       CASE WHEN length(row.measurement_datetime) > 10 THEN row.measurement_datetime
            WHEN regexp_full_match(row.measurement_time, '\d{2}:\d{2}(:\d{2}(\.\d+)?)?')
                THEN left(row.measurement_date, 10) || ' ' || row.measurement_time
            ELSE coalesce(row.measurement_date, row.measurement_datetime) END AS collected_at,
       CAST(NULL AS TEXT) AS reported_at, CAST(NULL AS TEXT) AS specimen, CAST(NULL AS TEXT) AS status,
       row.range_low AS ref_low, row.range_high AS ref_high,
       -- these only keep the record whole where it is set aside
       row.measurement_id, row.measurement_concept_id, row.measurement_source_value, row.unit_concept_id,
       row.unit_source_value, row.source
FROM signed AS row
LEFT JOIN known_comparator_codes AS known ON known.system = 'omop' AND known.code = row.operator_concept_id
LEFT JOIN written_units AS unit
  ON unit.unit_concept_id IS NOT DISTINCT FROM row.unit_concept_id
 AND unit.unit_source_value IS NOT DISTINCT FROM row.unit_source_value;

DROP VIEW measured; DROP TABLE written_units;
