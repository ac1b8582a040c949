-- Step 24. When the next count is due: the interval of the first monitoring line that fits, after the last ANC of the
-- course (after its first day where none was measured; an unknown ANC meets no condition).
WITH last_anc AS (
    SELECT
        courses.course, courses.protocol, coalesce(measured.last_on, courses.start_on) AS counted_on,
        date_diff('day', courses.schedule_from, coalesce(measured.last_on, courses.start_on)) AS schedule_day,
        last_counts.value, last_counts.comparator
    FROM courses
    JOIN readers ON readers.course = courses.course
    LEFT JOIN measured ON measured.course = courses.course AND measured.analyte = 'anc'
    LEFT JOIN last_counts
        ON last_counts.person = readers.person AND last_counts.analyte = 'anc'
        AND last_counts.drawn_on = measured.last_on
),

-- For lines that look back: the ANC of every day of the course against the counts that the line names.
looking_back AS (
    SELECT
        states.course, monitoring.line, states.drawn_on,
        coalesce(meets(states.anc_found.value, bound_sign(states.anc_found.bound), monitoring.anc_operator, monitoring.anc), false)
            AS met,
        coalesce(meets(states.anc_found.value, bound_sign(states.anc_found.bound), monitoring.after_operator, monitoring.after_anc), false)
            AS met_after
    FROM states
    JOIN courses ON courses.course = states.course
    JOIN monitoring ON monitoring.protocol = courses.protocol
    WHERE states.anc_found IS NOT NULL AND (monitoring.first OR monitoring.after_anc IS NOT NULL)
),

days_before AS (
    SELECT
        *,
        coalesce(lag(met) OVER timeline, false) AS met_before,
        max(CASE WHEN met_after THEN drawn_on END) OVER (PARTITION BY course, line) AS dip_on
    FROM looking_back
    WINDOW timeline AS (PARTITION BY course, line ORDER BY drawn_on)
),

histories AS (
    SELECT
        course, line, max_by(met_before, drawn_on) AS met_before,
        min(drawn_on) FILTER (WHERE met AND drawn_on > dip_on) AS returned_on
    FROM days_before
    GROUP BY course, line
)

SELECT
    last_anc.course,
    last_anc.counted_on + min_by(monitoring.every_days, monitoring.line) AS next_lab_due_on,
    min_by(monitoring.verified, monitoring.line) AS interval_verified
FROM last_anc
JOIN monitoring ON monitoring.protocol = last_anc.protocol
LEFT JOIN histories ON histories.course = last_anc.course AND histories.line = monitoring.line
WHERE (monitoring.until_day IS NULL OR last_anc.schedule_day <= monitoring.until_day)
    AND (monitoring.anc IS NULL OR meets(last_anc.value, last_anc.comparator, monitoring.anc_operator, monitoring.anc))
    AND NOT (monitoring.first AND coalesce(histories.met_before, false))
    AND (
        monitoring.for_days IS NULL
        OR date_diff('day', histories.returned_on, last_anc.counted_on) < monitoring.for_days
    )
GROUP BY last_anc.course, last_anc.counted_on
