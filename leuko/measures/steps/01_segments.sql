-- Days of a course with the same dose, in a row: the highest exposure that covers a day counts, 0 where none does.
-- `reason` is what was recorded of the days without a dose. The last segment ends on the last day the course reads.
WITH given AS (
    SELECT
        courses.course, courses.start_on AS course_start_on, courses.read_to, doses.start_on,
        least(doses.last_on, courses.read_to) AS last_on, doses.dose_mg, doses.planned,
        lower(trim(doses.end_reason)) AS reason
    FROM courses
    JOIN doses
        ON doses.patient_id = courses.patient_id AND doses.drug = courses.drug AND doses.protocol = courses.protocol
        AND doses.start_on <= courses.read_to
),

edges AS (
    SELECT course, start_on AS day, read_to FROM given WHERE start_on >= course_start_on
    UNION
    SELECT course, last_on + 1 AS day, read_to FROM given WHERE last_on >= course_start_on AND last_on < read_to
),

spans AS (
    SELECT
        course, day AS from_on, coalesce(lead(day) OVER (PARTITION BY course ORDER BY day) - 1, read_to) AS to_on
    FROM edges
)

SELECT
    spans.course, spans.from_on, spans.to_on, coalesce(max(given.dose_mg), 0) AS dose_mg,
    coalesce(max(given.dose_mg) = 0 AND bool_or(given.planned), false) AS planned,
    max(given.reason) FILTER (WHERE given.dose_mg = 0) AS reason
FROM spans
LEFT JOIN given
    ON given.course = spans.course AND given.start_on <= spans.from_on AND given.last_on >= spans.from_on
GROUP BY spans.course, spans.from_on, spans.to_on
