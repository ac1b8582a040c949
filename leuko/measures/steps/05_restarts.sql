-- Restarts after a pause: the mean dose of the first days, so that tablets of two strengths in turn count as one dose.
WITH windows AS (
    SELECT
        pauses.course, pauses.stop_on, pauses.restart_on, pauses.kind, pauses.reason, runs.run,
        pauses.restart_on + CAST((SELECT restart_mean_days FROM settings) AS INTEGER) - 1 AS until_on
    FROM pauses
    JOIN runs ON runs.course = pauses.course AND runs.from_on = pauses.restart_on
)

SELECT
    windows.course, windows.stop_on, windows.restart_on, windows.kind, windows.reason,
    sum(runs.dose_mg * (date_diff('day', runs.from_on, least(runs.to_on, windows.until_on)) + 1))
        / sum(date_diff('day', runs.from_on, least(runs.to_on, windows.until_on)) + 1) AS dose_mg
FROM windows
JOIN runs ON runs.course = windows.course AND runs.run = windows.run AND runs.from_on <= windows.until_on
GROUP BY windows.course, windows.stop_on, windows.restart_on, windows.kind, windows.reason
