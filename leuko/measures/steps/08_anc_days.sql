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

-- Most days have one result. The last row of each day stands for it, whatever it holds.
ordered AS (
    SELECT
        *, lead(drawn_on) OVER timeline AS next_on, coalesce(lag(drawn_on) OVER timeline = drawn_on, false) AS several
    FROM results_read
    WINDOW timeline AS (PARTITION BY course ORDER BY drawn_on)
),

days_of_several AS (
    SELECT ordered.course, ordered.drawn_on, readers.quiet
    FROM ordered
    JOIN readers ON readers.course = ordered.course
    WHERE ordered.several AND ordered.next_on IS DISTINCT FROM ordered.drawn_on
),

-- Of several versions of one result the one reported last counts.
latest AS (
    SELECT counts.course, counts.drawn_on, counts.value, counts.bound
    FROM counts
    JOIN days_of_several AS days ON days.course = counts.course AND days.drawn_on = counts.drawn_on AND NOT days.quiet
    WHERE counts.analyte = 'anc'
    QUALIFY row_number() OVER (
        PARTITION BY counts.course, counts.collected_at, counts.specimen, counts.derived
        ORDER BY counts.reported_at DESC, counts.value, counts.bound
    ) = 1
    UNION ALL
    SELECT ordered.course, ordered.drawn_on, ordered.value, ordered.bound
    FROM ordered
    JOIN days_of_several AS days ON days.course = ordered.course AND days.drawn_on = ordered.drawn_on AND days.quiet
),

lowest AS (
    SELECT course, drawn_on, min({'value': value, 'bound': bound}) FILTER (value IS NOT NULL) AS found
    FROM latest
    GROUP BY course, drawn_on
)

SELECT
    ordered.course, ordered.drawn_on, ordered.next_on,
    coalesce(lowest.found.value, ordered.value) IS NOT NULL AS counted,
    coalesce(lowest.found.value, ordered.value) AS value, coalesce(lowest.found.bound, ordered.bound) AS bound
FROM ordered
LEFT JOIN lowest ON lowest.course = ordered.course AND lowest.drawn_on = CASE WHEN ordered.several THEN ordered.drawn_on END
WHERE ordered.next_on IS DISTINCT FROM ordered.drawn_on
