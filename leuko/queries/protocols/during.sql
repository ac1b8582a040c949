-- The decisions at a draw, in their order, each band and condition in words.
WITH bands AS (
    SELECT
        protocol, line, analyte,
        CASE analyte WHEN 'anc' THEN 'ANC ' ELSE 'platelets ' END
        || string_agg(threshold_words(operator, number), ' and ' ORDER BY number) AS words
    FROM during_bands
    GROUP BY protocol, line, analyte
),

asked AS (
    SELECT protocol, line, string_agg(words, ', ' ORDER BY place, words) AS words
    FROM (
        SELECT protocol, line, 1 AS place, words FROM bands
        UNION ALL
        SELECT protocol, line, 2, CASE WHEN open THEN 'an episode is open' ELSE 'no episode is open' END
        FROM during
        WHERE open IS NOT NULL
        UNION ALL
        SELECT protocol, line, 3, fact_words(fact) || ' ' || coalesce(condition_words(fact, operator, number), word)
        FROM during_conditions
    ) AS parts
    GROUP BY protocol, line
)

SELECT
    during.protocol, during.line, asked.words AS asked, during.action,
    dose_rule_words(during.dose_rule, during.dose_amount) AS dose, during.why, during.verified, during.source
FROM during
JOIN asked ON asked.protocol = during.protocol AND asked.line = during.line
ORDER BY during.protocol, during.line
