-- Days whose ANC meets a line of the schedule that names a count: the first such line, and its interval. A line may look
-- back: `first` counts only where the day before with an ANC did not meet it, `for_days` only so long after the counts
-- returned from those that `after_anc` names.
WITH looking_back AS (
    SELECT
        anc_days.course, anc_days.drawn_on, monitoring.line,
        coalesce(meets(anc_days.value, bound_sign(anc_days.bound), monitoring.anc_operator, monitoring.anc), false) AS met,
        max(
            CASE
                WHEN meets(anc_days.value, bound_sign(anc_days.bound), monitoring.after_operator, monitoring.after_anc)
                    THEN anc_days.drawn_on
            END
        ) OVER timeline AS dip_on
    FROM anc_days
    JOIN courses ON courses.course = anc_days.course
    JOIN monitoring ON monitoring.protocol = courses.protocol AND (monitoring.first OR monitoring.after_anc IS NOT NULL)
    WINDOW timeline AS (PARTITION BY anc_days.course, monitoring.line ORDER BY anc_days.drawn_on ROWS UNBOUNDED PRECEDING)
),

histories AS (
    SELECT
        course, drawn_on, line,
        coalesce(lag(met) OVER (PARTITION BY course, line ORDER BY drawn_on), false) AS met_before,
        min(CASE WHEN met AND drawn_on > dip_on THEN drawn_on END) OVER (
            PARTITION BY course, line, dip_on ORDER BY drawn_on ROWS UNBOUNDED PRECEDING
        ) AS returned_on
    FROM looking_back
)

SELECT
    anc_days.course, anc_days.drawn_on, min(monitoring.line) AS line,
    min_by(monitoring.every_days, monitoring.line) AS every_days
FROM anc_days
JOIN courses ON courses.course = anc_days.course
JOIN monitoring
    ON monitoring.protocol = courses.protocol
    AND meets(anc_days.value, bound_sign(anc_days.bound), monitoring.anc_operator, monitoring.anc)
JOIN intervals
    ON intervals.course = anc_days.course AND anc_days.drawn_on BETWEEN intervals.from_on AND intervals.to_on
LEFT JOIN histories
    ON histories.course = anc_days.course AND histories.drawn_on = anc_days.drawn_on AND histories.line = monitoring.line
WHERE monitoring.anc IS NOT NULL
    AND (
        monitoring.until_day IS NULL
        OR date_diff('day', intervals.schedule_from, anc_days.drawn_on) <= monitoring.until_day
    )
    AND NOT (monitoring.first AND coalesce(histories.met_before, false))
    AND (
        monitoring.for_days IS NULL
        OR date_diff('day', histories.returned_on, anc_days.drawn_on) < monitoring.for_days
    )
GROUP BY anc_days.course, anc_days.drawn_on
