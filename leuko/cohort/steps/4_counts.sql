-- Step 4. Each ANC that a course reads, and those shortly before it, for the baseline. `day` is 0 on the first day with a
-- dose. The bands of bands.csv and the CTCAE v5.0 grades between which a count lies are one and the same where it can be
-- told: `lowest_band` to `highest_band` (how many bands end at or below it, so 0 in the lowest), and the grades `least` to
-- `most`. "<x" is below t where x <= t, ">x" is at least t where x >= t; otherwise both sides of t are possible.
WITH counted AS (
    SELECT
        row_number() OVER () AS number, chosen.course, results_used.drawn_on,
        date_diff('day', chosen.start_on, results_used.drawn_on) AS day,
        results_used.value, coalesce(results_used.comparator, '') AS comparator, results_used.ref_low,
        coalesce(
            meets(results_used.value, coalesce(results_used.comparator, ''), thresholds.hold_operator, thresholds.hold),
            false
        ) AS low
    FROM chosen
    JOIN results_used
        ON results_used.patient_id = chosen.patient_id AND results_used.used
        AND results_used.drawn_on BETWEEN chosen.start_on - CAST($baseline_days AS INTEGER) AND chosen.read_to
    JOIN thresholds ON thresholds.protocol = chosen.protocol AND thresholds.analyte = 'anc'
),

placed AS (
    SELECT
        counted.number,
        count(*) FILTER (WHERE meets(counted.value, counted.comparator, '>=', bands.below)) AS lowest_band,
        count(*) FILTER (WHERE NOT coalesce(meets(counted.value, counted.comparator, '<', bands.below), false))
            AS highest_band
    FROM counted
    CROSS JOIN bands
    GROUP BY counted.number
),

against_grades AS (
    SELECT
        counted.number, grades.grade,
        meets(counted.value, counted.comparator, '<', coalesce(TRY_CAST(grades.below AS DOUBLE), counted.ref_low)) AS below,
        meets(counted.value, counted.comparator, '>=', coalesce(TRY_CAST(grades.below AS DOUBLE), counted.ref_low)) AS passed
    FROM counted
    JOIN grades ON grades.version = '5.0' AND grades.analyte = 'anc'
),

graded AS (
    SELECT
        number, coalesce(max(grade) FILTER (WHERE below), 0) AS least,
        coalesce(max(grade) FILTER (WHERE NOT coalesce(passed, false)), 0) AS most
    FROM against_grades
    GROUP BY number
)

SELECT
    counted.course, counted.drawn_on, counted.day, counted.value, counted.comparator, counted.low,
    placed.lowest_band, placed.highest_band, graded.least, graded.most
FROM counted
JOIN placed ON placed.number = counted.number
JOIN graded ON graded.number = counted.number
