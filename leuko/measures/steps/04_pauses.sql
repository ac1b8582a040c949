-- Times without a dose: the first day without one that was not planned, the day of the restart if there was one, and
-- whether it counts as held. A gap counts as held unless its recorded reason says otherwise (hold_reasons), or a dose
-- row of these days was set aside, so that nobody can tell (unread).
-- The end of a course that was discontinued is a pause that never ends.
WITH gaps AS (
    SELECT
        runs.course, runs.run, min(runs.from_on) AS from_on, max(runs.to_on) AS to_on,
        min(runs.from_on) FILTER (WHERE NOT runs.planned) AS stop_on,
        min_by(runs.reason, runs.from_on) FILTER (WHERE NOT runs.planned AND runs.reason IS NOT NULL) AS said
    FROM runs
    WHERE runs.dose_mg = 0
    GROUP BY runs.course, runs.run
),

reasoned AS (
    SELECT
        gaps.course, gaps.from_on, gaps.to_on, gaps.stop_on,
        coalesce(gaps.said, max(doses_read.reason)) AS reason
    FROM gaps
    LEFT JOIN doses_read
        ON doses_read.course = gaps.course AND doses_read.dose_mg > 0 AND doses_read.end_on = gaps.from_on - 1
    GROUP BY gaps.course, gaps.from_on, gaps.to_on, gaps.stop_on, gaps.said
)

SELECT
    reasoned.course, reasoned.from_on, coalesce(reasoned.stop_on, reasoned.from_on) AS stop_on,
    CASE WHEN reasoned.to_on < courses.read_to THEN reasoned.to_on + 1 END AS restart_on,
    CASE
        WHEN reasoned.stop_on IS NULL THEN 'planned'
        WHEN EXISTS (
            SELECT 1 FROM set_aside
            WHERE set_aside.patient_id = courses.patient_id AND set_aside.kind = 'exposures'
                AND coalesce(set_aside.drug, courses.drug) = courses.drug
                AND set_aside.day BETWEEN reasoned.stop_on AND reasoned.to_on
        ) THEN 'unread'
        WHEN reasoned.reason IS NULL OR hold_reasons.word IS NOT NULL THEN 'held'
        ELSE 'other'
    END AS kind,
    reasoned.reason
FROM reasoned
JOIN courses ON courses.course = reasoned.course
LEFT JOIN hold_reasons ON hold_reasons.word = reasoned.reason
UNION ALL
SELECT course, over_on + 1, over_on + 1, NULL, 'held', 'discontinued'
FROM courses
WHERE over_on = discontinued_on AND gone_on IS DISTINCT FROM over_on AND last_dose_in_course_on = over_on
