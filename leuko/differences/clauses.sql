-- How many of the changed decisions moved from which row of the old protocol to which row of the new one.
SELECT
    moment, protocol_before, clause_before, asked_before, action_before, protocol_after, clause_after, asked_after,
    action_after, count(*) AS decisions, count(DISTINCT patient_id) AS patients
FROM changed_decisions
GROUP BY ALL
ORDER BY
    min(place), decisions DESC, protocol_before, clause_before, protocol_after, clause_after, asked_before, asked_after,
    action_before, action_after
