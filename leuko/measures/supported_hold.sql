-- title: Supported hold or reduction
-- population: holds and reductions that were made
-- exclusions: stopped for another reason, for planned off-days, or for good
-- numerator: what had been reported by that day met a clause of the protocol that stops or reduces
-- grain: a hold or a reduction
-- grace: none
-- unit: days
-- standard: The protocol's own thresholds; a count that was corrected later still supports the hold made on it.
WITH made AS (
    SELECT
        pauses.course, pauses.stop_on AS day, pauses.kind, pauses.reason, true AS stopped, runs.dose_mg AS before_mg,
        pauses.reason = 'discontinued' AND pauses.restart_on IS NULL AS for_good
    FROM pauses
    LEFT JOIN runs ON runs.course = pauses.course AND runs.to_on = pauses.from_on - 1
    UNION ALL
    SELECT course, day, 'held', NULL, false, before_mg, false FROM reductions
),

judged AS (
    SELECT
        made.*, courses.patient_id, courses.drug, courses.protocol, known.episode, known.onset_on,
        CASE
            WHEN made.kind IN ('planned', 'other') THEN made.kind
            WHEN made.kind = 'unread' THEN 'doses set aside'
            WHEN known.open AND known.action IN ('hold', 'check_cause', 'discontinue', 'reduce') THEN 'low'
            WHEN known.open AND known.action = 'review' THEN 'review'
            WHEN 'discontinue' IN (known.action, known.draw_action) THEN 'decided'
            WHEN known.action = 'reduce' AND made.before_mg > known.dose_mg THEN 'decided'
            WHEN known.draw_action = 'reduce' AND made.before_mg > known.draw_dose_mg THEN 'decided'
            WHEN known.draw_action = 'review' THEN 'review'
            WHEN made.for_good THEN 'for good'
            WHEN known.counted_on IS NULL THEN 'no count'
            WHEN unread_counts.course IS NOT NULL THEN 'set aside'
            ELSE 'not supported'
        END AS found
    FROM made
    JOIN courses ON courses.course = made.course
    LEFT JOIN known ON known.course = made.course AND known.day = made.day
    LEFT JOIN unread_counts ON unread_counts.course = made.course AND unread_counts.day = made.day
)

SELECT
    patient_id, drug, protocol, CASE WHEN found IN ('low', 'decided') THEN episode END AS episode,
    CASE WHEN found = 'low' THEN onset_on END AS due_on, day AS happened_on,
    CASE WHEN found = 'low' THEN date_diff('day', onset_on, day) END AS days, CAST(NULL AS BIGINT) AS seen,
    CASE
        WHEN found IN ('planned', 'other', 'for good') THEN 'excluded'
        WHEN found IN ('low', 'decided') THEN 'met'
        WHEN found = 'not supported' THEN 'not_met'
        ELSE 'cannot_tell'
    END AS fixed,
    CASE found
        WHEN 'planned' THEN 'planned off-days'
        WHEN 'other' THEN 'stopped for another reason: ' || reason
        WHEN 'for good' THEN 'discontinued'
        WHEN 'doses set aside' THEN 'a dose row of this patient was set aside'
        WHEN 'decided' THEN 'the last decision was to reduce or to discontinue'
        WHEN 'review' THEN 'the protocol asked for a review'
        WHEN 'no count' THEN 'no count of the course was known'
        WHEN 'set aside' THEN 'a result of this patient was set aside'
        WHEN 'not supported'
            THEN CASE WHEN stopped THEN 'held' ELSE 'reduced' END || ' without a count that the protocol acts on'
    END AS fixed_reason,
    CAST(NULL AS TEXT) AS pending, CAST(NULL AS TEXT) AS doubt
FROM judged
