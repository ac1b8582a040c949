-- Results: an Observation's own value, and its components as parts of it. Codes, units and numbers are judged by the
-- canonical step; here a code is only told from others of its system.

CREATE OR REPLACE TEMP TABLE fhir_components AS
SELECT source || ' part ' || nth AS source, status, said[4] AS code, subject, collected, issued,
       coalesce(said[10], said[14], said[15]) AS value, said[11] AS comparator, said[12] AS unit_code, said[13] AS unit,
       range_end(said[19], said[20], said[21], said[18], said[12], said[13]) AS ref_low,
       range_end(said[22], said[23], said[24], said[18], said[12], said[13]) AS ref_high, specimen
FROM (SELECT * EXCLUDE (value, comparator, unit_code, unit, ref_low, ref_high, code, component),
             observed(item) AS said, nth
      FROM (SELECT *, unnest(items) AS item, generate_subscripts(items, 1) AS nth
            FROM (SELECT *, TRY(json_extract(component, '$[*]')) AS items
                  FROM fhir_observations WHERE component IS NOT NULL)));

CREATE OR REPLACE TEMP TABLE fhir_results AS
SELECT source, status, code, subject, collected, issued, value, comparator, unit_code, unit, ref_low, ref_high, specimen
FROM fhir_observations
WHERE component IS NULL OR value IS NOT NULL OR source NOT IN (
    SELECT regexp_replace(source, ' part \d+$', '') FROM fhir_components)
UNION ALL
SELECT * FROM fhir_components;

-- Only distinct codes are looked up. The site's own coding wins; two known codings must mean the same.
CREATE OR REPLACE TEMP TABLE fhir_meanings AS
WITH written AS (SELECT DISTINCT code FROM fhir_results WHERE code IS NOT NULL),
codings AS (
    SELECT code, unnest(TRY(from_json(json_extract(code, '$.coding'), '[{"system": "VARCHAR", "code": "VARCHAR"}]')))
               AS coding
    FROM written
), systems AS (
    SELECT code, coding.system AS system, coding.code AS own,
           CASE coding.system WHEN 'http://loinc.org' THEN 'loinc' WHEN 'http://snomed.info/sct' THEN 'snomed' END
               AS known_system
    FROM codings
), meant AS (
    SELECT system.code, own_codes.analyte, own_codes.analyte AS passed, 1 AS rank
    FROM systems AS system JOIN own_codes
      ON own_codes.code = system.own AND coalesce(own_codes.system, '') = coalesce(system.system, '')
    UNION ALL
    -- the code itself is passed on, so that a result that is refused keeps it
    SELECT system.code, known_codes.analyte, known_codes.code, 2
    FROM systems AS system JOIN known_codes ON known_codes.system = known_system AND known_codes.code = own
    UNION ALL
    SELECT system.code, known_other_cells.analyte, known_other_cells.analyte, 3
    FROM systems AS system
    JOIN known_other_cells ON known_other_cells.system = known_system AND known_other_cells.code = own
), chosen AS (
    SELECT code, min(passed) AS analyte
    FROM (SELECT *, min(rank) OVER (PARTITION BY code) AS best FROM meant)
    WHERE rank = best GROUP BY code HAVING count(DISTINCT analyte) = 1
), unknown AS (
    SELECT code, string_agg(coalesce(system, '') || '|' || coalesce(own, ''), ' ' ORDER BY system, own) AS analyte
    FROM systems GROUP BY code
)
SELECT code, coalesce(chosen.analyte, unknown.analyte,
                      'text: ' || coalesce(TRY(json_extract_string(code, '$.text')), code)) AS analyte
FROM written LEFT JOIN chosen USING (code) LEFT JOIN unknown USING (code);

INSERT INTO raw_labs (patient_id, analyte, value, comparator, unit, raw_unit, collected_at, reported_at, specimen,
                      status, ref_low, ref_high, source)
SELECT named_id(subject, 'Patient'), fhir_meanings.analyte, value, comparator,
       CASE WHEN known.spelling IS NOT NULL THEN unit_code ELSE coalesce(unit, unit_code) END, unit,
       collected, issued, result.specimen, status, ref_low, ref_high, source
FROM fhir_results AS result
LEFT JOIN fhir_meanings USING (code)
LEFT JOIN (SELECT DISTINCT spelling FROM known_units) AS known ON known.spelling = unit_code;

DROP TABLE fhir_components; DROP TABLE fhir_results; DROP TABLE fhir_meanings; DROP TABLE fhir_observations;
