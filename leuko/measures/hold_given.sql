-- title: Hold given
-- population: onsets of episodes whose protocol says hold, while the drug was being given
-- exclusions: planned off-days; held for another reason; recovered, or the course over, before the grace period ran out
-- numerator: the drug was stopped within the grace period after the low count was reported
-- grain: an onset
-- grace: hold_grace_days
-- unit: days
-- standard: No published standard says how fast a hold must follow; the grace period is a local convention.
WITH onsets AS (
    SELECT
        episode_days.*, runs.planned, courses.read_to, courses.over_on,
        min_by(pauses.kind, pauses.stop_on) AS kind, min_by(pauses.reason, pauses.stop_on) AS reason,
        min(pauses.stop_on) AS stop_on
    FROM episode_days
    JOIN courses ON courses.course = episode_days.course
    JOIN protocols ON protocols.protocol = episode_days.protocol AND NOT protocols.cause_required
    JOIN runs
        ON runs.course = episode_days.course AND episode_days.onset_on BETWEEN runs.from_on AND runs.to_on
        AND (runs.dose_mg > 0 OR runs.planned)
    LEFT JOIN pauses
        ON pauses.course = episode_days.course AND pauses.stop_on > episode_days.onset_on
        AND pauses.stop_on <= coalesce(episode_days.recovery_known_on, courses.read_to + 1)
    GROUP BY ALL
)

SELECT
    onsets.course, onsets.patient_id, onsets.drug, onsets.protocol, onsets.episode, onsets.onset_known_on AS due_on,
    onsets.stop_on AS happened_on, date_diff('day', onsets.onset_known_on, onsets.stop_on) AS days,
    date_diff('day', onsets.onset_known_on, least(coalesce(onsets.recovery_known_on, onsets.read_to), onsets.read_to)) AS seen,
    CASE WHEN onsets.planned OR onsets.kind IN ('planned', 'other') THEN 'excluded' END AS fixed,
    CASE
        WHEN onsets.planned THEN 'found low on a planned off-day'
        WHEN onsets.kind = 'planned' THEN 'planned off-days began'
        WHEN onsets.kind = 'other' THEN 'stopped for another reason: ' || onsets.reason
    END AS fixed_reason,
    CASE
        WHEN onsets.recovery_known_on IS NOT NULL THEN 'recovered before the grace period ran out'
        WHEN onsets.over_on IS NOT NULL THEN 'the course was over before the grace period ran out'
        ELSE 'not yet due'
    END AS pending,
    CASE WHEN EXISTS (
        SELECT 1 FROM set_aside WHERE set_aside.patient_id = onsets.patient_id AND set_aside.kind = 'exposures'
    ) THEN 'a dose row of this patient was set aside' END AS doubt
FROM onsets
