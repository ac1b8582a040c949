-- How an event ends: as it is fixed, or by the days it took and the grace period. What did not happen is excluded while
-- the period runs, and cannot be told where a row that was set aside may have held it.
CREATE OR REPLACE TEMP MACRO ending_of(fixed, days, seen, doubt, grace) AS
    CASE
        WHEN fixed IS NOT NULL THEN fixed
        WHEN days <= grace THEN 'met'
        WHEN days IS NULL AND seen <= grace THEN 'excluded'
        WHEN doubt IS NOT NULL THEN 'cannot_tell'
        ELSE 'not_met'
    END;
CREATE OR REPLACE TEMP MACRO reason_of(fixed, fixed_reason, ending, pending, doubt, days, unit) AS
    CASE
        WHEN fixed IS NOT NULL THEN fixed_reason
        WHEN ending = 'excluded' THEN pending
        WHEN ending = 'cannot_tell' THEN doubt
        WHEN ending = 'not_met' AND days IS NULL THEN 'not done'
        WHEN ending = 'not_met'
            THEN 'done ' || days || ' ' || CASE days WHEN 1 THEN rtrim(unit, 's') ELSE unit END || ' after it was due'
    END;
