-- Step 9. The state after each draw. An episode opens at a low draw and closes at the first recovered one; in between
-- the state before it stands (hysteresis). Episodes are numbered from 1 in the course.
WITH opened AS (
    SELECT
        *,
        coalesce(last_value(CASE WHEN low THEN 1 WHEN recovered THEN 0 END IGNORE NULLS) OVER timeline, 0) = 1 AS open
    FROM decisive_draws
    WINDOW timeline AS (PARTITION BY course ORDER BY drawn_on)
),

edges AS (
    SELECT *, coalesce(lag(open) OVER (PARTITION BY course ORDER BY drawn_on), false) AS was_open
    FROM opened
)

SELECT
    *,
    open AND NOT was_open AS onset,
    was_open AND NOT open AS recovery,
    open OR was_open AS in_episode,
    count(*) FILTER (WHERE open AND NOT was_open) OVER (
        PARTITION BY course ORDER BY drawn_on ROWS UNBOUNDED PRECEDING
    ) AS episode
FROM edges
