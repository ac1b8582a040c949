-- Every course whose status or dose is another under the other set of protocols, the most urgent then first, with the
-- last decision that differs.
WITH compared AS (
    SELECT
        course_pairs.*,
        coalesce(old.status, 'no_protocol') AS status_before, coalesce(new.status, 'no_protocol') AS status_after,
        old.dose_mg AS dose_before, new.dose_mg AS dose_after, coalesce(new.since, old.since) AS since,
        'No protocol fits ' || course_pairs.drug
        || CASE setting WHEN '' THEN ' where no setting is named.' ELSE ' in the setting "' || setting || '".' END AS unfit,
        old.why AS said_before, new.why AS said_after
    FROM course_pairs
    LEFT JOIN worklist_before AS old ON old.course = course_pairs.course_before
    LEFT JOIN worklist AS new ON new.course = course_pairs.course_after
),

last_different AS (
    SELECT
        course_before, course_after, decided_on,
        'The last decision that differs, on ' || day_words(decided_on) || ' at the ' || moment || ': old table: '
        || by_before || '; new table: ' || by_after || '.' AS words,
        day_words(decided_on) || ', at the ' || moment || ': ' || row_name(place, clause_before, action_before)
        || ' → ' || row_name(place, clause_after, action_after) AS moved
    FROM changed_decisions
    QUALIFY row_number() OVER (PARTITION BY course_before, course_after ORDER BY decided_on DESC, place DESC) = 1
),

told AS (
    SELECT
        compared.*, last_different.decided_on, last_different.words AS because, last_different.moved,
        to_do_words(old.to_do, drug, dose_before, dose_unit) || ': ' || coalesce(said_before, unfit) AS why_before,
        to_do_words(new.to_do, drug, dose_after, dose_unit) || ': ' || coalesce(said_after, unfit) AS why_after,
        old.urgency AS urgency_before, new.urgency AS urgency_after
    FROM compared
    JOIN statuses AS old ON old.status = compared.status_before
    JOIN statuses AS new ON new.status = compared.status_after
    LEFT JOIN last_different
        ON last_different.course_before IS NOT DISTINCT FROM compared.course_before
        AND last_different.course_after IS NOT DISTINCT FROM compared.course_after
    WHERE status_before <> status_after OR dose_before IS DISTINCT FROM dose_after
)

SELECT
    patient_id, drug, protocol_before, protocol_after, status_before, status_after, dose_before, dose_after, dose_unit,
    coalesce(decided_on, since, start_on) AS marked_on,
    concat_ws(' ', 'Old table: ' || why_before, 'New table: ' || why_after, because) AS why,
    why_before, why_after, moved
FROM told
ORDER BY urgency_after, urgency_before, patient_id, drug, start_on
