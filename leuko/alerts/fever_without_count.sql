-- A fever of a patient on a course with no ANC around it: whether it is febrile neutropenia cannot be told.
SELECT
    fever_counts.patient_id, CAST(NULL AS TEXT) AS drug, min(fever_counts.fever_on) AS since,
    max_by(fever_counts.words, fever_counts.moment) || ', and no ANC within ' || any_value(limits.fever_count_hours)
    || ' hours of it.' AS why,
    false AS answered, CAST(NULL AS TEXT) AS source, CAST(NULL AS TEXT) AS url
FROM fever_counts
CROSS JOIN limits
WHERE NOT fever_counts.counted
    AND fever_counts.patient_id IN (SELECT patient_id FROM courses WHERE over_on IS NULL)
    AND fever_counts.patient_id NOT IN (SELECT patient_id FROM fever_counts WHERE severe OR falling)
GROUP BY fever_counts.patient_id
