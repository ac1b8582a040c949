-- Every condition of every clause for every episode: what was found, as observed and at the clock's shortest.
WITH marked AS (
    SELECT
        checks.course, checks.episode, checks.clause, checks.clock, checks.fact, checks.holds,
        CASE WHEN checks.fact = 'cause' THEN checks.word
            ELSE condition_words(checks.fact, checks.operator, checks.number) END AS condition,
        coalesce(checks.comparator || fact_number_words(checks.fact, checks.found) || derived_words(checks.derived),
            CASE WHEN checks.fact = 'cause' THEN checks.found_word END) AS found
    FROM checks
    WHERE checks.course IN (SELECT course FROM episodes WHERE patient_id = $patient)
)

SELECT
    episodes.drug, episodes.protocol, observed.episode, observed.clause,
    coalesce(recommendations.clause = observed.clause, false) AS chosen,
    clauses.action,
    dose_rule_words(clauses.dose_rule, clauses.dose_amount) AS dose,
    fact_words(observed.fact) AS fact, observed.condition, observed.found, observed.holds,
    shortest.found AS found_shortest, shortest.holds AS holds_shortest,
    clauses.why AS clause_why, clauses.verified, clauses.source
FROM marked AS observed
JOIN marked AS shortest
    ON shortest.course = observed.course AND shortest.episode = observed.episode
    AND shortest.clause = observed.clause AND shortest.fact IS NOT DISTINCT FROM observed.fact
    AND shortest.clock = 'shortest'
JOIN episodes ON episodes.course = observed.course AND episodes.episode = observed.episode
JOIN clauses ON clauses.protocol = episodes.protocol AND clauses.clause = observed.clause
LEFT JOIN recommendations
    ON recommendations.course = observed.course AND recommendations.episode = observed.episode
    AND recommendations.clause IS NOT NULL
WHERE observed.clock = 'observed' AND episodes.patient_id = $patient
ORDER BY episodes.drug, episodes.protocol, observed.episode, observed.clause, observed.fact
