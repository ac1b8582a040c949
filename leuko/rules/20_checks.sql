-- Step 20. Every condition of every clause, for every episode, with the clocks as observed and at their shortest:
-- what was found, and whether it holds (null: cannot be told, and then it is not met). A clause without conditions
-- has one row with no fact.
WITH clocks AS (
    SELECT
        course, protocol, episode, 'observed' AS clock, days_to_recovery, days_below,
        anc_nadir, anc_nadir_comparator, anc_nadir_derived, platelets_nadir, platelets_nadir_comparator, cause
    FROM episodes
    UNION ALL
    SELECT
        course, protocol, episode, 'shortest' AS clock, days_to_recovery_shortest, days_below_shortest,
        anc_nadir, anc_nadir_comparator, anc_nadir_derived, platelets_nadir, platelets_nadir_comparator, cause
    FROM episodes
),

found AS (
    SELECT
        clocks.course, clocks.episode, clocks.clock, clauses.clause,
        conditions.fact, conditions.operator, conditions.number, conditions.word,
        CASE conditions.fact
            WHEN 'episode' THEN clocks.episode
            WHEN 'days_to_recovery' THEN clocks.days_to_recovery
            WHEN 'days_below' THEN clocks.days_below
            WHEN 'anc_nadir' THEN clocks.anc_nadir
            WHEN 'platelets_nadir' THEN clocks.platelets_nadir
        END AS found,
        CASE conditions.fact
            WHEN 'anc_nadir' THEN clocks.anc_nadir_comparator
            WHEN 'platelets_nadir' THEN clocks.platelets_nadir_comparator
            ELSE ''
        END AS comparator,
        conditions.fact = 'anc_nadir' AND clocks.anc_nadir_derived AS derived,
        clocks.cause AS found_word
    FROM clocks
    JOIN clauses ON clauses.protocol = clocks.protocol
    LEFT JOIN conditions ON conditions.protocol = clauses.protocol AND conditions.clause = clauses.clause
)

SELECT
    *,
    CASE
        WHEN fact IS NULL THEN true
        WHEN fact = 'cause' THEN found_word = word
        ELSE meets(found, comparator, operator, number)
    END AS holds
FROM found
