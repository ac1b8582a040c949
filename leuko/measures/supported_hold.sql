-- title: Supported hold or reduction
-- population: holds and reductions that were made
-- exclusions: stopped for another reason or for planned off-days
-- numerator: what had been reported by that day met a clause of the protocol that stops or reduces
-- grain: a hold or a reduction
-- grace: none
-- unit: days
-- standard: The protocol's own thresholds; a count that was corrected later still supports the hold made on it.
WITH made AS (
    SELECT course, stop_on AS day, kind, reason, true AS stopped, CAST(NULL AS DOUBLE) AS before_mg, 0 AS after_mg
    FROM pauses
    WHERE reason IS DISTINCT FROM 'discontinued'
    UNION ALL
    SELECT course, day, 'held', NULL, false, before_mg, after_mg FROM reductions
),

judged AS (
    SELECT
        made.*, courses.patient_id, courses.drug, courses.protocol, known.episode, known.onset_on, known.action,
        CASE
            WHEN made.kind <> 'held' THEN 'other reason'
            WHEN known.open AND known.action IN ('hold', 'check_cause', 'discontinue', 'reduce') THEN 'low'
            WHEN known.open AND known.action = 'review' THEN 'review'
            WHEN known.action = 'discontinue' THEN 'low'
            WHEN known.action = 'reduce' AND (made.stopped OR made.before_mg > known.dose_mg) THEN 'decided'
            WHEN known.counted_on IS NULL THEN 'no count'
            WHEN EXISTS (
                SELECT 1 FROM set_aside WHERE set_aside.patient_id = courses.patient_id AND set_aside.kind = 'labs'
                    AND (set_aside.day IS NULL OR set_aside.day BETWEEN known.counted_on AND made.day)
            ) THEN 'set aside'
            ELSE 'not supported'
        END AS found
    FROM made
    JOIN courses ON courses.course = made.course
    LEFT JOIN known ON known.course = made.course AND known.day = made.day
)

SELECT
    course, patient_id, drug, protocol, CASE WHEN found IN ('low', 'decided') THEN episode END AS episode,
    CASE WHEN found = 'low' THEN onset_on END AS due_on, day AS happened_on,
    CASE WHEN found = 'low' THEN date_diff('day', onset_on, day) END AS days, CAST(NULL AS BIGINT) AS seen,
    CASE
        WHEN found = 'other reason' THEN 'excluded'
        WHEN found IN ('low', 'decided') THEN 'met'
        WHEN found = 'not supported' THEN 'not_met'
        ELSE 'cannot_tell'
    END AS fixed,
    CASE found
        WHEN 'other reason' THEN CASE kind WHEN 'planned' THEN 'planned off-days' ELSE 'stopped for another reason: ' || reason END
        WHEN 'low' THEN NULL
        WHEN 'decided' THEN 'the last decision was to reduce'
        WHEN 'review' THEN 'the protocol asked for a review'
        WHEN 'no count' THEN 'no count of the course was known'
        WHEN 'set aside' THEN 'a result of this patient was set aside'
        ELSE CASE WHEN stopped THEN 'held' ELSE 'reduced' END || ' without a count that the protocol acts on'
    END AS fixed_reason,
    CAST(NULL AS TEXT) AS pending, CAST(NULL AS TEXT) AS doubt
FROM judged
