-- The last ANC is severe and of a day of no course that goes on: before the first dose, in a course that is over since or
-- after it, or on a drug without protocol.
WITH last_days AS (
    SELECT last_anc.patient_id, last_anc.last_anc_on AS drawn_on
    FROM last_anc_days AS last_anc
    JOIN watched ON watched.patient_id = last_anc.patient_id
    CROSS JOIN limits
    LEFT JOIN courses
        ON courses.patient_id = last_anc.patient_id AND courses.over_on IS NULL
        AND last_anc.last_anc_on >= courses.start_on
    WHERE courses.course IS NULL AND date_diff('day', last_anc.last_anc_on, $as_of) <= limits.alert_lapses_days
),

-- Of several ANC of that day, the lowest that is severe.
last_anc AS (
    SELECT
        last_days.patient_id, last_days.drawn_on AS last_anc_on, known.value AS last_anc,
        known.comparator AS last_anc_comparator, known.derived AS last_anc_derived
    FROM last_days
    CROSS JOIN limits
    JOIN known
        ON known.patient_id = last_days.patient_id AND known.drawn_on = last_days.drawn_on AND known.analyte = 'anc'
    WHERE meets(known.value, known.comparator, '<', limits.severe_anc)
    QUALIFY row_number() OVER (
        PARTITION BY last_days.patient_id ORDER BY known.value, known.comparator = '', known.derived
    ) = 1
),

days AS (
    SELECT
        known.patient_id, known.drawn_on,
        bool_or(coalesce(meets(known.value, known.comparator, '<', limits.severe_anc), false))
            AND count(courses.course) = 0 AS severe
    FROM known
    CROSS JOIN limits
    LEFT JOIN courses
        ON courses.patient_id = known.patient_id AND courses.over_on IS NULL AND known.drawn_on >= courses.start_on
    WHERE known.analyte = 'anc'
    GROUP BY known.patient_id, known.drawn_on
),

-- Since when without a better day, or a day of a course that goes on, in between.
runs AS (
    SELECT days.patient_id, min(days.drawn_on) AS since
    FROM days
    LEFT JOIN (SELECT patient_id, max(drawn_on) AS better_on FROM days WHERE NOT severe GROUP BY patient_id) AS better
        ON better.patient_id = days.patient_id
    WHERE better.better_on IS NULL OR days.drawn_on > better.better_on
    GROUP BY days.patient_id
),

-- The course that was over last and the one that began next, the first by name of several.
nearest AS (
    SELECT
        last_anc.patient_id, courses.drug, courses.start_on, courses.read_to,
        courses.start_on > last_anc.last_anc_on AS later
    FROM last_anc
    JOIN courses ON courses.patient_id = last_anc.patient_id
    QUALIFY row_number() OVER (
        PARTITION BY last_anc.patient_id, courses.start_on > last_anc.last_anc_on
        ORDER BY
            CASE WHEN courses.start_on > last_anc.last_anc_on THEN courses.start_on END, courses.read_to DESC,
            courses.drug
    ) = 1
),

-- The last dose by that day of a drug to which no protocol fits.
without_protocol AS (
    SELECT
        last_anc.patient_id, doses.drug,
        greatest(date_diff('day', doses.last_on, last_anc.last_anc_on), 0) AS days_after
    FROM last_anc
    JOIN doses
        ON doses.patient_id = last_anc.patient_id AND doses.protocol IS NULL AND doses.dose_mg > 0
        AND doses.start_on <= last_anc.last_anc_on
    QUALIFY row_number() OVER (
        PARTITION BY last_anc.patient_id
        ORDER BY greatest(date_diff('day', doses.last_on, last_anc.last_anc_on), 0), doses.drug
    ) = 1
)

SELECT
    last_anc.patient_id,
    CASE WHEN without_protocol.days_after = 0 THEN without_protocol.drug
        ELSE coalesce(following.drug, before.drug, without_protocol.drug) END AS drug,
    runs.since,
    'ANC ' || last_anc.last_anc_comparator || cells_words(last_anc.last_anc)
    || derived_words(last_anc.last_anc_derived) || ' on ' || day_words(last_anc.last_anc_on) || ' is below '
    || cells_words(limits.severe_anc) || ', '
    || CASE
        WHEN without_protocol.days_after = 0 THEN 'on ' || without_protocol.drug || ', to which no protocol fits'
        WHEN following.drug IS NOT NULL
            THEN 'before the first dose of ' || following.drug || ' on ' || day_words(following.start_on)
                || ', and no ANC since'
        WHEN before.read_to >= last_anc.last_anc_on
            THEN 'in the course of ' || before.drug || ', which was over on ' || day_words(before.read_to)
                || ', and no ANC since'
        WHEN before.drug IS NOT NULL
            THEN 'after the course of ' || before.drug || ' was over on ' || day_words(before.read_to)
        WHEN without_protocol.drug IS NOT NULL
            THEN days_words(without_protocol.days_after) || ' after the last dose of ' || without_protocol.drug
                || ', to which no protocol fits'
        ELSE 'and no dose is recorded'
    END || '.' AS why,
    false AS answered, true AS grave, CAST(NULL AS TEXT) AS source, CAST(NULL AS TEXT) AS url
FROM last_anc
CROSS JOIN limits
JOIN runs ON runs.patient_id = last_anc.patient_id
LEFT JOIN nearest AS following ON following.patient_id = last_anc.patient_id AND following.later
LEFT JOIN nearest AS before ON before.patient_id = last_anc.patient_id AND NOT before.later
LEFT JOIN without_protocol ON without_protocol.patient_id = last_anc.patient_id
