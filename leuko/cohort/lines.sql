-- The ANC of the courses that are drawn line by line: of all where they are few, else evenly from the course with the
-- lowest ANC to the one with the highest, so that no part of the cohort is left out.
WITH ranked AS (
    SELECT
        course, row_number() OVER (ORDER BY min(found), course) - 1 AS place, count(*) OVER () AS courses
    FROM anc_days
    WHERE day BETWEEN 0 AND $last_day
    GROUP BY course
),

drawn AS (
    SELECT course
    FROM ranked
    WHERE courses <= $most_lines
        OR floor(place * $most_lines / courses) <> floor((place - 1) * $most_lines / courses)
)

SELECT
    chosen.patient_id, chosen.drug, chosen.course, anc_days.day, anc_days.found.value AS anc,
    bound_sign(anc_days.found.bound) AS comparator
FROM drawn
JOIN chosen ON chosen.course = drawn.course
JOIN anc_days ON anc_days.course = drawn.course AND anc_days.day BETWEEN 0 AND $last_day
ORDER BY chosen.course, anc_days.day
