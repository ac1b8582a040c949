-- The raw rows behind each row that a SELECT took and that was refused afterwards.
CREATE OR REPLACE TEMP TABLE refused_rows AS
WITH refused AS (
    SELECT DISTINCT source FROM rejected WHERE source NOT IN (SELECT source FROM malformed)
), numbered AS (
    SELECT source, unnest(string_split(source, '; ')) AS row, generate_subscripts(string_split(source, '; '), 1) AS place
    FROM refused
)
SELECT source, row_of(row) AS row, place, CAST(NULL AS JSON) AS record FROM numbered;
