-- Step 26. The worklist: one row a course, and one for every patient with counts or doses and no course. The first ground
-- that applies decides the status. Under a protocol that does not fit what is recorded of the patient, nothing less
-- urgent than a review is shown.
WITH judged AS (
    SELECT
        standing.*,
        CASE
            WHEN over_on IS NOT NULL THEN 'over'
            WHEN episode_open AND cause_required AND cause IS NULL THEN 'cause unknown'
            WHEN stopped_on IS NOT NULL
                AND (episode_open OR dose_now_mg > 0 OR date_diff('day', stopped_on, $as_of) <= limits.decision_lapses_days)
                THEN 'stopped'
            WHEN episode_open AND guide_action = 'reduce' AND dose_now_mg > 0 AND dose_now_mg <= guide_dose_mg
                AND date_diff('day', next_lab_due_on, $as_of) > limits.overdue_grace_days THEN 'overdue'
            WHEN episode_open AND guide_action = 'reduce' AND dose_now_mg > 0 AND dose_now_mg <= guide_dose_mg THEN 'guided'
            WHEN episode_open AND guide_action <> 'hold' THEN 'guide'
            WHEN episode_open THEN 'open'
            WHEN not_restarted AND date_diff('day', recovered_on, $as_of) > limits.decision_lapses_days THEN 'lapsed'
            WHEN not_restarted AND NOT recovered THEN 'short again'
            WHEN not_restarted THEN 'waiting'
            WHEN dose_now_mg > 0 AND action = 'discontinue' THEN 'not followed'
            WHEN dose_now_mg > decided_dose_mg AND action = 'reduce' THEN 'not followed'
            WHEN dose_now_mg = 0 THEN 'not given'
            WHEN draw_action = 'discontinue' THEN 'draw'
            WHEN draw_action = 'reduce' AND dose_now_mg > draw_dose_mg THEN 'draw'
            WHEN draw_action IN ('review', 'escalate') AND dose_now_mg = draw_dose_before_mg
                AND date_diff('day', draw_on, $as_of) <= limits.decision_lapses_days THEN 'draw'
            WHEN course_anc_on IS NULL THEN 'no result'
            WHEN has_platelets AND course_platelets_on IS NULL THEN 'cannot tell'
            WHEN date_diff('day', next_lab_due_on, $as_of) > limits.overdue_grace_days THEN 'overdue'
            WHEN NOT recovered THEN 'short'
            ELSE 'nothing'
        END AS ground
    FROM standing
    CROSS JOIN limits
),

stated AS (
    SELECT
        judged.*,
        CASE judged.ground
            WHEN 'cause unknown' THEN 'check_cause'
            WHEN 'stopped' THEN 'discontinue'
            WHEN 'guide' THEN judged.guide_action
            WHEN 'open' THEN CASE WHEN judged.dose_now_mg > 0 THEN 'hold' ELSE 'keep_holding' END
            WHEN 'short again' THEN 'keep_holding'
            WHEN 'waiting' THEN judged.action
            WHEN 'not followed' THEN judged.action
            WHEN 'draw' THEN judged.draw_action
            WHEN 'no result' THEN 'no_result'
            WHEN 'cannot tell' THEN 'cannot_tell'
            WHEN 'overdue' THEN 'overdue'
            WHEN 'guided' THEN 'watch'
            WHEN 'short' THEN 'watch'
            WHEN 'nothing' THEN 'continue'
            ELSE 'off_drug'
        END AS status,
        CASE
            WHEN judged.ground IN ('open', 'short again') THEN 0
            WHEN judged.ground IN ('waiting', 'not followed') THEN judged.decided_dose_mg
            WHEN judged.ground = 'stopped' THEN judged.stop_dose_mg
            WHEN judged.ground = 'guide' THEN judged.guide_dose_mg
            WHEN judged.ground = 'draw' THEN judged.draw_dose_mg
        END AS dose_mg,
        CASE
            WHEN judged.ground = 'guide' AND NOT (judged.of_disease AND judged.guide_action = 'escalate') THEN judged.guide_on
            WHEN judged.ground IN ('cause unknown', 'guide', 'open', 'short again') THEN judged.onset_on
            WHEN judged.ground = 'stopped' THEN judged.stopped_on
            WHEN judged.ground IN ('waiting', 'not followed') THEN judged.recovered_on
            WHEN judged.ground = 'draw' THEN judged.draw_on
            WHEN judged.ground IN ('guided', 'short') THEN judged.short_on
            WHEN judged.ground = 'overdue' THEN judged.next_lab_due_on
            WHEN judged.ground IN ('over', 'lapsed', 'not given') THEN judged.last_dose_in_course_on + 1
            ELSE judged.start_on
        END AS since,
        CASE
            WHEN judged.episode_open AND judged.over_on IS NULL THEN 'firm'
            WHEN judged.ground = 'stopped' THEN judged.stop_certainty
            WHEN judged.ground = 'draw' THEN 'firm'
            WHEN judged.ground IN ('waiting', 'not followed') THEN judged.certainty
        END AS certainty_now
    FROM judged
),

