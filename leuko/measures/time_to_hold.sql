-- title: Time to hold, from the report
-- population: onsets of episodes whose protocol says hold, while the drug was being given
-- exclusions: as for hold given; not held yet while the episode is open
-- numerator: the drug was stopped before recovery; the days are those from the report of the low count to the stop
-- grain: an onset
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
