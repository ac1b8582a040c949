-- title: Routine count
-- population: counts that fell due by the protocol's schedule, on the drug and outside episodes
-- exclusions: not on the drug on the due day; not yet due; the course was over
-- numerator: an ANC was drawn by the due day plus the grace period
-- grain: a scheduled count
-- grace: routine_grace_days
-- unit: days
-- standard: The published schedule of the protocol; the grace period is a local convention.
WITH counted AS (
    SELECT
        anc_days.course, anc_days.drawn_on, anc_days.next_on,
        anc_days.drawn_on + CASE
            WHEN by_count.line < coalesce(intervals.line, by_count.line + 1) THEN by_count.every_days
            ELSE intervals.every_days
        END AS due_on
    FROM anc_days
    JOIN intervals
        ON intervals.course = anc_days.course AND anc_days.drawn_on BETWEEN intervals.from_on AND intervals.to_on
    LEFT JOIN intervals_by_count AS by_count
        ON by_count.course = anc_days.course AND by_count.drawn_on = anc_days.drawn_on
    LEFT JOIN episode_days
        ON episode_days.course = anc_days.course AND anc_days.drawn_on >= episode_days.onset_on
        AND (episode_days.recovered_on IS NULL OR anc_days.drawn_on < episode_days.recovered_on)
    WHERE episode_days.course IS NULL
),

-- A count drawn by the day it fell due is met whatever else happened: only for the others `late_from` has a day.
due AS (
    SELECT *, CASE WHEN next_on <= due_on THEN NULL ELSE drawn_on END AS late_from FROM counted WHERE due_on IS NOT NULL
),

off_drug AS (
    SELECT due.course, due.late_from
    FROM due
    JOIN runs ON runs.course = due.course AND due.due_on BETWEEN runs.from_on AND runs.to_on
    WHERE due.late_from IS NOT NULL AND runs.dose_mg = 0 AND NOT runs.planned
),

doubtful AS (
    SELECT DISTINCT due.course, due.late_from
    FROM due
    CROSS JOIN limits
    JOIN courses ON courses.course = due.course
    JOIN set_aside
        ON set_aside.patient_id = courses.patient_id AND set_aside.kind = 'labs'
        AND set_aside.analyte IS DISTINCT FROM 'platelets'
        AND coalesce(set_aside.day, due.due_on)
            BETWEEN due.late_from AND due.due_on + CAST(limits.overdue_grace_days AS INTEGER)
)

SELECT
    courses.patient_id, courses.drug, courses.protocol, CAST(NULL AS INTEGER) AS episode, due.due_on,
    due.next_on AS happened_on, date_diff('day', due.due_on, due.next_on) AS days,
    date_diff('day', due.due_on, courses.read_to) AS seen,
    CASE WHEN off_drug.course IS NOT NULL THEN 'excluded' END AS fixed,
    CASE WHEN off_drug.course IS NOT NULL THEN 'not on the drug on the due day' END AS fixed_reason,
    CASE
        WHEN due.next_on IS NOT NULL THEN NULL
        WHEN courses.over_on IS NULL THEN 'not yet due'
        ELSE 'the course was over by then'
    END AS pending,
    CASE WHEN doubtful.course IS NOT NULL THEN 'a result of this patient was set aside' END AS doubt
FROM due
JOIN courses ON courses.course = due.course
LEFT JOIN off_drug ON off_drug.course = due.course AND off_drug.late_from = due.late_from
LEFT JOIN doubtful ON doubtful.course = due.course AND doubtful.late_from = due.late_from
