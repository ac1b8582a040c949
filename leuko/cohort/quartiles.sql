-- On each seventh day on the drug, the quartiles of the ANC that stood: of each course its last count up to that day, where
-- a later one follows or it is of that day. So a day between two counts has all courses in it, not only those that were
-- counted then, who are the low ones. The quartiles are counts that occurred.
WITH standing AS (
    SELECT course, day, found.value AS anc, lead(day) OVER (PARTITION BY course ORDER BY day) AS next_day
    FROM anc_days
),

marked AS (
    SELECT
        course, anc,
        unnest(range(
            greatest(7 * CAST(ceil(day / 7.0) AS INTEGER), 0), least(coalesce(next_day, day + 1), $last_day + 1), 7
        )) AS day
    FROM standing
)

SELECT
    day, count(*) AS courses, quantile_disc(anc, 0.25) AS lower, quantile_disc(anc, 0.5) AS median,
    quantile_disc(anc, 0.75) AS upper
FROM marked
GROUP BY day
ORDER BY day
