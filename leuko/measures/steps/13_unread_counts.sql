-- Actions since whose last known count a result of the patient was set aside: what it said, nobody can tell.
SELECT DISTINCT known.course, known.day
FROM known
JOIN courses ON courses.course = known.course
JOIN protocols ON protocols.protocol = courses.protocol
JOIN set_aside
    ON set_aside.patient_id = courses.patient_id AND set_aside.kind = 'labs'
    AND (set_aside.analyte IS DISTINCT FROM 'platelets' OR protocols.has_platelets)
    AND coalesce(set_aside.day, known.day) BETWEEN known.counted_on AND known.day
