-- The last ANC is severe and of a day of no course: before the first dose, after the last, or on a drug without protocol.
WITH last_anc AS (
    SELECT DISTINCT
        worklist.patient_id, worklist.last_anc, worklist.last_anc_comparator, worklist.last_anc_derived,
        worklist.last_anc_on
    FROM worklist
    JOIN watched ON watched.patient_id = worklist.patient_id
    CROSS JOIN limits
    LEFT JOIN courses
        ON courses.patient_id = worklist.patient_id
        AND worklist.last_anc_on BETWEEN courses.start_on AND courses.read_to
    WHERE courses.course IS NULL
        AND meets(worklist.last_anc, worklist.last_anc_comparator, '<', limits.severe_anc)
        AND date_diff('day', worklist.last_anc_on, $as_of) <= limits.alert_lapses_days
),

days AS (
    SELECT
        known.patient_id, known.drawn_on,
        bool_or(coalesce(meets(known.value, known.comparator, '<', limits.severe_anc), false))
            AND count(courses.course) = 0 AS severe
    FROM known
    CROSS JOIN limits
    LEFT JOIN courses
        ON courses.patient_id = known.patient_id AND known.drawn_on BETWEEN courses.start_on AND courses.read_to
    WHERE known.analyte = 'anc'
    GROUP BY known.patient_id, known.drawn_on
),

-- Since when without a better day, or a day of a course, in between.
runs AS (
    SELECT days.patient_id, min(days.drawn_on) AS since
    FROM days
    LEFT JOIN (SELECT patient_id, max(drawn_on) AS better_on FROM days WHERE NOT severe GROUP BY patient_id) AS better
        ON better.patient_id = days.patient_id
    WHERE better.better_on IS NULL OR days.drawn_on > better.better_on
    GROUP BY days.patient_id
),

places AS (
    SELECT
        last_anc.patient_id,
        min_by(courses.drug, courses.start_on) FILTER (WHERE courses.start_on > last_anc.last_anc_on) AS drug_after,
        min(courses.start_on) FILTER (WHERE courses.start_on > last_anc.last_anc_on) AS began_on,
        max_by(courses.drug, courses.read_to) FILTER (WHERE courses.read_to < last_anc.last_anc_on) AS drug_before,
        max(courses.read_to) FILTER (WHERE courses.read_to < last_anc.last_anc_on) AS over_on
    FROM last_anc
    LEFT JOIN courses ON courses.patient_id = last_anc.patient_id
    GROUP BY last_anc.patient_id
),

without_protocol AS (
    SELECT last_anc.patient_id, min(doses.drug) AS drug
    FROM last_anc
    JOIN doses
        ON doses.patient_id = last_anc.patient_id AND doses.protocol IS NULL AND doses.dose_mg > 0
        AND last_anc.last_anc_on BETWEEN doses.start_on AND doses.last_on
    GROUP BY last_anc.patient_id
)

SELECT
    last_anc.patient_id, coalesce(without_protocol.drug, places.drug_after, places.drug_before) AS drug, runs.since,
    'ANC ' || last_anc.last_anc_comparator || number_words(last_anc.last_anc)
    || derived_words(last_anc.last_anc_derived) || ' on ' || day_words(last_anc.last_anc_on) || ' is below '
    || number_words(limits.severe_anc) || ', '
    || CASE
        WHEN without_protocol.drug IS NOT NULL THEN 'on ' || without_protocol.drug || ', for which there is no protocol'
        WHEN places.began_on IS NOT NULL
            THEN 'before the first dose of ' || places.drug_after || ' on ' || day_words(places.began_on)
                || ', and no ANC since'
        WHEN places.over_on IS NOT NULL
            THEN 'after the course of ' || places.drug_before || ' was over on ' || day_words(places.over_on)
        ELSE 'and no drug is recorded'
    END || '.' AS why,
    CAST(NULL AS TEXT) AS source, CAST(NULL AS TEXT) AS url
FROM last_anc
CROSS JOIN limits
JOIN runs ON runs.patient_id = last_anc.patient_id
JOIN places ON places.patient_id = last_anc.patient_id
LEFT JOIN without_protocol ON without_protocol.patient_id = last_anc.patient_id
