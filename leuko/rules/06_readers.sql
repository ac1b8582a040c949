-- Step 6. Who reads a count: every patient with a count or a dose, once for each course and once without any.
-- Text ids become the integers `person` and `course` here, once. A quiet course was never short and has nothing
-- unusual: its last day says all that the worklist needs, unless its protocol decides on every draw.
WITH people AS (
    SELECT CAST(row_number() OVER () AS INTEGER) AS person, patient_id
    FROM (SELECT patient_id FROM seen UNION SELECT patient_id FROM doses) AS known
),

loud AS (
    SELECT DISTINCT seen.patient_id, courses.course
    FROM seen
    LEFT JOIN courses ON courses.patient_id = seen.patient_id
    LEFT JOIN protocols ON protocols.protocol = courses.protocol
    LEFT JOIN thresholds ON thresholds.protocol = courses.protocol AND thresholds.analyte = seen.analyte
    WHERE seen.unusual
        OR protocols.reads_every_draw
        OR seen.lowest <= thresholds.resume
        OR (seen.analyte IN ('anc', 'platelets') AND seen.last_on NOT BETWEEN courses.start_on AND courses.read_to)
)

SELECT
    people.person, people.patient_id, courses.course, courses.protocol, courses.start_on, courses.read_to,
    loud.patient_id IS NULL AS quiet
FROM people
LEFT JOIN courses ON courses.patient_id = people.patient_id
LEFT JOIN loud ON loud.patient_id = people.patient_id AND loud.course IS NOT DISTINCT FROM courses.course
