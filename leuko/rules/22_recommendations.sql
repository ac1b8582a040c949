-- Step 22. Recommendations: at onset, on the cause event that counts, at recovery and at a draw, each with its reason.
WITH reasons AS (
    SELECT
        decisions.course, decisions.episode,
        string_agg(
            fact_words(checks.fact) || ' ' || checks.comparator
            || coalesce(fact_number_words(checks.fact, checks.found) || derived_words(checks.derived), checks.found_word)
            || CASE WHEN checks.fact = 'cause' THEN ''
                ELSE ' (' || condition_words(checks.fact, checks.operator, checks.number) || ')' END,
            ', ' ORDER BY checks.fact DESC
        ) AS conditions_met
    FROM decisions
    JOIN checks
        ON checks.course = decisions.course AND checks.episode = decisions.episode
        AND decisions.moment = 'recovery' AND checks.clause = decisions.clause AND checks.clock = 'observed' AND checks.fact IS NOT NULL
    GROUP BY decisions.course, decisions.episode
),

onsets AS (
    SELECT
        episodes.*, protocols.cause_required, courses.dose_unit,
        concat_ws(
            ' and ',
            CASE WHEN episodes.trigger IN ('anc', 'both') THEN 'ANC ' || episodes.onset_anc END,
            CASE WHEN episodes.trigger IN ('platelets', 'both') THEN 'platelets ' || episodes.onset_platelets END
        ) || ' on ' || day_words(episodes.onset_on) AS counts_words,
        concat_ws(
            ' and ',
            CASE WHEN episodes.trigger IN ('anc', 'both') THEN
                'ANC ' || episodes.onset_anc || ' on ' || day_words(episodes.onset_on)
                || ' is ' || threshold_words(anc.hold_operator, anc.hold) || unverified_words(anc.verified) END,
            CASE WHEN episodes.trigger IN ('platelets', 'both') THEN
                'platelets ' || episodes.onset_platelets || ' on ' || day_words(episodes.onset_on)
                || ' are ' || threshold_words(platelets.hold_operator, platelets.hold)
                || unverified_words(platelets.verified) END
        ) || '.' AS why
    FROM episodes
    JOIN courses ON courses.course = episodes.course
    JOIN protocols ON protocols.protocol = episodes.protocol
    JOIN thresholds AS anc ON anc.protocol = episodes.protocol AND anc.analyte = 'anc'
    LEFT JOIN thresholds AS platelets ON platelets.protocol = episodes.protocol AND platelets.analyte = 'platelets'
),

at_onset AS (
    SELECT
        course, episode, onset_on AS decided_on,
        CASE WHEN cause_required THEN 'check_cause' ELSE 'hold' END AS action,
        CASE WHEN NOT cause_required THEN 0 END AS dose_mg,
        CAST(NULL AS INTEGER) AS clause, CAST(NULL AS INTEGER) AS during, 'firm' AS certainty, why, 1 AS place
    FROM onsets
),

-- The disease: what the table says of it. The treatment: the same, or a hold where the cause was waited for.
on_cause AS (
    SELECT
        onsets.course, onsets.episode, onsets.cause_on AS decided_on, related.action,
        CASE WHEN related.action = 'hold' THEN 0 WHEN lower(trim(onsets.dose_unit)) = 'mg' THEN related.dose_mg END AS dose_mg,
        onsets.why || ' The cause was recorded as the disease on ' || day_words(onsets.cause_on) || '.'
        || coalesce(' ' || related.why, '')
        || CASE WHEN related.verified THEN '' ELSE ' This text could not be verified.' END AS why
    FROM onsets
    JOIN related ON related.protocol = onsets.protocol AND related.cause = 'disease'
    WHERE onsets.cause = 'disease'
    UNION ALL
    SELECT
        onsets.course, onsets.episode, coalesce(decisions.decided_on, onsets.cause_on), coalesce(decisions.action, 'hold'),
        CASE WHEN decisions.action IS NULL THEN 0 ELSE decisions.dose_mg END,
        concat_ws(
            ' ',
            onsets.why || ' The cause was recorded as the treatment on '
            || day_words(coalesce(decisions.decided_on, onsets.cause_on)) || '.',
            nullif(decisions.remarks, '')
        )
    FROM onsets
    LEFT JOIN decisions
        ON decisions.course = onsets.course AND decisions.episode = onsets.episode AND decisions.moment = 'cause'
    WHERE onsets.cause = 'treatment' AND onsets.cause_required
),

at_recovery AS (
    SELECT
        onsets.course, onsets.episode, onsets.recovered_on AS decided_on, decisions.action, decisions.dose_mg,
        decisions.clause, decisions.during, decisions.certainty,
        concat_ws(
            ' ',
            nullif(decisions.caution, ''),
            'Recovered on ' || day_words(onsets.recovered_on) || ' from ' || onsets.counts_words
            || coalesce(': ' || reasons.conditions_met, '') || '.',
            nullif(decisions.remarks, ''),
            CASE WHEN decisions.certainty = 'sparse' THEN
                'The counts lie days apart: recovery came between '
                || number_words(onsets.days_to_recovery_shortest) || ' and ' || number_words(onsets.days_to_recovery)
                || ' days after the onset, and ANC was below the hold threshold for '
                || number_words(onsets.days_below_shortest) || ' to ' || number_words(onsets.days_below)
                || ' days; at the shortest '
                || coalesce('clause ' || decisions.clause_shortest || ' (' || shortest.action || ')', 'no clause')
                || ' would decide.' END
        ) AS why,
        3 AS place
    FROM onsets
    JOIN decisions
        ON decisions.course = onsets.course AND decisions.episode = onsets.episode AND decisions.moment = 'recovery'
    LEFT JOIN reasons ON reasons.course = onsets.course AND reasons.episode = onsets.episode
    LEFT JOIN clauses AS shortest
        ON shortest.protocol = onsets.protocol AND shortest.clause = decisions.clause_shortest
),

at_a_draw AS (
    SELECT
        decisions.course, decisions.episode, decisions.decided_on, decisions.action, decisions.dose_mg, decisions.clause,
        decisions.during, decisions.certainty,
        concat_ws(' ', at_draws.words, nullif(decisions.remarks, '')) AS why, 4 AS place
    FROM decisions
    JOIN at_draws ON at_draws.course = decisions.course AND at_draws.decided_on = decisions.decided_on
    WHERE decisions.moment = 'draw'
),

recommended AS (
    SELECT * FROM at_onset
    UNION ALL
    SELECT course, episode, decided_on, action, dose_mg, NULL, NULL, 'firm', why, 2 FROM on_cause
    UNION ALL
    SELECT * FROM at_recovery
    UNION ALL
    SELECT * FROM at_a_draw
)

SELECT
    courses.patient_id, courses.drug, courses.protocol, recommended.episode, recommended.decided_on, recommended.action,
    recommended.dose_mg, recommended.clause, recommended.during, recommended.certainty, recommended.why,
    recommended.place, recommended.course
FROM recommended
JOIN courses ON courses.course = recommended.course
