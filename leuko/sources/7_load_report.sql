-- Every row of every file is accounted for: loaded where something canonical rests on it, else set aside with a reason.
-- A source is "<file> row <number>", "<file> line <number>" where the line could not be read, with " part <number>" behind
-- it where one row holds several records; what several rows add up to names them all, with "; " between them.
CREATE OR REPLACE TEMP MACRO is_one_row(source) AS NOT contains(source, '; ') AND NOT contains(source, ' part ');
CREATE OR REPLACE TEMP MACRO row_of(source) AS
    CASE WHEN contains(source, ' part ') THEN regexp_replace(source, ' part \d+$', '') ELSE source END;
CREATE OR REPLACE TEMP MACRO file_of(source) AS regexp_replace(source, ' (row|line) \d+$', '');
CREATE OR REPLACE TEMP MACRO number_of(source) AS TRY_CAST(regexp_extract(source, ' row (\d+)$', 1) AS BIGINT);

-- Results are many, and nearly every one is a row of its own: these are only counted, by their file, or, where that does
-- not stand apart, by the name that their source begins with. Every other row is told apart, and so are all whose source
-- may begin with two names.
CREATE OR REPLACE TEMP TABLE counted_files AS
SELECT DISTINCT file FROM rows_read AS read
WHERE NOT EXISTS (
    FROM rows_read AS other
    WHERE other.file <> read.file AND (starts_with(other.file || ' row ', read.file || ' row ')
        OR starts_with(read.file || ' row ', other.file || ' row ')));

CREATE OR REPLACE TEMP VIEW numbered_results AS
SELECT source_file AS file, source_row AS number
FROM labs
WHERE NOT derived AND source_row IS NOT NULL;

CREATE OR REPLACE TEMP VIEW counted_results AS
SELECT labs.source AS row, counted_files.file
FROM labs JOIN counted_files ON starts_with(labs.source, counted_files.file || ' row ')
WHERE NOT labs.derived AND labs.source_row IS NULL AND is_one_row(labs.source);

CREATE OR REPLACE TEMP TABLE other_rows AS
SELECT DISTINCT row_of(unnest(string_split(source, '; '))) AS row, file_of(row) AS file, number_of(row) AS number
FROM (
    SELECT source FROM labs WHERE NOT derived AND source_row IS NULL AND NOT is_one_row(source)
    UNION ALL
    SELECT labs.source FROM labs
    SEMI JOIN (SELECT file FROM rows_read ANTI JOIN counted_files USING (file)) AS read
      ON starts_with(labs.source, read.file || ' row ')
    WHERE NOT labs.derived AND labs.source_row IS NULL
    UNION ALL SELECT source FROM exposures
    UNION ALL SELECT source FROM patients
    UNION ALL SELECT source FROM events
) AS canonical;

CREATE OR REPLACE TEMP TABLE set_aside_rows AS
SELECT DISTINCT row_of(unnest(string_split(source, '; '))) AS row, file_of(row) AS file, number_of(row) AS number
FROM rejected;

CREATE OR REPLACE TABLE load_report AS
WITH ended AS (
    SELECT file, count(*) AS loaded, 0 AS set_aside FROM numbered_results GROUP BY ALL
    UNION ALL
    SELECT file, count(*), 0 FROM counted_results GROUP BY ALL
    UNION ALL
    SELECT file, count(*), 0
    FROM other_rows ANTI JOIN numbered_results USING (file, number) ANTI JOIN counted_results USING (row)
    GROUP BY ALL
    UNION ALL
    SELECT file, 0, count(*)
    FROM set_aside_rows
    ANTI JOIN numbered_results USING (file, number) ANTI JOIN counted_results USING (row)
    ANTI JOIN other_rows USING (row)
    GROUP BY ALL
)
SELECT rows_read.file, rows_read.kind, rows_read.rows AS rows_read,
       CAST(coalesce(sum(ended.loaded), 0) AS BIGINT) AS loaded,
       CAST(coalesce(sum(ended.set_aside), 0) AS BIGINT) AS set_aside
FROM rows_read LEFT JOIN ended ON ended.file = rows_read.file
GROUP BY rows_read.file, rows_read.kind, rows_read.rows
ORDER BY rows_read.kind, rows_read.file;
DROP VIEW numbered_results; DROP VIEW counted_results;
DROP TABLE counted_files; DROP TABLE other_rows; DROP TABLE set_aside_rows; DROP TABLE rows_read;
