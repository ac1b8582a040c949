-- Step 14. The state after each draw. An episode opens at a low draw and closes at the first recovered one; in between
-- the state before it stands (hysteresis). Episodes are numbered from 1 in the course.
WITH states AS (
    SELECT
        *,
        coalesce(last_value(CASE WHEN low THEN true WHEN recovered THEN false END IGNORE NULLS) OVER (
            PARTITION BY course ORDER BY drawn_on ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ), false) AS open,
        coalesce(last_value(CASE WHEN low THEN true WHEN recovered THEN false END IGNORE NULLS) OVER (
            PARTITION BY course ORDER BY drawn_on ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ), false) AS was_open
    FROM decisive_draws
)

SELECT
    *,
    open AND NOT was_open AS onset,
    was_open AND NOT open AS recovery,
    open OR was_open AS in_episode,
    count(CASE WHEN open AND NOT was_open THEN 1 END) OVER (
        PARTITION BY course ORDER BY drawn_on ROWS UNBOUNDED PRECEDING
    ) AS episode
FROM states
