-- Courses of which an earlier day knew something else than today: a result was reported after its day, a cause was
-- recorded more than once, or the protocol decides at draws. Their actions are judged on an evaluation of that day.
SELECT courses.course
FROM courses
JOIN protocols ON protocols.protocol = courses.protocol AND protocols.reads_every_draw
UNION
SELECT courses.course
FROM courses
JOIN results
    ON results.patient_id = courses.patient_id AND results.analyte IN ('anc', 'platelets')
    AND CAST(results.reported_at AS DATE) > CAST(results.collected_at AS DATE)
UNION
SELECT courses.course
FROM courses
JOIN causes ON causes.patient_id = courses.patient_id
GROUP BY courses.course
HAVING count(*) > 1
