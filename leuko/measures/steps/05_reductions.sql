-- Reductions while the drug went on: changes of dose at which the mean of the days after lies lower than that of the
-- days before by the share that the settings name. Of several such changes within those days, the greatest fall counts.
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
        sum(dose_mg * days) FILTER (WHERE NOT is_before) / sum(days) FILTER (WHERE NOT is_before) AS after_mg
    FROM weighed
    GROUP BY course, run, day
),

falls AS (
    SELECT means.*, means.after_mg / means.before_mg AS left_over
    FROM means
    CROSS JOIN settings
    WHERE means.after_mg * 100 <= means.before_mg * (100 - settings.reduction_percent)
)

SELECT falls.course, falls.day, falls.before_mg, falls.after_mg
FROM falls
CROSS JOIN settings
LEFT JOIN falls AS greater
    ON greater.course = falls.course AND greater.run = falls.run AND greater.day <> falls.day
    AND abs(date_diff('day', greater.day, falls.day)) < settings.dose_mean_days
    AND (greater.left_over < falls.left_over OR (greater.left_over = falls.left_over AND greater.day < falls.day))
WHERE greater.day IS NULL
