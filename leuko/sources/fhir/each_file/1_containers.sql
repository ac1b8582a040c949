-- Lines that hold several resources are taken apart, as deep as they go; a container without contents stays as it is.

CREATE OR REPLACE TEMP MACRO contents(resource) AS
    CASE WHEN json_type(resource) = 'ARRAY' THEN json_extract(resource, '$[*]')
         WHEN json_extract_string(resource, '$.resourceType') = 'Bundle' THEN json_extract(resource, '$.entry[*]')
         WHEN json_extract_string(resource, '$.resourceType') = 'DiagnosticReport'
             THEN json_extract(resource, '$.contained[*]')
         ELSE [] END;

-- The lines that could not be read count among those that could, so that row n is line n.
UPDATE fhir_lines SET line = moved.line
FROM (
    SELECT lines.line AS read_order, lines.line + bad.lines AS line
    FROM fhir_lines AS lines
    ASOF JOIN (
        SELECT good_before, max(so_far) AS lines
        FROM (SELECT line - row_number() OVER (ORDER BY line) AS good_before,
                     row_number() OVER (ORDER BY line) AS so_far
              FROM (SELECT DISTINCT line FROM bad_lines))
        GROUP BY good_before
    ) AS bad ON lines.line > bad.good_before
) AS moved
WHERE moved.read_order = fhir_lines.line;

CREATE OR REPLACE TEMP TABLE fhir_containers AS
SELECT line, text FROM fhir_lines
WHERE CASE WHEN said IS NULL THEN false
           WHEN said[1] IS NULL THEN json_type(text) = 'ARRAY'
           ELSE said[1] IN ('Bundle', 'DiagnosticReport') END;

-- A report lends its results what they leave out: whose they are, when they were drawn and reported, and its own
-- withdrawal.
CREATE OR REPLACE TEMP TABLE fhir_contents AS
WITH RECURSIVE opened AS (
    SELECT line, CAST([] AS BIGINT[]) AS place, CAST(text AS JSON) AS text, contents(text) AS items,
           CAST(NULL AS TEXT) AS urn, CAST(NULL AS TEXT[]) AS lent
    FROM fhir_containers
    UNION ALL
    SELECT line, place, text, contents(text), urn, lent
    FROM (
        SELECT line, list_append(place, nth) AS place, coalesce(json_extract(item, '$.resource'), item) AS text,
               json_extract_string(item, '$.fullUrl') AS urn,
               CASE WHEN json_extract_string(parent, '$.resourceType') = 'DiagnosticReport' THEN json_extract_string(
                   parent, ['$.subject.reference', '$.effectiveDateTime', '$.effectivePeriod.start', '$.issued',
                            '$.status']) END AS lent
        FROM (SELECT line, place, text AS parent, unnest(items) AS item, generate_subscripts(items, 1) AS nth
              FROM opened)
    )
)
SELECT line, text, urn, lent, row_number() OVER (PARTITION BY line ORDER BY place) AS nth
FROM opened WHERE len(items) = 0;
