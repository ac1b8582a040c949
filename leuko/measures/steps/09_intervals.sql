-- The schedule of each course as dates: from which day to which its protocol asks for a count, and how often, by the day
-- of the schedule alone. `line` and `every_days` are empty where the protocol gives no interval for these days.
WITH schedule_restarts AS (
    -- Gaps without a dose that start the days of the schedule again.
    SELECT runs.course, courses.protocol, max(runs.to_on) + 1 AS schedule_from
    FROM runs
    JOIN courses ON courses.course = runs.course
    JOIN protocols ON protocols.protocol = courses.protocol
    WHERE runs.dose_mg = 0 AND protocols.schedule_restarts_after_days IS NOT NULL
    GROUP BY runs.course, courses.protocol, runs.run, protocols.schedule_restarts_after_days
    HAVING date_diff('day', min(runs.from_on), max(runs.to_on)) + 1 >= protocols.schedule_restarts_after_days
),

starts AS (
    SELECT course, protocol, start_on AS schedule_from FROM courses
    UNION ALL
    SELECT course, protocol, schedule_from FROM schedule_restarts
),

periods AS (
    SELECT
        course, protocol, schedule_from,
        coalesce(lead(schedule_from) OVER (PARTITION BY course ORDER BY schedule_from) - 1, DATE '9999-12-31') AS ends_on
    FROM starts
),

edges AS (
    SELECT protocol, 0 AS from_day FROM monitoring
    UNION
    SELECT protocol, until_day + 1 FROM monitoring WHERE anc IS NULL AND until_day IS NOT NULL
),

spans AS (
    SELECT protocol, from_day, lead(from_day) OVER (PARTITION BY protocol ORDER BY from_day) - 1 AS to_day FROM edges
),

-- Of the lines that fit, the first counts.
lines AS (
    SELECT
        spans.protocol, spans.from_day, spans.to_day, min(monitoring.line) AS line,
        min_by(monitoring.every_days, monitoring.line) AS every_days
    FROM spans
    LEFT JOIN monitoring
        ON monitoring.protocol = spans.protocol AND monitoring.anc IS NULL
        AND (monitoring.until_day IS NULL OR monitoring.until_day >= spans.from_day)
    GROUP BY spans.protocol, spans.from_day, spans.to_day
)

SELECT
    periods.course, periods.schedule_from, periods.schedule_from + lines.from_day AS from_on,
    least(periods.schedule_from + lines.to_day, periods.ends_on) AS to_on, lines.line, lines.every_days
FROM periods
JOIN lines ON lines.protocol = periods.protocol AND periods.schedule_from + lines.from_day <= periods.ends_on
