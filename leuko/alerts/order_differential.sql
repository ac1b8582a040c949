-- The last white cell count is low and of a later day than the last ANC. What it says of the ANC: it cannot be higher.
WITH days AS (
    SELECT known.patient_id, known.drawn_on, known.value, known.comparator
    FROM known
    JOIN last_anc_days AS last_anc ON last_anc.patient_id = known.patient_id
    WHERE known.analyte = 'wbc' AND (last_anc.last_anc_on IS NULL OR known.drawn_on > last_anc.last_anc_on)
    QUALIFY row_number() OVER (
        PARTITION BY known.patient_id, known.drawn_on ORDER BY known.value, known.comparator = '>', known.comparator = ''
    ) = 1
),

-- The strictest limit among the drugs of courses that go on; for a drug without one of its own, that of every drug.
limits_of_patients AS (
    SELECT
        patients.patient_id,
        max(coalesce(own.below, of_every_drug.below)) AS below
    FROM (SELECT DISTINCT patient_id FROM days) AS patients
    JOIN wbc_limits AS of_every_drug ON of_every_drug.drug IS NULL
    LEFT JOIN courses ON courses.patient_id = patients.patient_id AND courses.over_on IS NULL
    LEFT JOIN wbc_limits AS own ON own.drug = courses.drug
    GROUP BY patients.patient_id
),

judged AS (
    SELECT
        days.*, limits_of_patients.below,
        coalesce(meets(days.value, days.comparator, '<', limits_of_patients.below), false) AS low
    FROM days
    JOIN limits_of_patients ON limits_of_patients.patient_id = days.patient_id
),

last_days AS (
    SELECT *, min(CASE WHEN low THEN drawn_on END) OVER (PARTITION BY patient_id) AS since
    FROM judged
    QUALIFY row_number() OVER (PARTITION BY patient_id ORDER BY drawn_on DESC) = 1
),

below_hold AS (
    SELECT
        last_days.patient_id, min(courses.drug) AS drug,
        string_agg(
            courses.drug || ' is held at ANC ' || threshold_words(thresholds.hold_operator, thresholds.hold)
            || unverified_words(thresholds.verified), ', ' ORDER BY courses.drug, courses.protocol
        ) AS words
    FROM last_days
    JOIN courses ON courses.patient_id = last_days.patient_id AND courses.over_on IS NULL
    JOIN thresholds ON thresholds.protocol = courses.protocol AND thresholds.analyte = 'anc'
    WHERE meets(last_days.value, last_days.comparator, thresholds.hold_operator, thresholds.hold)
    GROUP BY last_days.patient_id
)

SELECT
    last_days.patient_id, below_hold.drug, last_days.since,
    coalesce(
        'ANC cannot be higher than the white cell count, and ' || below_hold.words || '. ',
        CASE WHEN meets(last_days.value, last_days.comparator, '<', limits.severe_anc)
            THEN 'ANC cannot be higher than the white cell count: it is severe (below '
                || cells_words(limits.severe_anc) || '). ' END,
        ''
    )
    || 'WBC ' || last_days.comparator || cells_words(last_days.value) || ' on ' || day_words(last_days.drawn_on)
    || ' is below ' || cells_words(last_days.below)
    || coalesce(', and the last ANC is of ' || day_words(last_anc.last_anc_on), ', and there is no ANC') || '.' AS why,
    false AS answered,
    below_hold.patient_id IS NOT NULL
        OR coalesce(meets(last_days.value, last_days.comparator, '<', limits.severe_anc), false) AS grave,
    CAST(NULL AS TEXT) AS source, CAST(NULL AS TEXT) AS url
FROM last_days
CROSS JOIN limits
JOIN last_anc_days AS last_anc ON last_anc.patient_id = last_days.patient_id
LEFT JOIN below_hold ON below_hold.patient_id = last_days.patient_id
WHERE last_days.low AND date_diff('day', last_days.drawn_on, $as_of) <= limits.alert_lapses_days