last_anc AS (
    SELECT person, drawn_on, value, comparator, derived FROM last_counts WHERE analyte = 'anc' AND of_patient
),

course_anc AS (
    SELECT
        measured.course,
        'ANC ' || last_counts.comparator || cells_words(last_counts.value) || derived_words(last_counts.derived)
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
                'platelets ' || last_counts.comparator || cells_words(last_counts.value)
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
    WHERE NOT judged.recovered OR judged.ground = 'cannot tell'
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

asked AS (
    SELECT protocol, string_agg(fact_asked_words(fact, word), ' and ' ORDER BY fact) AS words
    FROM requirements
    GROUP BY protocol
),

would_fit AS (
    SELECT standing.course, others.protocol
    FROM standing
    JOIN protocols AS others ON others.drug = standing.drug AND others.protocol <> standing.protocol
    LEFT JOIN asked ON asked.protocol = others.protocol
    LEFT JOIN suited ON suited.protocol = others.protocol AND suited.patient_id = standing.patient_id
    WHERE NOT standing.suits AND (asked.protocol IS NULL OR suited.patient_id IS NOT NULL)
),

mismatches AS (
    SELECT
        standing.course,
        standing.protocol || ' is for patients with ' || asked.words
        || ', which is not what is recorded of this patient. '
        || coalesce(string_agg(would_fit.protocol, ', ' ORDER BY would_fit.protocol) || ' would fit.',
            'No other protocol of ' || standing.drug || ' would fit.') AS words
    FROM standing
    JOIN asked ON asked.protocol = standing.protocol
    LEFT JOIN would_fit ON would_fit.course = standing.course
    WHERE NOT standing.suits
    GROUP BY standing.course, standing.protocol, standing.drug, asked.words
),

less_urgent_than_review AS (
    SELECT statuses.status
    FROM statuses
    JOIN statuses AS review ON review.status = 'review' AND statuses.urgency > review.urgency
    WHERE statuses.status <> 'off_drug'
),

course_rows AS (
    SELECT
        stated.patient_id, stated.drug, stated.protocol,
        CASE WHEN unfit.status IS NULL THEN stated.status ELSE 'review' END AS status,
        CASE WHEN unfit.status IS NULL THEN stated.dose_mg END AS dose_mg,
        stated.since, last_anc.value AS last_anc, last_anc.drawn_on AS last_anc_on, stated.next_lab_due_on,
        stated.certainty_now AS certainty,
        coalesce(mismatches.words || ' ', '')
        || CASE
            WHEN stated.ground = 'over' THEN 'The course was over on ' || day_words(stated.over_on) || '.'
            WHEN stated.ground IN ('cause unknown', 'guide', 'guided', 'open') THEN
                CASE WHEN stated.ground = 'cause unknown' THEN stated.decision_why
                    ELSE coalesce(stated.guide_why, stated.decision_why) END
                || CASE WHEN stated.ground = 'guided'
                    THEN ' The dose given is ' || dose_words(stated.dose_now_mg, stated.dose_unit) || '.' ELSE '' END
                || CASE WHEN stated.course_anc_on > stated.onset_on OR stated.course_platelets_on > stated.onset_on
                    THEN ' Not recovered: ' || short_words.words ELSE '' END
            WHEN stated.ground = 'stopped' THEN
                stated.stop_why || CASE WHEN stated.dose_now_mg > 0
                    THEN ' The dose given is ' || dose_words(stated.dose_now_mg, stated.dose_unit) || '.'
                    ELSE ' A later dip without the drug does not undo it.' END
            WHEN stated.ground = 'short again' THEN
                'Recovered on ' || day_words(stated.recovered_on) || ', but since then ' || short_words.words
            WHEN stated.ground = 'waiting' THEN stated.decision_why
            WHEN stated.ground = 'not followed' THEN
                stated.decision_why || ' The dose given is ' || dose_words(stated.dose_now_mg, stated.dose_unit) || '.'
            WHEN stated.ground = 'draw' THEN
                stated.draw_why || ' The dose given is ' || dose_words(stated.dose_now_mg, stated.dose_unit) || '.'
            WHEN stated.ground = 'lapsed' THEN
                'Recovered on ' || day_words(stated.recovered_on)
                || ' and no dose since: after more than ' || limits.decision_lapses_days || ' days the decision lapsed.'
            WHEN stated.ground = 'not given' THEN
                'No dose has been given since ' || day_words(stated.last_dose_on) || '.'
            WHEN stated.ground = 'no result' THEN
                'No ANC has been reported since the course began on ' || day_words(stated.start_on) || '.'
            WHEN stated.ground = 'cannot tell' THEN
                'The protocol needs a platelet count: ' || short_words.words
            WHEN stated.ground = 'overdue' THEN
                'The next count was due on ' || day_words(stated.next_lab_due_on)
                || unverified_words(stated.interval_verified) || '; the last is ' || course_anc.words || '.'
            WHEN stated.ground = 'short' THEN 'Not low enough to hold, but ' || short_words.words
            ELSE course_anc.words
                || CASE date_diff('day', stated.course_anc_on, $as_of)
                    WHEN 0 THEN '' WHEN 1 THEN ', the day before'
                    ELSE ', ' || date_diff('day', stated.course_anc_on, $as_of) || ' days before' END
                || '; no episode is open.'
        END
        || CASE
            WHEN stated.status NOT IN ('watch', 'continue') THEN ''
            WHEN stated.next_lab_due_on IS NULL THEN ' The protocol gives no day for the next count.'
            ELSE ' Next count due on ' || day_words(stated.next_lab_due_on)
                || unverified_words(stated.interval_verified) || '.'
        END
        || coalesce(elsewhere.words, '') AS why,
        mismatches.words AS mismatch, stated.dose_now_mg, stated.dose_unit, stated.first_dose_mg, stated.starting_dose_mg,
        last_anc.comparator AS last_anc_comparator, last_anc.derived AS last_anc_derived, stated.course
    FROM stated
    CROSS JOIN limits
    LEFT JOIN last_anc ON last_anc.person = stated.person
    LEFT JOIN course_anc ON course_anc.course = stated.course
    LEFT JOIN short_words ON short_words.course = stated.course
    LEFT JOIN elsewhere ON elsewhere.course = stated.course
    LEFT JOIN mismatches ON mismatches.course = stated.course
    LEFT JOIN less_urgent_than_review AS unfit ON unfit.status = stated.status AND NOT stated.suits
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
        coalesce('No protocol fits ' || drugs_without.drugs || '.', 'No dose above 0 is recorded.') AS why, NULL AS mismatch,
        NULL AS dose_now_mg, NULL AS dose_unit, NULL AS first_dose_mg, NULL AS starting_dose_mg,
        last_anc.comparator AS last_anc_comparator, last_anc.derived AS last_anc_derived, NULL AS course
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
