-- Unbroken days on the drug, and unbroken days without a dose, in turn. A planned off-day is a day without a dose.
WITH marked AS (
    SELECT *, coalesce(lag(dose_mg > 0) OVER (PARTITION BY course ORDER BY from_on) <> (dose_mg > 0), true) AS turned
    FROM segments
)

SELECT
    *,
    count(*) FILTER (WHERE turned) OVER (PARTITION BY course ORDER BY from_on ROWS UNBOUNDED PRECEDING) AS run
FROM marked
