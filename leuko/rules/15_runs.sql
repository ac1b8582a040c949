-- Step 15. Unbroken runs of ANC results that meet the hold threshold, within an episode: the clock "ANC below".
-- days_below ends at the next ANC result; at its shortest it ended the day after the last low one.
WITH results AS (
    SELECT
        course, episode, drawn_on, anc_low,
        lead(drawn_on) OVER timeline AS next_on,
        count(CASE WHEN NOT anc_low THEN 1 END) OVER timeline AS run
    FROM states
    WHERE in_episode AND anc_low IS NOT NULL
    WINDOW timeline AS (PARTITION BY course, episode ORDER BY drawn_on)
),

runs AS (
    SELECT
        course, episode, min(drawn_on) AS first_on, max(drawn_on) AS last_on,
        greatest(max(drawn_on), max(next_on)) AS ended_on
    FROM results
    WHERE anc_low
    GROUP BY course, episode, run
)

SELECT
    course, episode,
    max(date_diff('day', first_on, ended_on)) AS days_below,
    max(date_diff('day', first_on, last_on) + CASE WHEN ended_on > last_on THEN 1 ELSE 0 END) AS days_below_shortest
FROM runs
GROUP BY course, episode
