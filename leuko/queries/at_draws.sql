-- What the patient's protocols decide at a draw: one row a line of their tables, and the days on which it decided.
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
        SELECT protocol, line, 3, fact_words(fact) || ' ' || coalesce(threshold_words(operator, number), word)
        FROM during_conditions
    ) AS parts
    GROUP BY protocol, line
),

decided AS (
    SELECT protocol, during AS line, string_agg(day_words(decided_on), ', ' ORDER BY decided_on) AS days
    FROM recommendations
    WHERE patient_id = $patient AND during IS NOT NULL
    GROUP BY protocol, during
)

SELECT
    during.protocol, during.line, asked.words AS asked, during.action,
    CASE during.dose_rule
        WHEN 'next_level' THEN 'the next lower level'
        WHEN 'fixed' THEN number_words(during.dose_amount) || ' mg'
        WHEN 'minus_mg' THEN number_words(during.dose_amount) || ' mg less'
        WHEN 'minus_percent' THEN number_words(during.dose_amount) || ' % less'
    END AS dose,
    during.why, during.verified, during.source, decided.days AS decided_on
FROM during
JOIN asked ON asked.protocol = during.protocol AND asked.line = during.line
LEFT JOIN decided ON decided.protocol = during.protocol AND decided.line = during.line
WHERE during.protocol IN (SELECT protocol FROM worklist WHERE patient_id = $patient)
ORDER BY during.protocol, during.line
