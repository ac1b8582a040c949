-- Step 15. The lowest ANC and platelet count of the last day each was measured: of the patient, and of each course.
WITH last_days AS (
    SELECT person, analyte, max(drawn_on) AS drawn_on FROM counts GROUP BY person, analyte
    UNION
    SELECT readers.person, 'anc' AS analyte, measured.last_anc_on AS drawn_on
    FROM measured JOIN readers ON readers.course = measured.course
    WHERE measured.last_anc_on IS NOT NULL
    UNION
    SELECT readers.person, 'platelets' AS analyte, measured.last_platelets_on AS drawn_on
    FROM measured JOIN readers ON readers.course = measured.course
    WHERE measured.last_platelets_on IS NOT NULL
),

results AS (
    SELECT
        counts.person, counts.analyte, counts.drawn_on,
        {'value': counts.value, 'rank': CASE counts.comparator WHEN '<' THEN 1 WHEN '>' THEN 3 ELSE 2 END} AS found
    FROM counts
    JOIN last_days
        ON last_days.person = counts.person AND last_days.analyte = counts.analyte
        AND last_days.drawn_on = counts.drawn_on
    QUALIFY row_number() OVER (
        PARTITION BY counts.person, counts.analyte, counts.collected_at, counts.specimen, counts.derived
        ORDER BY counts.reported_at DESC, counts.value, counts.comparator = '>', counts.comparator = ''
    ) = 1
),

lowest AS (
    SELECT person, analyte, drawn_on, min(found) AS found
    FROM results
    GROUP BY person, analyte, drawn_on
)

SELECT
    person, analyte, drawn_on, found.value AS value,
    CASE found.rank WHEN 1 THEN '<' WHEN 3 THEN '>' ELSE '' END AS comparator,
    drawn_on = max(drawn_on) OVER (PARTITION BY person, analyte) AS of_patient
FROM lowest
