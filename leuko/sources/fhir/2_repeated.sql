-- A resource that came in twice is used once. Of a result every version is kept, since the rule reads versions; of any
-- other resource the latest: by meta.lastUpdated, then meta.versionId, then the last one read.

CREATE OR REPLACE TEMP TABLE repeated_results AS
WITH marked AS (
    SELECT rowid AS place, hash(id, status, code, subject, collected, issued, value, comparator, unit_code, unit,
                                ref_low, ref_high, specimen, component) AS content
    FROM fhir_observations
), suspected AS (
    SELECT place FROM marked WHERE content IN (SELECT content FROM marked GROUP BY content HAVING count(*) > 1)
)
SELECT place, source, first_source
FROM (SELECT rowid AS place, source, first_value(source) OVER same AS first_source, row_number() OVER same AS time
      FROM fhir_observations WHERE rowid IN (SELECT place FROM suspected)
      WINDOW same AS (PARTITION BY id, status, code, subject, collected, issued, value, comparator, unit_code, unit,
                                   ref_low, ref_high, specimen, component ORDER BY rowid))
WHERE time > 1;

INSERT INTO malformed
SELECT 'labs', result.source, json_merge_patch('{}', to_json(result), '{"source": null}'),
       'duplicate of ' || repeated_results.first_source
FROM fhir_observations AS result JOIN repeated_results ON result.rowid = repeated_results.place;
DELETE FROM fhir_observations WHERE rowid IN (SELECT place FROM repeated_results);

CREATE OR REPLACE TEMP TABLE repeated_resources AS
WITH kept AS (
    SELECT rowid AS place, source, type, id, text, first_value(source) OVER same AS first_source,
           row_number() OVER same AS time
    FROM fhir_resources WINDOW same AS (PARTITION BY type, id, text ORDER BY rowid)
), versions AS (
    SELECT place, source, type, id, TRY_CAST(json_extract_string(text, '$.meta.lastUpdated') AS TIMESTAMPTZ) AS updated,
           TRY_CAST(json_extract_string(text, '$.meta.versionId') AS BIGINT) AS version
    FROM kept WHERE time = 1 AND id IS NOT NULL
)
SELECT place, 'duplicate of ' || first_source AS reason FROM kept WHERE time > 1
UNION ALL
SELECT place, 'older version of ' || latest
FROM (SELECT place, source, first_value(source) OVER (
          PARTITION BY type, id ORDER BY updated DESC NULLS LAST, version DESC NULLS LAST, place DESC) AS latest
      FROM versions)
WHERE latest <> source;

INSERT INTO malformed
SELECT kind_of(type), source, text, reason
FROM fhir_resources AS resource JOIN repeated_resources ON resource.rowid = repeated_resources.place;
DELETE FROM fhir_resources WHERE rowid IN (SELECT place FROM repeated_resources);
DROP TABLE repeated_results; DROP TABLE repeated_resources;
