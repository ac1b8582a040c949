-- Why rows were set aside: each row of a file once, under the first of its reasons by name; where a reason names another
-- row ("duplicate of labs.csv row 3"), under what it says before that.
SELECT file, kind, reason, count(*) AS rows
FROM (
    SELECT regexp_replace(row, ' (row|line) \d+$', '') AS file, kind, min(reason) AS reason
    FROM (
        SELECT
            kind, regexp_replace(reason, ' (of|stands in) .* (row|line) \d+( part \d+)?$', '') AS reason,
            regexp_replace(unnest(string_split(source, '; ')), ' part \d+$', '') AS row
        FROM rejected
    ) AS refused
    GROUP BY row, kind
) AS rows_refused
GROUP BY ALL
ORDER BY file, rows DESC, reason
