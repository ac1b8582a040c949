-- Step 22. The worklist: one row a course, and one for every patient with counts or doses and no course.
-- The first status that applies is the patient's.
WITH judged AS (
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
        measured.course,
        'ANC ' || last_counts.comparator || number_words(last_counts.value)
        || ' on ' || day_words(last_counts.drawn_on) AS words
    FROM measured
    JOIN last_counts
        ON last_counts.person = measured.person AND last_counts.analyte = 'anc'
        AND last_counts.drawn_on = measured.last_on
    WHERE measured.analyte = 'anc' AND measured.course IS NOT NULL
),

short_words AS (
    SELECT
        judged.course,
        concat_ws(
            ' and ',
            CASE WHEN judged.anc_short THEN
                course_anc.words || ' is not ' || threshold_words(anc.resume_operator, anc.resume)
                || unverified_words(anc.verified) END,
            CASE WHEN judged.platelets_short THEN
                'platelets ' || last_counts.comparator || number_words(last_counts.value)
                || ' on ' || day_words(last_counts.drawn_on) || ' are not '
                || threshold_words(platelets.resume_operator, platelets.resume)
                || unverified_words(platelets.verified) END,
            CASE WHEN judged.has_platelets AND judged.course_platelets_on IS NULL THEN
                'platelets were never measured in this course' END
        ) || '.' AS words
    FROM judged
    JOIN thresholds AS anc ON anc.protocol = judged.protocol AND anc.analyte = 'anc'
    LEFT JOIN thresholds AS platelets ON platelets.protocol = judged.protocol AND platelets.analyte = 'platelets'
    LEFT JOIN course_anc ON course_anc.course = judged.course
    LEFT JOIN last_counts
        ON last_counts.person = judged.person AND last_counts.analyte = 'platelets'
        AND last_counts.drawn_on = judged.course_platelets_on
    WHERE NOT judged.recovered OR judged.status = 'cannot_tell'
),

-- After a change of setting the old course stays on the list: its sentence says that the drug goes on elsewhere.
elsewhere AS (
    SELECT
        judged.course,
        string_agg(
            ' But ' || other.drug || ' ' || dose_words(other.dose_now_mg, other.dose_unit)
            || ' is being given under ' || other.protocol || '.', '' ORDER BY other.protocol
        ) AS words
    FROM judged
    JOIN courses AS other
        ON other.patient_id = judged.patient_id AND other.drug = judged.drug AND other.protocol <> judged.protocol
        AND other.dose_now_mg > 0 AND other.over_on IS NULL
    WHERE judged.dose_now_mg = 0 AND judged.over_on IS NULL
    GROUP BY judged.course
),

