-- Every resource of one file gets its number and is put where its kind is read; what is none is set aside.

CREATE OR REPLACE TEMP TABLE fhir_opened AS
WITH counted AS (SELECT line, count(*) AS held FROM fhir_contents GROUP BY line)
SELECT line, held, line + coalesce(sum(held - 1) OVER earlier, 0) AS first_row
FROM counted WINDOW earlier AS (ORDER BY line ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING);

DELETE FROM fhir_lines WHERE line IN (SELECT line FROM fhir_containers);
UPDATE fhir_lines SET line = moved.row
FROM (
    SELECT lines.line, lines.line + first_row + held - 1 - opened.line AS row
    FROM fhir_lines AS lines ASOF JOIN fhir_opened AS opened ON lines.line > opened.line
) AS moved
WHERE moved.line = fhir_lines.line;

CREATE OR REPLACE TEMP TABLE fhir_rows AS
SELECT first_row + nth - 1 AS row, observed(text) AS said, text, urn, lent
FROM fhir_contents JOIN fhir_opened USING (line) ORDER BY row;

INSERT INTO fhir_observations
SELECT label || ' row ' || row, said[2],
       CASE WHEN lent[5] IN ('entered-in-error', 'cancelled') THEN lent[5] ELSE said[3] END, said[4],
       coalesce(said[5], lent[1]), coalesce(said[6], said[7], said[8], lent[2], lent[3]), coalesce(said[9], lent[4]),
       coalesce(said[10], said[14], said[15]), said[11], said[12], said[13],
       range_end(said[19], said[20], said[21], said[18], said[12], said[13]),
       range_end(said[22], said[23], said[24], said[18], said[12], said[13]), said[16], said[17]
FROM (SELECT line AS row, said, CAST(NULL AS TEXT[]) AS lent FROM fhir_lines
      UNION ALL SELECT row, said, lent FROM fhir_rows)
CROSS JOIN known_file
WHERE said[1] = 'Observation';

CREATE OR REPLACE TEMP TABLE fhir_rest AS
SELECT label || ' row ' || row AS source, rest.*
FROM (
    SELECT line AS row, said[1] AS type, text, CAST(NULL AS TEXT) AS urn, false AS in_report, said IS NULL AS unreadable
    FROM fhir_lines
    WHERE said[1] IS DISTINCT FROM 'Observation' AND (said IS NOT NULL OR said_text(text) IS NOT NULL)
    UNION ALL
    SELECT row, said[1], CAST(text AS TEXT), urn, lent IS NOT NULL, false
    FROM fhir_rows WHERE said[1] IS DISTINCT FROM 'Observation'
) AS rest CROSS JOIN known_file ORDER BY row;

CREATE OR REPLACE TEMP TABLE fhir_judged AS
SELECT *, CASE WHEN unreadable THEN 'not JSON'
               WHEN type IS NULL AND json_type(text) = 'ARRAY' THEN 'empty list'
               WHEN type IS NULL THEN 'no FHIR resource'
               WHEN type = 'Bundle' THEN 'Bundle without entries'
               WHEN type = 'DiagnosticReport' THEN 'report without results in it'
               WHEN in_report THEN 'in a report and no result' END AS reason
FROM fhir_rest;

INSERT INTO malformed
SELECT kind_of(type), source, CASE WHEN unreadable THEN CAST(to_json({'line': text}) AS TEXT) ELSE text END, reason
FROM fhir_judged WHERE reason IS NOT NULL;

INSERT INTO malformed
SELECT 'other', label || ' line ' || line, to_json({'line': trim(any_value(csv_line), chr(10) || chr(13))}),
       'malformed line: ' || lower(CAST(min(CAST(error_type AS TEXT)) AS TEXT))
FROM bad_lines, known_file GROUP BY label, line;

-- An entry without an id goes by the name that its Bundle gives it.
INSERT INTO fhir_resources
SELECT source, type, coalesce(json_extract_string(text, '$.id'), urn), json(text), urn
FROM (SELECT * REPLACE (CASE WHEN starts_with(urn, 'urn:') THEN regexp_extract(urn, '([^:]+)$', 1) END AS urn)
      FROM fhir_judged WHERE reason IS NULL ORDER BY row);

-- A file is named after the kind of its rows, where it has one.
INSERT INTO rows_read
WITH kinds AS (
    SELECT kind_of(said[1]) AS kind, count(*) AS rows FROM fhir_lines WHERE said[1] = 'Observation' GROUP BY ALL
    UNION ALL SELECT kind_of(said[1]), count(*) FROM fhir_rows WHERE said[1] = 'Observation' GROUP BY ALL
    UNION ALL SELECT kind_of(type), count(*) FROM fhir_rest GROUP BY ALL
    UNION ALL SELECT 'other', count(DISTINCT line) FROM bad_lines HAVING count(*) > 0
)
SELECT label, CASE WHEN count(DISTINCT kind) = 1 THEN min(kind) ELSE 'other' END, coalesce(sum(rows), 0)
FROM known_file LEFT JOIN kinds ON true GROUP BY label;

DROP TABLE fhir_lines; DROP TABLE fhir_containers; DROP TABLE fhir_contents; DROP TABLE fhir_opened;
DROP TABLE fhir_rows; DROP TABLE fhir_rest; DROP TABLE fhir_judged;
