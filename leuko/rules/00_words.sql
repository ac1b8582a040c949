-- How a number, a day and a dose are written in a sentence.
CREATE OR REPLACE TEMP MACRO number_words(number) AS
    coalesce(format('{:,}', TRY_CAST(floor(number) AS BIGINT)), CAST(floor(number) AS VARCHAR))
    || CASE WHEN number = floor(number) THEN '' ELSE '.' || rtrim(split_part(CAST(number AS VARCHAR), '.', 2), '0') END;
CREATE OR REPLACE TEMP MACRO bound_sign(bound) AS CASE bound WHEN 1 THEN '<' WHEN 3 THEN '>' ELSE '' END;
-- A count of so many cells per µL: its number in the unit that is shown, with the unit, and as a sentence has it. What
-- stands after a dollar sign is filled in by `write_words`.
CREATE OR REPLACE TEMP MACRO cells_number(cells) AS $number;
CREATE OR REPLACE TEMP MACRO cells_said(cells) AS cells_number(cells) || ' $unit';
CREATE OR REPLACE TEMP MACRO cells_words(cells) AS cells_number(cells) || '$behind';
CREATE OR REPLACE TEMP MACRO derived_words(derived) AS CASE WHEN derived THEN ' (derived)' ELSE '' END;
CREATE OR REPLACE TEMP MACRO found_words(found) AS
    bound_sign(found.bound) || cells_words(found.value) || derived_words(found.derived);
CREATE OR REPLACE TEMP MACRO day_words(day) AS strftime(day, '%-d %B %Y');
CREATE OR REPLACE TEMP MACRO days_words(days) AS number_words(days) || CASE days WHEN 1 THEN ' day' ELSE ' days' END;
-- A time of 00:00 is that of a record with a day alone.
CREATE OR REPLACE TEMP MACRO moment_words(moment) AS
    day_words(CAST(moment AS DATE))
    || CASE strftime(moment, '%H:%M') WHEN '00:00' THEN '' ELSE ' at ' || strftime(moment, '%H:%M') END;
CREATE OR REPLACE TEMP MACRO operator_words(operator) AS
    CASE operator
        WHEN '<' THEN 'below ' WHEN '<=' THEN 'at most ' WHEN '>=' THEN 'at least ' WHEN '>' THEN 'above ' ELSE 'exactly '
    END;
CREATE OR REPLACE TEMP MACRO threshold_words(operator, cells) AS operator_words(operator) || cells_words(cells);
CREATE OR REPLACE TEMP MACRO dose_words(dose, unit) AS number_words(dose) || ' ' || unit;
-- The dose of a clause or of a decision at a draw, as its table gives it.
CREATE OR REPLACE TEMP MACRO dose_rule_words(rule, amount) AS
    CASE rule
        WHEN 'starting' THEN 'the starting dose'
        WHEN 'current' THEN 'the dose at onset'
        WHEN 'next_level' THEN 'the next lower level'
        WHEN 'fixed' THEN number_words(amount) || ' mg'
        WHEN 'minus_mg' THEN number_words(amount) || ' mg less'
        WHEN 'minus_percent' THEN number_words(amount) || ' % less'
    END;
CREATE OR REPLACE TEMP MACRO fact_words(fact) AS
    CASE fact
        WHEN 'episode' THEN 'episode'
        WHEN 'days_to_recovery' THEN 'days to recovery'
        WHEN 'days_below' THEN 'days of low ANC'
        WHEN 'anc_nadir' THEN 'lowest measured ANC'
        WHEN 'platelets_nadir' THEN 'lowest measured platelet count'
        WHEN 'cause' THEN 'cause'
        WHEN 'days_in_band' THEN 'days in the band'
    END;
-- A number that was found of a fact or is asked of it: a count, days or an episode.
CREATE OR REPLACE TEMP MACRO fact_number_words(fact, number) AS
    CASE WHEN fact IN ('anc_nadir', 'platelets_nadir') THEN cells_words(number) ELSE number_words(number) END;
CREATE OR REPLACE TEMP MACRO condition_words(fact, operator, number) AS
    operator_words(operator) || fact_number_words(fact, number);
CREATE OR REPLACE TEMP MACRO unverified_words(verified) AS CASE WHEN verified THEN '' ELSE ' (not verified)' END;
-- Whether a count, days or a number meets a condition. A count with a comparator meets one only where it must: "<x" is
-- below t where x <= t, ">x" is above t where x >= t; otherwise it cannot be told (null).
CREATE OR REPLACE TEMP MACRO meets(number, sign, operator, bound) AS
    CASE
        WHEN sign = '<' THEN CASE WHEN operator IN ('<', '<=') AND number <= bound THEN true END
        WHEN sign = '>' THEN CASE WHEN operator IN ('>', '>=') AND number >= bound THEN true END
        WHEN operator = '<' THEN number < bound
        WHEN operator = '<=' THEN number <= bound
        WHEN operator = '>' THEN number > bound
        WHEN operator = '>=' THEN number >= bound
        ELSE number = bound
    END;
CREATE OR REPLACE TEMP MACRO fact_asked_words(fact, word) AS
    CASE fact
        WHEN 'duffy_null' THEN CASE word WHEN 'true' THEN 'a Duffy-null' ELSE 'no Duffy-null' END || ' status'
        ELSE 'the diagnosis "' || word || '"'
    END;
