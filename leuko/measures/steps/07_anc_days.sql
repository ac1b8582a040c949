-- The ANC of every day of every course, the lowest of the day, with the interval to the next count by the protocol's
-- schedule (empty where it gives none) and the next day with an ANC. A course that begins without one has a row of its
-- first day, from which its first count is due.
WITH latest AS (
    SELECT counts.course, counts.drawn_on, counts.value, counts.bound
    FROM counts
    JOIN readers ON readers.course = counts.course AND NOT readers.quiet
    WHERE counts.analyte = 'anc'
    QUALIFY row_number() OVER (
        PARTITION BY counts.course, counts.collected_at, counts.specimen, counts.derived
        ORDER BY counts.reported_at DESC, counts.value, counts.bound
    ) = 1
),

loud_days AS (
    SELECT course, drawn_on, min({'value': value, 'bound': bound}) AS found
    FROM latest
    GROUP BY course, drawn_on
),

-- A quiet course has no short, withdrawn, derived or bounded result: any of its versions shows the same.
days AS (
    SELECT course, drawn_on, found.value AS value, bound_sign(found.bound) AS sign FROM loud_days
    UNION ALL
    SELECT readings.course, CAST(results.collected_at AS DATE) AS drawn_on, min(results.value), ''
    FROM results
    JOIN readings ON readings.patient_id = results.patient_id
    WHERE readings.quiet AND readings.course IS NOT NULL AND readings.analyte = 'anc' AND results.analyte = 'anc'
        AND results.usable AND results.reported_at < (SELECT after FROM asked_for)
        AND results.collected_at >= readings.start_on AND results.collected_at < readings.read_to + 1
    GROUP BY readings.course, CAST(results.collected_at AS DATE)
),

with_first_days AS (
    SELECT course, drawn_on, value, sign, true AS counted FROM days
    UNION ALL
    SELECT courses.course, courses.start_on, NULL, '', false
    FROM courses
    LEFT JOIN days ON days.course = courses.course AND days.drawn_on = courses.start_on
    WHERE days.course IS NULL
),

-- Gaps without a dose that start the days of the schedule again.
gaps AS (
    SELECT runs.course, max(runs.to_on) + 1 AS restart_on
    FROM runs
    JOIN courses ON courses.course = runs.course
    JOIN protocols ON protocols.protocol = courses.protocol
    WHERE runs.dose_mg = 0 AND protocols.schedule_restarts_after_days IS NOT NULL
    GROUP BY runs.course, runs.run, protocols.schedule_restarts_after_days
    HAVING date_diff('day', min(runs.from_on), max(runs.to_on)) + 1 >= protocols.schedule_restarts_after_days
),

schedule_starts AS (
    SELECT days.course, days.drawn_on, max(gaps.restart_on) AS schedule_from
    FROM with_first_days AS days
    JOIN gaps ON gaps.course = days.course AND gaps.restart_on <= days.drawn_on
    GROUP BY days.course, days.drawn_on
),

dated AS (
    SELECT
        days.counted, days.course, courses.protocol, days.drawn_on, days.value, days.sign,
        lead(days.drawn_on) OVER (PARTITION BY days.course ORDER BY days.drawn_on) AS next_on,
        date_diff('day', coalesce(schedule_starts.schedule_from, courses.start_on), days.drawn_on) AS schedule_day
    FROM with_first_days AS days
    JOIN courses ON courses.course = days.course
    LEFT JOIN schedule_starts ON schedule_starts.course = days.course AND schedule_starts.drawn_on = days.drawn_on
),

looking_back AS (
    SELECT
        dated.course, dated.drawn_on, monitoring.line,
        coalesce(meets(dated.value, dated.sign, monitoring.anc_operator, monitoring.anc), false) AS met,
        max(CASE WHEN meets(dated.value, dated.sign, monitoring.after_operator, monitoring.after_anc) THEN dated.drawn_on END)
            OVER timeline AS dip_on
    FROM dated
    JOIN monitoring ON monitoring.protocol = dated.protocol AND (monitoring.first OR monitoring.after_anc IS NOT NULL)
    WINDOW timeline AS (PARTITION BY dated.course, monitoring.line ORDER BY dated.drawn_on ROWS UNBOUNDED PRECEDING)
),

histories AS (
    SELECT
        course, drawn_on, line,
        coalesce(lag(met) OVER (PARTITION BY course, line ORDER BY drawn_on), false) AS met_before,
        min(CASE WHEN met AND drawn_on > dip_on THEN drawn_on END) OVER (
            PARTITION BY course, line, dip_on ORDER BY drawn_on ROWS UNBOUNDED PRECEDING
        ) AS returned_on
    FROM looking_back
),

-- Lines that ask for nothing but the day of the schedule: the first that fits each day, up to the last that differs.
schedule_days AS (
    SELECT protocol, unnest(range(0, max(coalesce(until_day, 0)) + 2)) AS schedule_day
    FROM monitoring
    GROUP BY protocol
),

plain_lines AS (
    SELECT schedule_days.protocol, schedule_days.schedule_day, min(monitoring.line) AS line
    FROM schedule_days
    JOIN monitoring
        ON monitoring.protocol = schedule_days.protocol AND monitoring.anc IS NULL
        AND (monitoring.until_day IS NULL OR schedule_days.schedule_day <= monitoring.until_day)
    GROUP BY schedule_days.protocol, schedule_days.schedule_day
),

last_days AS (
    SELECT protocol, max(schedule_day) AS last_day FROM schedule_days GROUP BY protocol
),

lines_by_count AS (
    SELECT dated.course, dated.drawn_on, min(monitoring.line) AS line
    FROM dated
    JOIN monitoring
        ON monitoring.protocol = dated.protocol
        AND meets(dated.value, dated.sign, monitoring.anc_operator, monitoring.anc)
    LEFT JOIN histories
        ON histories.course = dated.course AND histories.drawn_on = dated.drawn_on AND histories.line = monitoring.line
    WHERE monitoring.anc IS NOT NULL
        AND (monitoring.until_day IS NULL OR dated.schedule_day <= monitoring.until_day)
        AND NOT (monitoring.first AND coalesce(histories.met_before, false))
        AND (
            monitoring.for_days IS NULL
            OR date_diff('day', histories.returned_on, dated.drawn_on) < monitoring.for_days
        )
    GROUP BY dated.course, dated.drawn_on
),

chosen AS (
    SELECT
        dated.course, dated.protocol, dated.drawn_on, dated.next_on, dated.counted,
        least(lines_by_count.line, plain_lines.line) AS line
    FROM dated
    LEFT JOIN last_days ON last_days.protocol = dated.protocol
    LEFT JOIN plain_lines
        ON plain_lines.protocol = dated.protocol
        AND plain_lines.schedule_day = greatest(least(dated.schedule_day, last_days.last_day), 0)
    LEFT JOIN lines_by_count ON lines_by_count.course = dated.course AND lines_by_count.drawn_on = dated.drawn_on
)

SELECT chosen.course, chosen.drawn_on, chosen.next_on, chosen.counted, monitoring.every_days
FROM chosen
LEFT JOIN monitoring ON monitoring.protocol = chosen.protocol AND monitoring.line = chosen.line
