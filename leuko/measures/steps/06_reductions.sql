-- Reductions while the drug went on: changes of dose at which the mean of the days after lies lower than that of the
-- days before by the share that the settings name. Where fewer days than those are known after (or before) the change,
-- the mean after must lie so much below the lowest dose before (or the highest dose after below the mean before), so
-- that doses in turn are no reduction. Of several such changes within those days, the greatest fall counts. A lower dose
-- after planned off-days is a reduction too.
WITH changes AS (
    SELECT runs.course, runs.run, runs.from_on AS day
    FROM runs
    WHERE runs.dose_mg > 0 AND NOT runs.turned
),

weighed AS (
    SELECT
        changes.course, changes.run, changes.day, runs.dose_mg, runs.from_on < changes.day AS is_before,
        date_diff(
            'day',
            greatest(runs.from_on, changes.day - CAST(settings.dose_mean_days AS INTEGER)),
            least(
                runs.to_on,
                changes.day + CASE WHEN runs.from_on < changes.day THEN -1 ELSE CAST(settings.dose_mean_days AS INTEGER) - 1 END
            )
        ) + 1 AS days
    FROM changes
    CROSS JOIN settings
    JOIN runs
        ON runs.course = changes.course AND runs.run = changes.run
        AND runs.to_on >= changes.day - CAST(settings.dose_mean_days AS INTEGER)
        AND runs.from_on < changes.day + CAST(settings.dose_mean_days AS INTEGER)
),

means AS (
    SELECT
        course, run, day,
        sum(dose_mg * days) FILTER (WHERE is_before) / sum(days) FILTER (WHERE is_before) AS before_mg,
        sum(dose_mg * days) FILTER (WHERE NOT is_before) / sum(days) FILTER (WHERE NOT is_before) AS after_mg,
        min(dose_mg) FILTER (WHERE is_before) AS lowest_before_mg, max(dose_mg) FILTER (WHERE NOT is_before) AS highest_after_mg,
        sum(days) FILTER (WHERE is_before) AS days_before, sum(days) FILTER (WHERE NOT is_before) AS days_after
    FROM weighed
    GROUP BY course, run, day
),

falls AS (
    SELECT means.course, means.run, means.day, means.before_mg, means.after_mg, means.after_mg / means.before_mg AS left_over
    FROM means
    CROSS JOIN settings
    WHERE means.after_mg * 100 <= means.before_mg * (100 - settings.reduction_percent)
        AND (
            means.days_after >= settings.dose_mean_days
            OR means.after_mg * 100 <= means.lowest_before_mg * (100 - settings.reduction_percent)
        )
        AND (
            means.days_before >= settings.dose_mean_days
            OR means.highest_after_mg * 100 <= means.before_mg * (100 - settings.reduction_percent)
        )
)

SELECT falls.course, falls.day, falls.before_mg, falls.after_mg
FROM falls
CROSS JOIN settings
LEFT JOIN falls AS greater
    ON greater.course = falls.course AND greater.run = falls.run AND greater.day <> falls.day
    AND abs(date_diff('day', greater.day, falls.day)) < settings.dose_mean_days
    AND (greater.left_over < falls.left_over OR (greater.left_over = falls.left_over AND greater.day < falls.day))
WHERE greater.day IS NULL
UNION ALL
SELECT restarts.course, restarts.restart_on, runs.dose_mg, restarts.dose_mg
FROM restarts
CROSS JOIN settings
JOIN runs ON runs.course = restarts.course AND runs.to_on = restarts.stop_on - 1
WHERE restarts.kind = 'planned' AND restarts.dose_mg * 100 <= runs.dose_mg * (100 - settings.reduction_percent)
