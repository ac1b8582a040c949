-- The decisions that differ as a reader lists them, the latest first.
SELECT * EXCLUDE (course_before, course_after, place)
FROM changed_decisions
ORDER BY decided_on DESC, patient_id, drug, place, protocol_before, protocol_after
