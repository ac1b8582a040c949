-- Step 17. The worklist: one row a course, and one for every patient with counts or doses and no course.
-- The first status that applies is the patient's.
WITH statuses AS (
    SELECT
        standing.*,
        CASE
            WHEN over_on IS NOT NULL THEN 'off_drug'
            WHEN episode_open AND cause_required AND cause IS NULL THEN 'check_cause'
            WHEN episode_open AND cause = 'disease' AND disease_action IS NOT NULL THEN 'escalate'
            WHEN episode_open AND dose_now_mg > 0 THEN 'hold'
            WHEN episode_open THEN 'keep_holding'
            WHEN not_restarted AND date_diff('day', recovered_on, $as_of) > limits.decision_lapses_days THEN 'off_drug'
            WHEN not_restarted AND NOT recovered THEN 'keep_holding'
            WHEN not_restarted THEN action
            WHEN dose_now_mg > 0 AND action = 'discontinue' THEN 'discontinue'
            WHEN dose_now_mg > decided_dose_mg AND action = 'reduce' THEN 'reduce'
            WHEN dose_now_mg = 0 THEN 'off_drug'
            WHEN course_anc_on IS NULL THEN 'no_result'
            WHEN has_platelets AND course_platelets_on IS NULL THEN 'cannot_tell'
            WHEN date_diff('day', next_lab_due_on, $as_of) > limits.overdue_grace_days THEN 'overdue'
            WHEN NOT recovered THEN 'watch'
            ELSE 'continue'
        END AS status
    FROM standing
    CROSS JOIN limits
),

last_anc AS (
    SELECT person, drawn_on, value, comparator FROM last_counts WHERE analyte = 'anc' AND of_patient
),

course_anc AS (
    SELECT
        readers.course,
        'ANC ' || last_counts.comparator || number_words(last_counts.value)
        || ' on ' || day_words(last_counts.drawn_on) AS words
    FROM measured
    JOIN readers ON readers.course = measured.course
    JOIN last_counts
        ON last_counts.person = readers.person AND last_counts.analyte = 'anc'
        AND last_counts.drawn_on = measured.last_anc_on
),

short_words AS (
    SELECT
        statuses.course,
        concat_ws(
            ' and ',
            CASE WHEN statuses.anc_short THEN
                course_anc.words || ' is not ' || threshold_words(readers.anc_resume_operator, readers.anc_resume) END,
            CASE WHEN statuses.platelets_short THEN
                'platelets ' || last_counts.comparator || number_words(last_counts.value)
                || ' on ' || day_words(last_counts.drawn_on) || ' are not '
                || threshold_words(readers.platelets_resume_operator, readers.platelets_resume) END,
            CASE WHEN statuses.has_platelets AND statuses.course_platelets_on IS NULL THEN
                'platelets were never measured in this course' END
        ) || '.' AS words
    FROM statuses
    JOIN readers ON readers.course = statuses.course
    LEFT JOIN course_anc ON course_anc.course = statuses.course
    LEFT JOIN last_counts
        ON last_counts.person = readers.person AND last_counts.analyte = 'platelets'
        AND last_counts.drawn_on = statuses.course_platelets_on
    WHERE NOT statuses.recovered OR statuses.status = 'cannot_tell'
),

