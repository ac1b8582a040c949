-- Days of a course with the same dose, in a row: the highest exposure that covers a day counts, 0 where none does.
-- `reason` is what was recorded of the days without a dose. The last segment ends on the last day the course reads.
WITH edges AS (
    SELECT course, start_on AS day, read_to FROM doses_read WHERE start_on >= course_start_on
    UNION ALL
    SELECT course, last_on + 1 AS day, read_to FROM doses_read WHERE last_on >= course_start_on AND last_on < read_to
),

-- Of several edges on one day all but the last have no days.
spans AS (
    SELECT
        course, day AS from_on, coalesce(lead(day) OVER (PARTITION BY course ORDER BY day) - 1, read_to) AS to_on
    FROM edges
)

SELECT
    spans.course, spans.from_on, spans.to_on, coalesce(max(doses_read.dose_mg), 0) AS dose_mg,
    coalesce(max(doses_read.dose_mg) = 0 AND bool_or(doses_read.planned), false) AS planned,
    max(doses_read.reason) FILTER (WHERE doses_read.dose_mg = 0) AS reason
FROM spans
LEFT JOIN doses_read
    ON doses_read.course = spans.course AND doses_read.start_on <= spans.from_on AND doses_read.last_on >= spans.from_on
WHERE spans.to_on >= spans.from_on
GROUP BY spans.course, spans.from_on, spans.to_on
