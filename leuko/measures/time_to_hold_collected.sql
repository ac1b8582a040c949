-- title: Time to hold, from the draw
-- population: onsets of episodes whose protocol says hold, while the drug was being given
-- exclusions: as for hold given; not held yet while the episode is open
-- numerator: the drug was stopped before recovery; the days are those from the draw of the low count to the stop
-- grain: an onset
-- grace: none
-- unit: days
-- standard: No published standard; median and 90th percentile are shown.
SELECT
    time_to_hold.* REPLACE (
        episode_days.onset_on AS due_on, date_diff('day', episode_days.onset_on, time_to_hold.happened_on) AS days
    )
FROM time_to_hold
JOIN episode_days ON episode_days.course = time_to_hold.course AND episode_days.episode = time_to_hold.episode
