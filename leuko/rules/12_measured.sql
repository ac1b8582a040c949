-- Step 12. What each course has measured of each analyte: the first and last day, and whether it was ever short.
-- Results outside any course stand under a course that is null.
SELECT
    person, course, analyte, min(drawn_on) AS first_on, max(drawn_on) AS last_on,
    coalesce(bool_or(short), false) AS ever_short
FROM counts
GROUP BY person, course, analyte
