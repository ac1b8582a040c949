-- The ANC of every day of every course, the lowest of the day, with the interval to the next count by the protocol's
-- schedule (empty where it gives none) and the next day with an ANC.
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

-- A quiet course has no short, withdrawn, derived or bounded result: any of its versions shows the same.
quiet AS (
    SELECT readings.course, CAST(results.collected_at AS DATE) AS drawn_on, results.value, 2 AS bound
    FROM results
    JOIN readings ON readings.patient_id = results.patient_id AND readings.analyte = results.analyte
    WHERE readings.quiet AND readings.course IS NOT NULL AND results.analyte = 'anc' AND results.usable
        AND results.collected_at >= readings.start_on AND results.collected_at < readings.read_to + 1
        AND results.reported_at < $after
),

days AS (
    SELECT course, drawn_on, min({'value': value, 'bound': bound}) AS found
    FROM (SELECT * FROM latest UNION ALL SELECT * FROM quiet) AS counted
    GROUP BY course, drawn_on
),

dated AS (
    SELECT
        days.course, courses.protocol, days.drawn_on, days.found.value AS value, bound_sign(days.found.bound) AS sign,
        lead(days.drawn_on) OVER (PARTITION BY days.course ORDER BY days.drawn_on) AS next_on,
        date_diff(
            'day',
            CASE WHEN days.drawn_on >= courses.schedule_from THEN courses.schedule_from ELSE courses.start_on END,
            days.drawn_on
        ) AS schedule_day
    FROM days
    JOIN courses ON courses.course = days.course
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

intervals AS (
    SELECT dated.course, dated.drawn_on, min_by(monitoring.every_days, monitoring.line) AS every_days
    FROM dated
    JOIN monitoring ON monitoring.protocol = dated.protocol
    LEFT JOIN histories
        ON histories.course = dated.course AND histories.drawn_on = dated.drawn_on AND histories.line = monitoring.line
    WHERE (monitoring.until_day IS NULL OR dated.schedule_day <= monitoring.until_day)
        AND (monitoring.anc IS NULL OR meets(dated.value, dated.sign, monitoring.anc_operator, monitoring.anc))
        AND NOT (monitoring.first AND coalesce(histories.met_before, false))
        AND (
            monitoring.for_days IS NULL
            OR date_diff('day', histories.returned_on, dated.drawn_on) < monitoring.for_days
        )
    GROUP BY dated.course, dated.drawn_on
)

SELECT dated.course, dated.drawn_on, dated.next_on, intervals.every_days
FROM dated
LEFT JOIN intervals ON intervals.course = dated.course AND intervals.drawn_on = dated.drawn_on
