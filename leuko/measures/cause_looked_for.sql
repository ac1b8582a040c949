-- title: Cause looked for
-- population: episodes under a protocol that requires the cause
-- exclusions: recovered, or the course over, before the time ran out; not yet due
-- numerator: a cause was recorded within the time that the settings allow
-- grain: an episode
-- grace: cause_within_days
-- unit: days
-- standard: The protocols ask for the marrow first and name no time; the time allowed is a local convention.
WITH recorded AS (
    SELECT
        episode_days.*, courses.read_to, courses.over_on,
        min(CAST(events.occurred_at AS DATE)) AS recorded_on
    FROM episode_days
    JOIN courses ON courses.course = episode_days.course
    JOIN protocols ON protocols.protocol = episode_days.protocol AND protocols.cause_required
    LEFT JOIN events
        ON events.patient_id = episode_days.patient_id AND events.kind = 'cytopenia_cause'
        AND CAST(events.occurred_at AS DATE) BETWEEN episode_days.onset_on
            AND coalesce(episode_days.recovered_on, courses.read_to)
    GROUP BY ALL
)

SELECT
    patient_id, drug, protocol, episode, onset_known_on AS due_on, recorded_on AS happened_on,
    date_diff('day', onset_known_on, recorded_on) AS days,
    date_diff('day', onset_known_on, least(coalesce(recovery_known_on, read_to), read_to)) AS seen,
    CAST(NULL AS TEXT) AS fixed, CAST(NULL AS TEXT) AS fixed_reason,
    CASE
        WHEN recovery_known_on IS NOT NULL THEN 'recovered before the time ran out'
        WHEN over_on IS NOT NULL THEN 'the course was over before the time ran out'
        ELSE 'not yet due'
    END AS pending,
    CASE WHEN EXISTS (
        SELECT 1 FROM set_aside
        WHERE set_aside.patient_id = recorded.patient_id AND set_aside.kind = 'events'
            AND coalesce(set_aside.day, recorded.onset_on)
                BETWEEN recorded.onset_on AND coalesce(recorded.recovered_on, recorded.read_to)
    ) THEN 'an event of this patient was set aside' END AS doubt
FROM recorded
