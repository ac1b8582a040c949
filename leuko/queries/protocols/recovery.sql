-- The clauses that decide at recovery, in their order, each condition in words.
WITH asked AS (
    SELECT
        protocol, clause,
        string_agg(
            fact_words(fact) || ' ' || coalesce(condition_words(fact, operator, number), word), ' and ' ORDER BY fact DESC
        ) AS words
    FROM conditions
    GROUP BY protocol, clause
)

SELECT
    clauses.protocol, clauses.clause AS line, coalesce(asked.words, 'otherwise') AS asked, clauses.action,
    dose_rule_words(clauses.dose_rule, clauses.dose_amount) AS dose, clauses.why, clauses.verified, clauses.source
FROM clauses
LEFT JOIN asked ON asked.protocol = clauses.protocol AND asked.clause = clauses.clause
ORDER BY clauses.protocol, clauses.clause
