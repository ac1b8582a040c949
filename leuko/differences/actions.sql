-- How often each action was decided under each protocol in force, and would have been under the others.
WITH decided AS (
    SELECT protocol, action, 1 AS before, 0 AS after
    FROM recommendations_before
    WHERE course IN (SELECT course_before FROM course_pairs)
    UNION ALL
    SELECT protocol, action, 0, 1
    FROM recommendations
    WHERE course IN (SELECT course_after FROM course_pairs)
)

SELECT
    decided.protocol, statuses.status AS action, statuses.word, CAST(sum(decided.before) AS BIGINT) AS before,
    CAST(sum(decided.after) AS BIGINT) AS after
FROM decided
JOIN statuses ON statuses.status = decided.action
GROUP BY decided.protocol, statuses.status, statuses.word, statuses.urgency
ORDER BY decided.protocol, statuses.urgency
