-- title: Time to hold, from the report
-- population: days on which the protocol began to say hold in an episode (mostly the onset), while the drug was being given
-- exclusions: planned off-days; held for another reason; not held yet while the episode is open, or the course over
-- numerator: the drug was stopped before recovery; the days are those from the report of the low count to the stop
-- grain: an episode
-- grace: none
-- unit: days
-- standard: No published standard; median and 90th percentile are shown.
SELECT
    * REPLACE (
        coalesce(
            fixed,
            CASE
                WHEN days IS NOT NULL THEN 'met'
                WHEN pending = 'not yet due' OR pending LIKE 'the course%' THEN 'excluded'
                WHEN doubt IS NOT NULL THEN 'cannot_tell'
                ELSE 'not_met'
            END
        ) AS fixed,
        coalesce(
            fixed_reason,
            CASE
                WHEN days IS NOT NULL THEN NULL
                WHEN pending = 'not yet due' THEN 'the episode is open and the drug not stopped yet'
                WHEN pending LIKE 'the course%' THEN 'the course was over before the drug was stopped'
                ELSE coalesce(doubt, 'never stopped before recovery')
            END
        ) AS fixed_reason
    )
FROM hold_given
