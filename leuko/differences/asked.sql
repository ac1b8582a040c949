-- What each row of the protocols asks and says, in words. place, as in the recommendations: 1 the thresholds of the
-- onset and of the recovery, 2 the cause, 3 a clause of the recovery table, 4 a row of the table for decisions at a draw.
WITH parts AS (
    SELECT
        protocol, 3 AS place, clause AS line, 3 AS part,
        fact_words(fact) || ' ' || coalesce(condition_words(fact, operator, number), word) AS words
    FROM conditions
    UNION ALL
    SELECT
        protocol, 4, line, 1,
        CASE analyte WHEN 'anc' THEN 'ANC ' ELSE 'platelets ' END
        || string_agg(threshold_words(operator, number), ' and ' ORDER BY number)
    FROM during_bands
    GROUP BY protocol, line, analyte
    UNION ALL
    SELECT protocol, 4, line, 2, CASE WHEN open THEN 'an episode is open' ELSE 'no episode is open' END
    FROM during
    WHERE open IS NOT NULL
    UNION ALL
    SELECT protocol, 4, line, 3, fact_words(fact) || ' ' || coalesce(condition_words(fact, operator, number), word)
    FROM during_conditions
),

asked AS (
    SELECT protocol, place, line, string_agg(words, ', ' ORDER BY part, words) AS words
    FROM parts
    GROUP BY protocol, place, line
),

said AS (
    SELECT protocol, 3 AS place, clause AS line, action, dose_rule, dose_amount FROM clauses
    UNION ALL
    SELECT protocol, 4, line, action, dose_rule, dose_amount FROM during
),

thresholds_said AS (
    SELECT
        protocol, CASE analyte WHEN 'anc' THEN 'ANC ' ELSE 'platelets ' END AS analyte,
        threshold_words(hold_operator, hold) AS hold, threshold_words(resume_operator, resume) AS resume
    FROM thresholds
)

SELECT
    said.protocol, said.place, said.line,
    coalesce(asked.words, 'otherwise') || ': ' || lower(statuses.word)
    || coalesce(', ' || dose_rule_words(said.dose_rule, said.dose_amount), '') AS words
FROM said
JOIN statuses ON statuses.status = said.action
LEFT JOIN asked ON asked.protocol = said.protocol AND asked.place = said.place AND asked.line = said.line
UNION ALL
SELECT
    protocol, 1, 0,
    'hold: ' || string_agg(analyte || hold, ' or ' ORDER BY analyte)
    || '; resume: ' || string_agg(analyte || resume, ' and ' ORDER BY analyte)
FROM thresholds_said
GROUP BY protocol
UNION ALL
SELECT protocol, 2, 0, 'once a cause is recorded' FROM protocols
