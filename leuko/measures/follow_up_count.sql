-- title: Follow-up count in an episode
-- population: counts that fell due in open episodes, each so many days after the one before (not before it was known)
-- exclusions: not yet due; the course was over
-- numerator: a count was drawn by the due day
-- grain: a count within an open episode
-- grace: follow_up_grace_days
-- unit: days
-- standard: No published interval for a low count was found; weekly is a local convention.
WITH draws AS (
    SELECT DISTINCT counts.course, episode_days.episode, counts.drawn_on
    FROM counts
    JOIN episode_days
        ON episode_days.course = counts.course AND counts.drawn_on >= episode_days.onset_on
        AND (episode_days.recovered_on IS NULL OR counts.drawn_on <= episode_days.recovered_on)
    WHERE counts.short IS NOT NULL
),

timed AS (
    SELECT *, lead(drawn_on) OVER (PARTITION BY course, episode ORDER BY drawn_on) AS next_on FROM draws
),

due AS (
    SELECT
        timed.course, episode_days.patient_id, episode_days.drug, episode_days.protocol, episode_days.episode, timed.drawn_on,
        greatest(timed.drawn_on + CAST(settings.follow_up_every_days AS INTEGER), episode_days.onset_known_on) AS due_on,
        timed.next_on, courses.read_to, courses.over_on, protocols.has_platelets
    FROM timed
    CROSS JOIN settings
    JOIN episode_days
        ON episode_days.course = timed.course AND episode_days.episode = timed.episode
        AND (episode_days.recovered_on IS NULL OR timed.drawn_on < episode_days.recovered_on)
    JOIN courses ON courses.course = timed.course
    JOIN protocols ON protocols.protocol = courses.protocol
)

SELECT
    patient_id, drug, protocol, episode, due_on, next_on AS happened_on, date_diff('day', due_on, next_on) AS days,
    date_diff('day', due_on, read_to) AS seen, CAST(NULL AS TEXT) AS fixed, CAST(NULL AS TEXT) AS fixed_reason,
    CASE
        WHEN next_on IS NOT NULL THEN NULL
        WHEN over_on IS NULL THEN 'not yet due'
        ELSE 'the course was over by then'
    END AS pending,
    CASE WHEN EXISTS (
        SELECT 1 FROM set_aside
        WHERE set_aside.patient_id = due.patient_id AND set_aside.kind = 'labs'
            AND (set_aside.analyte IS DISTINCT FROM 'platelets' OR due.has_platelets)
            AND coalesce(set_aside.day, due.due_on) BETWEEN due.drawn_on AND due.due_on
    ) THEN 'a result of this patient was set aside' END AS doubt
FROM due
