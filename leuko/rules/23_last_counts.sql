-- Step 23. The lowest ANC and platelet count of the last day each was measured: of the patient, and of each course.
WITH last_days AS (
    SELECT person, analyte, last_on AS drawn_on FROM measured WHERE course IS NOT NULL
    UNION
    SELECT person, analyte, max(last_on) AS drawn_on FROM measured GROUP BY person, analyte
),

results AS (
    SELECT
        counts.person, counts.analyte, counts.drawn_on,
        {'value': counts.value, 'bound': counts.bound, 'derived': counts.derived} AS found
    FROM counts
    JOIN last_days
        ON last_days.person = counts.person AND last_days.analyte = counts.analyte
        AND last_days.drawn_on = counts.drawn_on
    QUALIFY row_number() OVER (
        PARTITION BY counts.person, counts.analyte, counts.collected_at, counts.specimen, counts.derived
        ORDER BY counts.reported_at DESC, counts.value, counts.bound
    ) = 1
),

lowest AS (
    SELECT person, analyte, drawn_on, min(found) AS found
    FROM results
    GROUP BY person, analyte, drawn_on
)

SELECT
    person, analyte, drawn_on, found.value AS value, bound_sign(found.bound) AS comparator, found.derived,
    drawn_on = max(drawn_on) OVER (PARTITION BY person, analyte) AS of_patient
FROM lowest
