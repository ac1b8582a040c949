-- title: Hold given
-- population: days on which the protocol began to say hold in an episode (mostly the onset), while the drug was being given
-- exclusions: planned off-days; held for another reason; recovered, or the course over, before the grace period ran out
-- numerator: the drug was stopped within the grace period after the low count was reported, or the hold was decided
-- grain: an episode
-- grace: hold_grace_days
-- unit: days
-- standard: No published standard says how fast a hold must follow; the grace period is a local convention.
WITH asked AS (
    SELECT course, episode, min(decided_on) AS asked_on FROM recommendations WHERE action = 'hold' GROUP BY course, episode
),

-- Given on that day, on a planned off-day, or up to the day before.
holds AS (
    SELECT
        episode_days.*, asked.asked_on, greatest(asked.asked_on, episode_days.onset_known_on) AS due_on, runs.planned,
        courses.read_to, courses.over_on
    FROM asked
    JOIN episode_days ON episode_days.course = asked.course AND episode_days.episode = asked.episode
    JOIN courses ON courses.course = asked.course
    JOIN runs ON runs.course = asked.course AND asked.asked_on BETWEEN runs.from_on AND runs.to_on
    LEFT JOIN pauses AS begun ON begun.course = asked.course AND begun.stop_on = asked.asked_on
    WHERE runs.dose_mg > 0 OR runs.planned OR begun.course IS NOT NULL
),

stopped AS (
    SELECT
        holds.*, min_by(pauses.kind, pauses.stop_on) AS kind, min_by(pauses.reason, pauses.stop_on) AS reason,
        min(pauses.stop_on) AS stop_on
    FROM holds
    LEFT JOIN pauses
        ON pauses.course = holds.course AND pauses.stop_on >= holds.asked_on
        AND pauses.stop_on <= coalesce(holds.recovery_known_on, holds.read_to + 1)
    GROUP BY ALL
)

SELECT
    stopped.patient_id, stopped.drug, stopped.protocol, stopped.episode, stopped.due_on,
    stopped.stop_on AS happened_on, date_diff('day', stopped.due_on, stopped.stop_on) AS days,
    date_diff('day', stopped.due_on, least(coalesce(stopped.recovery_known_on, stopped.read_to), stopped.read_to)) AS seen,
    CASE
        WHEN stopped.planned OR stopped.kind IN ('planned', 'other') THEN 'excluded'
        WHEN stopped.kind = 'unread' THEN 'cannot_tell'
    END AS fixed,
    CASE
        WHEN stopped.planned THEN 'found low on a planned off-day'
        WHEN stopped.kind = 'planned' THEN 'planned off-days began'
        WHEN stopped.kind = 'other' THEN 'stopped for another reason: ' || stopped.reason
        WHEN stopped.kind = 'unread' THEN 'a dose row of this patient was set aside'
    END AS fixed_reason,
    CASE
        WHEN stopped.recovery_known_on IS NOT NULL THEN 'recovered before the grace period ran out'
        WHEN stopped.over_on IS NOT NULL THEN 'the course was over before the grace period ran out'
        ELSE 'not yet due'
    END AS pending,
    CASE WHEN EXISTS (
        SELECT 1 FROM set_aside
        WHERE set_aside.patient_id = stopped.patient_id AND set_aside.kind = 'exposures'
            AND coalesce(set_aside.drug, stopped.drug) = stopped.drug
            AND coalesce(set_aside.day, stopped.asked_on)
                BETWEEN stopped.asked_on AND coalesce(stopped.recovery_known_on, stopped.read_to)
    ) THEN 'a dose row of this patient was set aside' END AS doubt,
    stopped.asked_on
FROM stopped