course_rows AS (
    SELECT
        judged.patient_id, judged.drug, judged.protocol, judged.status,
        CASE
            WHEN judged.status IN ('hold', 'keep_holding') THEN 0
            WHEN judged.status IN ('resume', 'reduce', 'discontinue', 'review') THEN judged.decided_dose_mg
            WHEN judged.status = 'escalate' AND lower(trim(judged.dose_unit)) = 'mg' THEN judged.disease_dose_mg
        END AS dose_mg,
        CASE
            WHEN judged.status IN ('hold', 'keep_holding', 'check_cause', 'escalate') THEN judged.onset_on
            WHEN judged.status IN ('resume', 'reduce', 'discontinue', 'review') THEN judged.recovered_on
            WHEN judged.status = 'watch' THEN judged.short_on
            WHEN judged.status = 'overdue' THEN judged.next_lab_due_on
            WHEN judged.status = 'off_drug' THEN judged.last_dose_in_course_on + 1
            ELSE judged.start_on
        END AS since,
        last_anc.value AS last_anc, last_anc.drawn_on AS last_anc_on, judged.next_lab_due_on,
        CASE
            WHEN judged.episode_open AND judged.over_on IS NULL THEN 'firm'
            WHEN judged.status IN ('resume', 'reduce', 'discontinue', 'review') THEN judged.certainty
        END AS certainty,
        CASE
            WHEN judged.over_on IS NOT NULL THEN 'The course was over on ' || day_words(judged.over_on) || '.'
            WHEN judged.status IN ('hold', 'keep_holding', 'check_cause', 'escalate') AND judged.episode_open THEN
                judged.decision_why
                || CASE WHEN judged.course_anc_on > judged.onset_on OR judged.course_platelets_on > judged.onset_on
                    THEN ' Not recovered: ' || short_words.words ELSE '' END
            WHEN judged.status = 'keep_holding' THEN
                'Recovered on ' || day_words(judged.recovered_on) || ', but since then ' || short_words.words
            WHEN judged.status IN ('resume', 'reduce', 'discontinue', 'review') THEN
                judged.decision_why
                || CASE WHEN judged.not_restarted THEN '' ELSE
                    ' The dose given is ' || dose_words(judged.dose_now_mg, judged.dose_unit) || '.' END
            WHEN judged.status = 'off_drug' AND judged.not_restarted THEN
                'Recovered on ' || day_words(judged.recovered_on)
                || ' and no dose since: after more than ' || limits.decision_lapses_days || ' days the decision lapsed.'
            WHEN judged.status = 'off_drug' THEN
                'No dose has been given since ' || day_words(judged.last_dose_on) || '.'
            WHEN judged.status = 'no_result' THEN
                'No ANC has been reported since the course began on ' || day_words(judged.start_on) || '.'
            WHEN judged.status = 'cannot_tell' THEN
                'The protocol needs a platelet count: ' || short_words.words
            WHEN judged.status = 'overdue' THEN
                'The next count was due on ' || day_words(judged.next_lab_due_on)
                || unverified_words(judged.interval_verified) || '; the last is ' || course_anc.words || '.'
            WHEN judged.status = 'watch' THEN 'Not low enough to hold, but ' || short_words.words
            ELSE course_anc.words
                || CASE date_diff('day', judged.course_anc_on, $as_of)
                    WHEN 0 THEN '' WHEN 1 THEN ', the day before'
                    ELSE ', ' || date_diff('day', judged.course_anc_on, $as_of) || ' days before' END
                || '; no episode is open.'
        END
        || CASE WHEN judged.status IN ('watch', 'continue') AND judged.next_lab_due_on IS NULL
            THEN ' The protocol gives no day for the next count.' ELSE '' END
        || coalesce(elsewhere.words, '') AS why,
        judged.dose_now_mg, judged.dose_unit, judged.first_dose_mg, judged.starting_dose_mg,
        last_anc.comparator AS last_anc_comparator, judged.course
    FROM judged
    CROSS JOIN limits
    LEFT JOIN last_anc ON last_anc.person = judged.person
    LEFT JOIN course_anc ON course_anc.course = judged.course
    LEFT JOIN short_words ON short_words.course = judged.course
    LEFT JOIN elsewhere ON elsewhere.course = judged.course
),

drugs_without AS (
    SELECT patient_id, string_agg(DISTINCT drug, ', ' ORDER BY drug) AS drugs
    FROM doses
    WHERE protocol IS NULL
    GROUP BY patient_id
),

first_counts AS (
    SELECT readers.person, min(CAST(results.collected_at AS DATE)) AS first_on
    FROM readers
    JOIN results ON results.patient_id = readers.patient_id
    LEFT JOIN void
        ON void.person = readers.person AND void.analyte = results.analyte
        AND void.collected_at = results.collected_at AND void.specimen = results.specimen
        AND void.derived = results.derived
    WHERE readers.course IS NULL
        AND results.usable AND results.analyte IN ('anc', 'wbc', 'platelets', 'granulocytes')
        AND results.collected_at < $after AND results.reported_at < $after
        AND (void.void_before IS NULL OR void.void_before <= results.reported_at)
    GROUP BY readers.person
),

first_doses AS (
    SELECT patient_id, min(start_on) AS first_on FROM doses GROUP BY patient_id
),

rows_without_course AS (
    SELECT
        readers.patient_id, NULL AS drug, NULL AS protocol, 'no_protocol' AS status, NULL AS dose_mg,
        least(first_counts.first_on, first_doses.first_on) AS since, last_anc.value AS last_anc, last_anc.drawn_on AS last_anc_on,
        NULL AS next_lab_due_on, NULL AS certainty,
        coalesce('No protocol fits ' || drugs_without.drugs || '.', 'No dose above 0 is recorded.') AS why,
        NULL AS dose_now_mg, NULL AS dose_unit, NULL AS first_dose_mg, NULL AS starting_dose_mg,
        last_anc.comparator AS last_anc_comparator, NULL AS course
    FROM readers
    LEFT JOIN last_anc ON last_anc.person = readers.person
    LEFT JOIN drugs_without ON drugs_without.patient_id = readers.patient_id
    LEFT JOIN first_counts ON first_counts.person = readers.person
    LEFT JOIN first_doses ON first_doses.patient_id = readers.patient_id
    WHERE readers.course IS NULL AND coalesce(first_counts.first_on, first_doses.first_on) IS NOT NULL
)

SELECT listed.*, statuses.urgency
FROM (SELECT * FROM course_rows UNION ALL SELECT * FROM rows_without_course) AS listed
JOIN statuses ON statuses.status = listed.status
