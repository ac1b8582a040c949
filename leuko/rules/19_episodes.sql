-- Step 19. Episodes, from the draw that meets a hold threshold (onset) to the first later draw that meets every resume
-- threshold (recovery), with both clocks, the lowest counts measured, the dose at onset and the recorded cause.
WITH spans AS (
    SELECT
        course, episode,
        min(drawn_on) AS onset_on,
        max(drawn_on) FILTER (WHERE recovery) AS recovered_on,
        max(drawn_on) FILTER (WHERE anc_short OR platelets_short) AS last_short_on,
        bool_or(onset AND anc_low_carried) AS anc_triggered,
        bool_or(onset AND platelets_low_carried) AS platelets_triggered,
        min(anc_found) FILTER (WHERE onset) AS onset_anc,
        min(platelets_found) FILTER (WHERE onset) AS onset_platelets,
        CASE WHEN bool_or(anc_plainly_short)
            THEN min(anc_found) FILTER (WHERE anc_short) END AS anc_short_nadir,
        CASE WHEN bool_or(platelets_plainly_short)
            THEN min(platelets_found) FILTER (WHERE platelets_short) END AS platelets_short_nadir
    FROM states
    WHERE in_episode
    GROUP BY course, episode
),

-- Without a plain short count ("<x" is none) the lowest may be among the draws that were not kept.
not_plain AS (
    SELECT course, episode, onset_on, recovered_on, 'anc' AS analyte FROM spans WHERE anc_short_nadir IS NULL
    UNION ALL
    SELECT course, episode, onset_on, recovered_on, 'platelets' AS analyte FROM spans WHERE platelets_short_nadir IS NULL
),

results AS (
    SELECT
        not_plain.course, not_plain.episode, counts.analyte,
        {'value': counts.value, 'bound': counts.bound, 'derived': counts.derived} AS found
    FROM counts
    JOIN not_plain
        ON not_plain.course = counts.course AND not_plain.analyte = counts.analyte
        AND counts.drawn_on >= not_plain.onset_on
        AND (not_plain.recovered_on IS NULL OR counts.drawn_on <= not_plain.recovered_on)
    QUALIFY row_number() OVER (
        PARTITION BY counts.course, counts.analyte, counts.collected_at, counts.specimen, counts.derived
        ORDER BY counts.reported_at DESC, counts.value, counts.bound
    ) = 1
),

other_nadirs AS (
    SELECT
        course, episode,
        min(found) FILTER (WHERE analyte = 'anc') AS anc_nadir,
        min(found) FILTER (WHERE analyte = 'platelets') AS platelets_nadir
    FROM results
    GROUP BY course, episode
),

lowest AS (
    SELECT
        spans.course, spans.episode,
        coalesce(spans.anc_short_nadir, other_nadirs.anc_nadir) AS anc_nadir,
        coalesce(spans.platelets_short_nadir, other_nadirs.platelets_nadir) AS platelets_nadir
    FROM spans
    LEFT JOIN other_nadirs ON other_nadirs.course = spans.course AND other_nadirs.episode = spans.episode
),

recorded AS (
    SELECT
        spans.course, spans.episode, causes.cause, causes.cause_on,
        max(CASE WHEN causes.cause = 'disease' THEN causes.cause_on END) OVER (PARTITION BY spans.course, spans.episode)
            AS last_disease_on
    FROM spans
    JOIN courses ON courses.course = spans.course
    JOIN causes
        ON causes.patient_id = courses.patient_id
        AND causes.cause_on BETWEEN spans.onset_on AND coalesce(spans.recovered_on, courses.read_to)
),

-- The last cause counts, of two on one day the disease; a treatment has been the cause since it was first said so
-- without a disease after it.
episode_causes AS (
    SELECT
        course, episode, min_by(cause, {'days_before': date_diff('day', cause_on, $as_of), 'cause': cause}) AS cause,
        max(cause_on) AS cause_on,
        min(cause_on) FILTER (WHERE last_disease_on IS NULL OR cause_on > last_disease_on) AS treatment_since_on
    FROM recorded
    GROUP BY course, episode
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
    doses_then.dose_mg AS dose_at_onset_mg,
    episode_causes.cause,
    episode_causes.cause_on,
    episode_causes.treatment_since_on,
    coalesce(runs.days_below_shortest, 0) AS days_below_shortest,
    CASE WHEN spans.recovered_on IS NOT NULL
        THEN date_diff('day', spans.onset_on, spans.last_short_on) + 1 END AS days_to_recovery_shortest,
    bound_sign(lowest.anc_nadir.bound) AS anc_nadir_comparator,
    bound_sign(lowest.platelets_nadir.bound) AS platelets_nadir_comparator,
    coalesce(lowest.anc_nadir.derived, false) AS anc_nadir_derived,
    found_words(spans.onset_anc) AS onset_anc,
    found_words(spans.onset_platelets) AS onset_platelets,
    spans.course
FROM spans
JOIN courses ON courses.course = spans.course
JOIN lowest ON lowest.course = spans.course AND lowest.episode = spans.episode
LEFT JOIN runs ON runs.course = spans.course AND runs.episode = spans.episode
LEFT JOIN doses_then ON doses_then.course = spans.course AND doses_then.day = spans.onset_on
LEFT JOIN episode_causes ON episode_causes.course = spans.course AND episode_causes.episode = spans.episode
