-- Step 18. Recommendations: at onset, on the cause event that counts, and at recovery, each with its reason.
WITH reasons AS (
    SELECT
        decisions.course, decisions.episode,
        string_agg(
            fact_words(checks.fact) || ' ' || checks.comparator
            || coalesce(number_words(checks.found), checks.found_word)
            || CASE WHEN checks.fact = 'cause' THEN '' ELSE ' (' || threshold_words(checks.operator, checks.number) || ')' END,
            ', ' ORDER BY checks.fact DESC
        ) AS conditions_met
    FROM decisions
    JOIN checks
        ON checks.course = decisions.course AND checks.episode = decisions.episode
        AND checks.clause = decisions.clause AND checks.clock = 'observed' AND checks.fact IS NOT NULL
    GROUP BY decisions.course, decisions.episode
),

onsets AS (
    SELECT
        episodes.*, protocols.cause_required, protocols.disease_action, protocols.disease_dose_mg,
        protocols.disease_why, protocols.disease_verified,
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
    JOIN protocols ON protocols.protocol = episodes.protocol
    JOIN thresholds AS anc ON anc.protocol = episodes.protocol AND anc.analyte = 'anc'
    LEFT JOIN thresholds AS platelets ON platelets.protocol = episodes.protocol AND platelets.analyte = 'platelets'
),

at_onset AS (
    SELECT
        course, patient_id, drug, protocol, episode, onset_on AS decided_on,
        CASE WHEN cause_required THEN 'check_cause' ELSE 'hold' END AS action,
        CASE WHEN NOT cause_required THEN 0 END AS dose_mg,
        CAST(NULL AS INTEGER) AS clause, 'firm' AS certainty, why, 1 AS place
    FROM onsets
),

on_cause AS (
    SELECT
        course, patient_id, drug, protocol, episode, cause_on AS decided_on,
        CASE WHEN cause = 'disease' THEN disease_action ELSE 'hold' END AS action,
        CASE WHEN cause = 'disease' THEN disease_dose_mg ELSE 0 END AS dose_mg,
        CAST(NULL AS INTEGER) AS clause, 'firm' AS certainty,
        why || CASE WHEN cause = 'disease' THEN ' The cause was recorded as the disease on '
            ELSE ' The cause was recorded as the treatment on ' END || day_words(cause_on) || '.'
            || CASE WHEN cause = 'disease' THEN coalesce(' ' || disease_why, '')
                || CASE WHEN disease_verified THEN '' ELSE ' This text could not be verified.' END ELSE '' END AS why,
        2 AS place
    FROM onsets
    WHERE (cause = 'disease' AND disease_action IS NOT NULL) OR (cause = 'treatment' AND cause_required)
),

at_recovery AS (
    SELECT
        onsets.course, onsets.patient_id, onsets.drug, onsets.protocol, onsets.episode,
        onsets.recovered_on AS decided_on, decisions.action, decisions.dose_mg, decisions.clause, decisions.certainty,
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
    JOIN decisions ON decisions.course = onsets.course AND decisions.episode = onsets.episode
    LEFT JOIN reasons ON reasons.course = onsets.course AND reasons.episode = onsets.episode
    LEFT JOIN clauses AS shortest
        ON shortest.protocol = onsets.protocol AND shortest.clause = decisions.clause_shortest
)

SELECT patient_id, drug, protocol, episode, decided_on, action, dose_mg, clause, certainty, why, place, course
FROM (SELECT * FROM at_onset UNION ALL SELECT * FROM on_cause UNION ALL SELECT * FROM at_recovery) AS recommended
