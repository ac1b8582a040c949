-- Step 5. One row a course and a day with an ANC: the lowest of the day, whether one met the hold threshold, and between
-- which bands and which grades the lowest lies.
SELECT
    course, drawn_on, day,
    min({'value': value, 'bound': CASE comparator WHEN '<' THEN 1 WHEN '' THEN 2 ELSE 3 END}) AS found,
    bool_or(low) AS low,
    min(lowest_band) AS lowest_band, min(highest_band) AS highest_band,
    max(least) AS least, max(most) AS most
FROM counts
GROUP BY course, drawn_on, day
