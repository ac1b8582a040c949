-- The days on which either side decided something of a course: the same course, day and place of the decision (onset,
-- cause, recovery, draw) on both sides, or on one side alone.
WITH matched AS (
    SELECT old.course AS course_before, new.course AS course_after, old.decided_on, old.place
    FROM course_pairs
    JOIN recommendations_before AS old ON old.course = course_pairs.course_before
    JOIN recommendations AS new
        ON new.course = course_pairs.course_after AND new.decided_on = old.decided_on AND new.place = old.place
),

only_before AS (
    SELECT old.course AS course_before, min(course_pairs.course_after) AS course_after, old.decided_on, old.place
    FROM course_pairs
    JOIN recommendations_before AS old ON old.course = course_pairs.course_before
    LEFT JOIN matched
        ON matched.course_before = old.course AND matched.decided_on = old.decided_on AND matched.place = old.place
    WHERE matched.place IS NULL
    GROUP BY old.course, old.decided_on, old.place
),

only_after AS (
    SELECT min(course_pairs.course_before) AS course_before, new.course AS course_after, new.decided_on, new.place
    FROM course_pairs
    JOIN recommendations AS new ON new.course = course_pairs.course_after
    LEFT JOIN matched
        ON matched.course_after = new.course AND matched.decided_on = new.decided_on AND matched.place = new.place
    WHERE matched.place IS NULL
    GROUP BY new.course, new.decided_on, new.place
),

gathered AS (
    SELECT * FROM matched
    UNION ALL
    SELECT * FROM only_before
    UNION ALL
    SELECT * FROM only_after
)

SELECT
    row_number() OVER (ORDER BY decided_on, place, course_before, course_after) AS number,
    gathered.*, CASE place WHEN 1 THEN 'onset' WHEN 2 THEN 'cause' WHEN 3 THEN 'recovery' ELSE 'draw' END AS moment
FROM gathered
