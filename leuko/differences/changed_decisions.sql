-- Every past decision that differs in its action or dose, with what either side decided and by which row of its table.
-- Where a side decides nothing, its state on that day and its thresholds stand instead.
WITH sides AS (
    SELECT
        moments.number, 'before' AS side, moments.place, course_pairs.drug, course_pairs.dose_unit,
        moments.course_before AS course, course_pairs.protocol_before AS protocol, decided.action, decided.dose_mg,
        coalesce(decided.clause, decided.during) AS line, decided.why, episodes.onset_on AS open_since
    FROM moments
    JOIN course_pairs
        ON course_pairs.course_before IS NOT DISTINCT FROM moments.course_before
        AND course_pairs.course_after IS NOT DISTINCT FROM moments.course_after
    LEFT JOIN recommendations_before AS decided
        ON decided.course = moments.course_before AND decided.decided_on = moments.decided_on
        AND decided.place = moments.place
    LEFT JOIN episodes_before AS episodes
        ON episodes.course = moments.course_before AND episodes.onset_on <= moments.decided_on
        AND (episodes.recovered_on IS NULL OR episodes.recovered_on > moments.decided_on)
    UNION ALL
    SELECT
        moments.number, 'after', moments.place, course_pairs.drug, course_pairs.dose_unit,
        moments.course_after, course_pairs.protocol_after, decided.action, decided.dose_mg,
        coalesce(decided.clause, decided.during), decided.why, episodes.onset_on
    FROM moments
    JOIN course_pairs
        ON course_pairs.course_before IS NOT DISTINCT FROM moments.course_before
        AND course_pairs.course_after IS NOT DISTINCT FROM moments.course_after
    LEFT JOIN recommendations AS decided
        ON decided.course = moments.course_after AND decided.decided_on = moments.decided_on
        AND decided.place = moments.place
    LEFT JOIN episodes
        ON episodes.course = moments.course_after AND episodes.onset_on <= moments.decided_on
        AND (episodes.recovered_on IS NULL OR episodes.recovered_on > moments.decided_on)
),

asked_of AS (
    SELECT 'before' AS side, * FROM asked_before
    UNION ALL
    SELECT 'after', * FROM asked
),

told AS (
    SELECT
        sides.*,
        to_do_words(statuses.to_do, sides.drug, sides.dose_mg, sides.dose_unit) AS to_do,
        row_words(sides.place, sides.line, asked.words) AS row_said, coalesce(asked.words, 'no clause fits') AS asked,
        CASE
            WHEN sides.course IS NULL THEN 'no protocol fits'
            WHEN sides.open_since IS NULL THEN 'no episode is open (' || limits.words || ')'
            ELSE 'an episode is open (' || limits.words || ')'
        END AS nothing
    FROM sides
    LEFT JOIN statuses ON statuses.status = sides.action
    LEFT JOIN asked_of AS asked
        ON asked.side = sides.side AND asked.protocol = sides.protocol AND asked.place = sides.place
        AND asked.line = coalesce(sides.line, 0)
    LEFT JOIN asked_of AS limits
        ON limits.side = sides.side AND limits.protocol = sides.protocol AND limits.place = 1
),

explained AS (
    SELECT
        told.* REPLACE (CASE WHEN action IS NULL THEN nothing ELSE asked END AS asked),
        coalesce(to_do || coalesce(' by ' || row_said, ''), 'nothing, ' || nothing) AS decided_by,
        coalesce(to_do || ': ' || why || coalesce(' By ' || row_said || '.', ''), 'Nothing: ' || nothing || '.') AS words
    FROM told
)

SELECT
    moments.course_before, moments.course_after, moments.place, course_pairs.patient_id, course_pairs.drug,
    moments.decided_on, moments.moment, old.protocol AS protocol_before, new.protocol AS protocol_after,
    old.action AS action_before, new.action AS action_after, old.dose_mg AS dose_before, new.dose_mg AS dose_after,
    course_pairs.dose_unit, old.line AS clause_before, new.line AS clause_after, old.asked AS asked_before,
    new.asked AS asked_after, old.decided_by AS by_before, new.decided_by AS by_after,
    'Old table: ' || old.words || ' New table: ' || new.words AS why, old.words AS why_before, new.words AS why_after
FROM moments
JOIN course_pairs
    ON course_pairs.course_before IS NOT DISTINCT FROM moments.course_before
    AND course_pairs.course_after IS NOT DISTINCT FROM moments.course_after
JOIN explained AS old ON old.number = moments.number AND old.side = 'before'
JOIN explained AS new ON new.number = moments.number AND new.side = 'after'
WHERE old.action IS DISTINCT FROM new.action OR old.dose_mg IS DISTINCT FROM new.dose_mg
