-- Why rows were set aside: each row of a file once, under the first of its reasons by name.
SELECT file, kind, reason, count(*) AS rows
FROM (
    SELECT regexp_replace(row, ' (row|line) \d+$', '') AS file, kind, min(reason) AS reason
    FROM (
        SELECT
            kind, regexp_replace(reason, '^duplicate of .*', 'duplicate') AS reason,
            regexp_replace(unnest(string_split(source, '; ')), ' part \d+$', '') AS row
        FROM rejected
    ) AS refused
    GROUP BY row, kind
) AS rows_refused
GROUP BY ALL
ORDER BY file, rows DESC, reason
