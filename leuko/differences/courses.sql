-- How many courses were compared, by the protocols that they are under.
SELECT drug, protocol_before, protocol_after, count(*) AS courses, count(DISTINCT patient_id) AS patients
FROM course_pairs
GROUP BY ALL
ORDER BY ALL
