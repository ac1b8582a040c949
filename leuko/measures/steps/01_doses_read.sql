-- The exposures that each course reads, under its number. `reason` is why one ended, as it was recorded.
SELECT
    courses.course, courses.start_on AS course_start_on, courses.read_to, doses.start_on,
    least(doses.last_on, courses.read_to) AS last_on, doses.end_on, doses.dose_mg, doses.planned,
    lower(trim(doses.end_reason)) AS reason
FROM courses
JOIN doses
    ON doses.patient_id = courses.patient_id AND doses.drug = courses.drug AND doses.protocol = courses.protocol
    AND doses.start_on <= courses.read_to
