-- How many courses had which worst ANC grade on which dose: a count goes with the dose of the day before it or, while the
-- drug was held, with the last one before. A course has a place under each dose it had counts on; grade null: cannot tell.
WITH given AS (
    SELECT course, from_on, dose_mg, lead(from_on) OVER (PARTITION BY course ORDER BY from_on) AS next_on
    FROM segments
    WHERE dose_mg > 0
),

worst AS (
    SELECT
        chosen.course, chosen.drug, given.dose_mg, chosen.dose_unit, max(anc_days.least) AS least,
        max(anc_days.most) AS most
    FROM anc_days
    JOIN given
        ON given.course = anc_days.course AND anc_days.drawn_on > given.from_on
        AND (given.next_on IS NULL OR anc_days.drawn_on <= given.next_on)
    JOIN chosen ON chosen.course = anc_days.course
    WHERE chosen.dose_unit <> 'mixed units'
    GROUP BY ALL
)

SELECT
    drug, dose_mg, dose_unit, CASE WHEN least = most THEN least END AS grade, count(*) AS courses
FROM worst
GROUP BY ALL
ORDER BY drug, dose_unit, dose_mg DESC, grade
