-- title: Restart in time
-- population: recoveries whose decision is to resume or to reduce, while the drug was held
-- exclusions: held for another reason; the counts fell short again, or the course was over, before the time ran out
-- numerator: restarted within the time that the settings allow after the recovery was reported
-- grain: a recovery
-- grace: restart_within_days
-- unit: days
-- standard: No published standard; under-treatment is also harm. The time allowed is a local convention.
WITH recoveries AS (
    SELECT
        episode_days.*, pauses.kind, pauses.reason, pauses.restart_on, courses.read_to, courses.over_on,
        min(states.drawn_on) FILTER (WHERE NOT states.recovered) AS short_again_on
    FROM episode_days
    JOIN courses ON courses.course = episode_days.course
    JOIN recommendations
        ON recommendations.course = episode_days.course AND recommendations.episode = episode_days.episode
        AND recommendations.place = 3 AND recommendations.action IN ('resume', 'reduce')
    JOIN pauses
        ON pauses.course = episode_days.course AND pauses.stop_on <= episode_days.recovered_on
        AND (pauses.restart_on IS NULL OR pauses.restart_on >= episode_days.recovered_on)
    LEFT JOIN states ON states.course = episode_days.course AND states.drawn_on > episode_days.recovered_on
    GROUP BY ALL
),

answered AS (
    SELECT
        *, CASE WHEN short_again_on IS NULL OR restart_on <= short_again_on THEN restart_on END AS answered_on,
        least(coalesce(short_again_on, read_to), read_to) AS seen_to
    FROM recoveries
)

SELECT
    patient_id, drug, protocol, episode, recovery_known_on AS due_on, answered_on AS happened_on,
    date_diff('day', recovery_known_on, answered_on) AS days, date_diff('day', recovery_known_on, seen_to) AS seen,
    CASE WHEN kind IN ('planned', 'other') THEN 'excluded' WHEN kind = 'unread' THEN 'cannot_tell' END AS fixed,
    CASE kind
        WHEN 'planned' THEN 'planned off-days'
        WHEN 'other' THEN 'held for another reason: ' || reason
        WHEN 'unread' THEN 'a dose row of this patient was set aside'
    END AS fixed_reason,
    CASE
        WHEN short_again_on IS NOT NULL THEN 'the counts fell short again before the time ran out'
        WHEN over_on IS NOT NULL THEN 'the course was over before the time ran out'
        ELSE 'not yet due'
    END AS pending,
    CASE WHEN EXISTS (
        SELECT 1 FROM set_aside
        WHERE set_aside.patient_id = answered.patient_id AND set_aside.kind = 'exposures'
            AND coalesce(set_aside.drug, answered.drug) = answered.drug
            AND coalesce(set_aside.day, answered.recovered_on) BETWEEN answered.recovered_on AND answered.seen_to
    ) THEN 'a dose row of this patient was set aside' END AS doubt
FROM answered
