-- The ANC of every day of every course, the lowest of the day, with the next day with an ANC. A course that begins
-- without one has a row of its first day, from which its first count is due.
WITH results_read AS (
    SELECT counts.course, counts.drawn_on, counts.value, counts.bound
    FROM counts
    JOIN readers ON readers.course = counts.course AND NOT readers.quiet
    WHERE counts.analyte = 'anc'
    UNION ALL
    -- A quiet course has no short, withdrawn, derived or bounded result: any of its versions shows the same, and whether
    -- one is withdrawn need not be read again.
    SELECT readings.course, CAST(results.collected_at AS DATE), results.value, 2
    FROM results
    JOIN readings ON readings.patient_id = results.patient_id
    WHERE readings.quiet AND readings.course IS NOT NULL AND readings.analyte = 'anc' AND results.analyte = 'anc'
        AND results.value IS NOT NULL AND results.reported_at < (SELECT after FROM asked_for)
        AND results.collected_at >= readings.start_on AND results.collected_at < readings.read_to + 1
    UNION ALL
    SELECT course, start_on, NULL, 2 FROM courses
),

-- One window over the results serves for a GROUP BY too: the last row of each day is its lowest result.
ordered AS (
    SELECT
        *, lead(drawn_on) OVER timeline AS next_on, coalesce(lag(drawn_on) OVER timeline = drawn_on, false) AS several
    FROM results_read
    WINDOW timeline AS (PARTITION BY course ORDER BY drawn_on, value DESC NULLS FIRST)
),

days AS (
    SELECT * FROM ordered WHERE next_on IS DISTINCT FROM drawn_on
),

-- Of several versions of one result the one reported last counts. Most days have one result and need no look.
latest AS (
    SELECT counts.course, counts.drawn_on, counts.value, counts.bound
    FROM counts
    JOIN readers ON readers.course = counts.course AND NOT readers.quiet
    JOIN days ON days.course = counts.course AND days.drawn_on = counts.drawn_on AND days.several
    WHERE counts.analyte = 'anc'
    QUALIFY row_number() OVER (
        PARTITION BY counts.course, counts.collected_at, counts.specimen, counts.derived
        ORDER BY counts.reported_at DESC, counts.value, counts.bound
    ) = 1
),

lowest AS (
    SELECT course, drawn_on, min({'value': value, 'bound': bound}) AS found FROM latest GROUP BY course, drawn_on
)

SELECT
    days.course, days.drawn_on, days.next_on, days.value IS NOT NULL AS counted, coalesce(lowest.found.value, days.value) AS value,
    coalesce(lowest.found.bound, days.bound) AS bound
FROM days
LEFT JOIN lowest ON lowest.course = days.course AND lowest.drawn_on = days.drawn_on
