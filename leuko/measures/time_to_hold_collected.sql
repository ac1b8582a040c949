-- title: Time to hold, from the draw
-- population: days on which the protocol began to say hold in an episode (mostly the onset), while the drug was being given
-- exclusions: planned off-days; held for another reason; not held yet while the episode is open, or the course over
-- numerator: the drug was stopped before recovery; the days are those from the draw of the low count to the stop
-- grain: an episode
-- grace: none
-- unit: days
-- standard: No published standard; median and 90th percentile are shown.
SELECT * REPLACE (asked_on AS due_on, date_diff('day', asked_on, happened_on) AS days)
FROM time_to_hold
