-- Step 11. Episodes, from the draw that meets a hold threshold (onset) to the first later draw that meets every resume
-- threshold (recovery), with both clocks, the lowest counts measured, the dose at onset and the recorded cause.
WITH spans AS (
    SELECT
        course, episode,
        min(drawn_on) AS onset_on,
        max(drawn_on) FILTER (WHERE recovery) AS recovered_on,
        max(drawn_on) FILTER (WHERE measured_short) AS last_short_on,
        bool_or(onset AND anc_low_carried) AS anc_triggered,
        bool_or(onset AND platelets_low_carried) AS platelets_triggered
    FROM states
    WHERE in_episode
    GROUP BY course, episode
),

measured_within AS (
    SELECT
        spans.course, spans.episode, counts.analyte, counts.drawn_on = spans.onset_on AND counts.low AS at_onset,
        {'value': counts.value, 'rank': CASE counts.comparator WHEN '<' THEN 1 WHEN '>' THEN 3 ELSE 2 END} AS found
    FROM counts
    JOIN spans
        ON spans.course = counts.course
        AND counts.drawn_on >= spans.onset_on
        AND (spans.recovered_on IS NULL OR counts.drawn_on <= spans.recovered_on)
    QUALIFY row_number() OVER (
        PARTITION BY counts.course, counts.analyte, counts.collected_at, counts.specimen, counts.derived
        ORDER BY counts.reported_at DESC, counts.value, counts.comparator = '>', counts.comparator = ''
    ) = 1
),

lowest AS (
    SELECT
        course, episode,
        min(found) FILTER (WHERE analyte = 'anc') AS anc_nadir,
        min(found) FILTER (WHERE analyte = 'platelets') AS platelets_nadir,
        min(found) FILTER (WHERE analyte = 'anc' AND at_onset) AS onset_anc,
        min(found) FILTER (WHERE analyte = 'platelets' AND at_onset) AS onset_platelets
    FROM measured_within
    GROUP BY course, episode
),

onset_doses AS (
    SELECT spans.course, spans.episode, doses.dose_mg
    FROM spans
    JOIN courses ON courses.course = spans.course
    JOIN doses
        ON doses.patient_id = courses.patient_id AND doses.drug = courses.drug AND doses.protocol = courses.protocol
        AND doses.dose_mg > 0 AND doses.start_on <= spans.onset_on
    QUALIFY row_number() OVER (
        PARTITION BY spans.course, spans.episode
        ORDER BY least(doses.last_on, spans.onset_on) DESC, doses.dose_mg DESC
    ) = 1
),

causes AS (
    SELECT patient_id, CAST(occurred_at AS DATE) AS cause_on, known.cause
    FROM events
    JOIN (VALUES ('disease', 'disease'), ('malignancy', 'disease'), ('treatment', 'treatment'), ('drug', 'treatment'))
        AS known (word, cause) ON known.word = lower(trim(events.value))
    WHERE events.kind = 'cytopenia_cause' AND events.occurred_at < $after
),

episode_causes AS (
    SELECT spans.course, spans.episode, causes.cause, causes.cause_on
    FROM spans
    JOIN courses ON courses.course = spans.course
    JOIN causes
        ON causes.patient_id = courses.patient_id
        AND causes.cause_on BETWEEN spans.onset_on AND coalesce(spans.recovered_on, courses.read_to)
    QUALIFY row_number() OVER (
        PARTITION BY spans.course, spans.episode ORDER BY causes.cause_on DESC, causes.cause
    ) = 1
)

SELECT
    courses.patient_id, courses.drug, courses.protocol, spans.episode, spans.onset_on, spans.recovered_on,
    CASE
        WHEN spans.anc_triggered AND spans.platelets_triggered THEN 'both'
        WHEN spans.anc_triggered THEN 'anc'
        ELSE 'platelets'
    END AS trigger,
    lowest.anc_nadir.value AS anc_nadir,
    lowest.platelets_nadir.value AS platelets_nadir,
    coalesce(runs.days_below, 0) AS days_below,
    date_diff('day', spans.onset_on, spans.recovered_on) AS days_to_recovery,
    onset_doses.dose_mg AS dose_at_onset_mg,
    episode_causes.cause,
    episode_causes.cause_on,
    coalesce(runs.days_below_shortest, 0) AS days_below_shortest,
    CASE WHEN spans.recovered_on IS NOT NULL
        THEN date_diff('day', spans.onset_on, spans.last_short_on) + 1 END AS days_to_recovery_shortest,
    CASE lowest.anc_nadir.rank WHEN 1 THEN '<' WHEN 3 THEN '>' ELSE '' END AS anc_nadir_comparator,
    CASE lowest.platelets_nadir.rank WHEN 1 THEN '<' WHEN 3 THEN '>' ELSE '' END AS platelets_nadir_comparator,
    CASE lowest.onset_anc.rank WHEN 1 THEN '<' ELSE '' END || number_words(lowest.onset_anc.value) AS onset_anc,
    CASE lowest.onset_platelets.rank WHEN 1 THEN '<' ELSE '' END
        || number_words(lowest.onset_platelets.value) AS onset_platelets,
    spans.course
FROM spans
JOIN courses ON courses.course = spans.course
JOIN lowest ON lowest.course = spans.course AND lowest.episode = spans.episode
LEFT JOIN runs ON runs.course = spans.course AND runs.episode = spans.episode
LEFT JOIN onset_doses ON onset_doses.course = spans.course AND onset_doses.episode = spans.episode
LEFT JOIN episode_causes ON episode_causes.course = spans.course AND episode_causes.episode = spans.episode
