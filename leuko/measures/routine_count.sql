-- title: Routine count
-- population: counts that fell due by the protocol's schedule, on the drug and outside episodes
-- exclusions: not on the drug on the due day; not yet due; the course was over
-- numerator: an ANC was drawn by the due day plus the grace period
-- grain: a scheduled count
-- grace: routine_grace_days
-- unit: days
-- standard: The published schedule of the protocol; the grace period is a local convention.
WITH due AS (
    SELECT
        anc_days.course, courses.patient_id, courses.drug, courses.protocol, anc_days.drawn_on,
        anc_days.drawn_on + anc_days.every_days AS due_on, anc_days.next_on, courses.read_to, courses.over_on,
        CAST(limits.overdue_grace_days AS INTEGER) AS allowance
    FROM anc_days
    CROSS JOIN limits
    JOIN courses ON courses.course = anc_days.course
    LEFT JOIN episode_days
        ON episode_days.course = anc_days.course AND anc_days.drawn_on >= episode_days.onset_on
        AND (episode_days.recovered_on IS NULL OR anc_days.drawn_on < episode_days.recovered_on)
    WHERE anc_days.every_days IS NOT NULL AND episode_days.course IS NULL
),

off_drug AS (
    SELECT due.course, due.drawn_on
    FROM due
    JOIN runs ON runs.course = due.course AND due.due_on BETWEEN runs.from_on AND runs.to_on
    WHERE (due.next_on IS NULL OR due.next_on > due.due_on) AND runs.dose_mg = 0 AND NOT runs.planned
)

SELECT
    due.patient_id, due.drug, due.protocol, CAST(NULL AS INTEGER) AS episode, due.due_on, due.next_on AS happened_on,
    date_diff('day', due.due_on, due.next_on) AS days, date_diff('day', due.due_on, due.read_to) AS seen,
    CASE WHEN off_drug.course IS NOT NULL THEN 'excluded' END AS fixed,
    CASE WHEN off_drug.course IS NOT NULL THEN 'not on the drug on the due day' END AS fixed_reason,
    CASE WHEN due.over_on IS NULL THEN 'not yet due' ELSE 'the course was over by then' END AS pending,
    CASE WHEN EXISTS (
        SELECT 1 FROM set_aside
        WHERE set_aside.patient_id = due.patient_id AND set_aside.kind = 'labs'
            AND set_aside.analyte IS DISTINCT FROM 'platelets'
            AND coalesce(set_aside.day, due.due_on) BETWEEN due.drawn_on AND due.due_on + due.allowance
    ) THEN 'a result of this patient was set aside' END AS doubt
FROM due
LEFT JOIN off_drug ON off_drug.course = due.course AND off_drug.drawn_on = due.drawn_on
