-- Every row of every file is accounted for: loaded where something canonical rests on it, else set aside with a reason.
-- A source is "<file> row <number>", "<file> line <number>" where the line could not be read, with " part <number>" behind
-- it where one row holds several records; what several rows add up to names them all, with "; " between them.
CREATE OR REPLACE TEMP MACRO is_one_row(source) AS NOT contains(source, ' part ') AND NOT contains(source, '; ');
CREATE OR REPLACE TEMP MACRO row_of(source) AS
    CASE WHEN contains(source, ' part ') THEN regexp_replace(source, ' part \d+$', '') ELSE source END;
CREATE OR REPLACE TEMP MACRO file_of(source) AS regexp_replace(source, ' (row|line) \d+$', '');

CREATE OR REPLACE TABLE load_report AS
WITH one_result_each AS (
    -- nearly all rows of nearly all loads: no two results are the same row, so that they need not be told apart
    SELECT source AS row FROM labs WHERE NOT derived AND is_one_row(source)
), others AS (
    SELECT DISTINCT row_of(unnest(string_split(source, '; '))) AS row
    FROM (
        SELECT source FROM labs WHERE NOT derived AND NOT is_one_row(source)
        UNION ALL SELECT source FROM exposures
        UNION ALL SELECT source FROM patients
        UNION ALL SELECT source FROM events
    ) AS canonical
), loaded AS (
    SELECT row FROM one_result_each
    UNION ALL SELECT row FROM others ANTI JOIN one_result_each USING (row)
), set_aside AS (
    SELECT DISTINCT row_of(unnest(string_split(source, '; '))) AS row FROM rejected
), ended AS (
    SELECT file_of(row) AS file, count(*) AS loaded, 0 AS set_aside FROM loaded GROUP BY ALL
    UNION ALL
    SELECT file_of(row), 0, count(*) FROM set_aside ANTI JOIN loaded USING (row) GROUP BY ALL
)
SELECT rows_read.file, rows_read.kind, rows_read.rows AS rows_read,
       CAST(coalesce(sum(ended.loaded), 0) AS BIGINT) AS loaded,
       CAST(coalesce(sum(ended.set_aside), 0) AS BIGINT) AS set_aside
FROM rows_read LEFT JOIN ended ON ended.file = rows_read.file
GROUP BY rows_read.file, rows_read.kind, rows_read.rows
ORDER BY rows_read.kind, rows_read.file;
DROP TABLE rows_read;
