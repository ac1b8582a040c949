-- Each week of the courses that are drawn row by row: those with the most weeks in the lowest band first, then in the
-- next. `counts`: days with an ANC in the week; `band`: that of its lowest, null where it cannot be told.
WITH weeks AS (
    SELECT
        course, day // 7 + 1 AS week, count(*) AS counts, min(found) AS found,
        CASE WHEN min(lowest_band) = min(highest_band) THEN min(lowest_band) END AS band
    FROM anc_days
    WHERE day BETWEEN 0 AND $last_day
    GROUP BY course, day // 7
),

ranked AS (
    SELECT
        chosen.course,
        row_number() OVER (
            ORDER BY
                count(*) FILTER (WHERE weeks.band = 0) DESC, count(*) FILTER (WHERE weeks.band = 1) DESC,
                min(weeks.found), chosen.course
        ) AS row
    FROM chosen
    LEFT JOIN weeks ON weeks.course = chosen.course
    GROUP BY chosen.course
),

calendar AS (
    SELECT
        ranked.row, chosen.course, chosen.patient_id, chosen.name, chosen.drug, chosen.site,
        unnest(range(1, least(date_diff('day', chosen.start_on, chosen.read_to), $last_day) // 7 + 2)) AS week
    FROM ranked
    JOIN chosen ON chosen.course = ranked.course
    WHERE ranked.row <= $most_rows
)

SELECT
    calendar.row, calendar.patient_id, calendar.name, calendar.drug, calendar.site, calendar.week,
    coalesce(weeks.counts, 0) AS counts, weeks.band, weeks.found.value AS anc,
    bound_sign(weeks.found.bound) AS comparator
FROM calendar
LEFT JOIN weeks ON weeks.course = calendar.course AND weeks.week = calendar.week
ORDER BY calendar.row, calendar.week