course_rows AS (
    SELECT
        statuses.patient_id, statuses.drug, statuses.protocol, statuses.status,
        CASE
            WHEN statuses.status IN ('hold', 'keep_holding') THEN 0
            WHEN statuses.status IN ('resume', 'reduce', 'discontinue', 'review') THEN statuses.decided_dose_mg
            WHEN statuses.status = 'escalate' THEN statuses.disease_dose_mg
        END AS dose_mg,
        CASE
            WHEN statuses.status IN ('hold', 'keep_holding', 'check_cause', 'escalate') THEN statuses.onset_on
            WHEN statuses.status IN ('resume', 'reduce', 'discontinue', 'review') THEN statuses.recovered_on
            WHEN statuses.status = 'watch' THEN statuses.short_on
            WHEN statuses.status = 'overdue' THEN statuses.next_lab_due_on
            WHEN statuses.status = 'off_drug' THEN statuses.last_dose_in_course_on + 1
            ELSE statuses.start_on
        END AS since,
        last_anc.value AS last_anc, last_anc.drawn_on AS last_anc_on, statuses.next_lab_due_on,
        CASE
            WHEN statuses.status IN ('hold', 'keep_holding', 'check_cause', 'escalate') THEN 'firm'
            WHEN statuses.status IN ('resume', 'reduce', 'discontinue', 'review') THEN statuses.certainty
        END AS certainty,
        CASE
            WHEN statuses.over_on IS NOT NULL THEN 'The course was over on ' || day_words(statuses.over_on) || '.'
            WHEN statuses.status IN ('hold', 'keep_holding', 'check_cause', 'escalate') AND statuses.episode_open THEN
                statuses.decision_why
                || CASE WHEN statuses.course_anc_on > statuses.onset_on OR statuses.course_platelets_on > statuses.onset_on
                    THEN ' Not recovered: ' || short_words.words ELSE '' END
            WHEN statuses.status = 'keep_holding' THEN
                'Recovered on ' || day_words(statuses.recovered_on) || ', but since then ' || short_words.words
            WHEN statuses.status IN ('resume', 'reduce', 'discontinue', 'review') THEN
                statuses.decision_why
                || CASE WHEN statuses.not_restarted THEN '' ELSE
                    ' The dose given is ' || dose_words(statuses.dose_now_mg, statuses.dose_unit) || '.' END
            WHEN statuses.status = 'off_drug' AND statuses.not_restarted THEN
                'Recovered on ' || day_words(statuses.recovered_on)
                || ' and no dose since: after more than ' || limits.decision_lapses_days || ' days the decision lapsed.'
            WHEN statuses.status = 'off_drug' THEN
                'No dose has been given since ' || day_words(statuses.last_dose_on) || '.'
            WHEN statuses.status = 'no_result' THEN
                'No ANC has been reported since the course began on ' || day_words(statuses.start_on) || '.'
            WHEN statuses.status = 'cannot_tell' THEN
                'The protocol needs a platelet count: ' || short_words.words
            WHEN statuses.status = 'overdue' THEN
                'The next count was due on ' || day_words(statuses.next_lab_due_on) || '; the last is '
                || course_anc.words || '.'
            WHEN statuses.status = 'watch' THEN 'Not low enough to hold, but ' || short_words.words
            ELSE course_anc.words || '; no episode is open.'
        END AS why,
        statuses.dose_now_mg, statuses.dose_unit, last_anc.comparator AS last_anc_comparator, statuses.course
    FROM statuses
    CROSS JOIN limits
    LEFT JOIN last_anc ON last_anc.person = statuses.person
    LEFT JOIN course_anc ON course_anc.course = statuses.course
    LEFT JOIN short_words ON short_words.course = statuses.course
),

drugs_without AS (
    SELECT patient_id, string_agg(DISTINCT drug, ', ' ORDER BY drug) AS drugs
    FROM doses
    WHERE protocol IS NULL
    GROUP BY patient_id
),

rows_without_course AS (
    SELECT
        readers.patient_id, NULL AS drug, NULL AS protocol, 'no_protocol' AS status, NULL AS dose_mg,
        readers.first_on AS since, last_anc.value AS last_anc, last_anc.drawn_on AS last_anc_on,
        NULL AS next_lab_due_on, NULL AS certainty,
        coalesce('No protocol fits ' || drugs_without.drugs || '.', 'No dose above 0 is recorded.') AS why,
        NULL AS dose_now_mg, NULL AS dose_unit, last_anc.comparator AS last_anc_comparator, NULL AS course
    FROM readers
    LEFT JOIN last_anc ON last_anc.person = readers.person
    LEFT JOIN drugs_without ON drugs_without.patient_id = readers.patient_id
    WHERE readers.course IS NULL
)

SELECT * FROM course_rows
UNION ALL
SELECT * FROM rows_without_course
