-- Step 20. When the next count is due: the interval of the first monitoring line that fits, after the last ANC of the
-- course (after its first day where none was measured; an unknown ANC meets no condition).
WITH last_anc AS (
    SELECT
        courses.course, courses.protocol, coalesce(measured.last_on, courses.start_on) AS counted_on,
        date_diff('day', courses.start_on, coalesce(measured.last_on, courses.start_on)) AS course_day,
        last_counts.value, last_counts.comparator
    FROM courses
    JOIN readers ON readers.course = courses.course
    LEFT JOIN measured ON measured.course = courses.course AND measured.analyte = 'anc'
    LEFT JOIN last_counts
        ON last_counts.person = readers.person AND last_counts.analyte = 'anc'
        AND last_counts.drawn_on = measured.last_on
)

SELECT
    last_anc.course,
    last_anc.counted_on + min_by(monitoring.every_days, monitoring.line) AS next_lab_due_on,
    min_by(monitoring.verified, monitoring.line) AS interval_verified
FROM last_anc
JOIN monitoring ON monitoring.protocol = last_anc.protocol
WHERE (monitoring.until_day IS NULL OR last_anc.course_day <= monitoring.until_day)
    AND CASE
        WHEN monitoring.anc_operator IS NULL THEN true
        WHEN last_anc.comparator = '<' THEN monitoring.anc_operator IN ('<', '<=') AND last_anc.value <= monitoring.anc
        WHEN last_anc.comparator = '>' THEN monitoring.anc_operator IN ('>', '>=') AND last_anc.value >= monitoring.anc
        WHEN monitoring.anc_operator = '<' THEN last_anc.value < monitoring.anc
        WHEN monitoring.anc_operator = '<=' THEN last_anc.value <= monitoring.anc
        WHEN monitoring.anc_operator = '>' THEN last_anc.value > monitoring.anc
        WHEN monitoring.anc_operator = '>=' THEN last_anc.value >= monitoring.anc
        ELSE last_anc.value = monitoring.anc
    END
GROUP BY last_anc.course, last_anc.counted_on
