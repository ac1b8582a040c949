-- A fever of a patient who had a drug lately, with no count around it that tells whether it is febrile neutropenia.
WITH told AS (
    SELECT patient_id, moment, fever_on, words, bool_or(tells) AS tells, min(count_words) AS count_words
    FROM fever_counts
    GROUP BY patient_id, moment, fever_on, words
)

SELECT
    told.patient_id, CAST(NULL AS TEXT) AS drug, min(told.fever_on) AS since,
    max_by(
        told.words || coalesce(
            '; ' || told.count_words || ' does not tell, for want of one before it or for its sign.',
            ', and no ANC within ' || limits.fever_count_hours || ' hours of it.'
        ), told.moment
    ) AS why,
    false AS answered, false AS grave, CAST(NULL AS TEXT) AS source, CAST(NULL AS TEXT) AS url
FROM told
CROSS JOIN limits
WHERE NOT told.tells
    AND told.patient_id IN (
        SELECT doses.patient_id
        FROM doses
        CROSS JOIN limits
        WHERE doses.dose_mg > 0 AND date_diff('day', doses.last_on, $as_of) <= limits.alert_lapses_days
    )
    AND told.patient_id NOT IN (SELECT patient_id FROM fever_counts WHERE severe OR falling)
GROUP BY told.patient_id
