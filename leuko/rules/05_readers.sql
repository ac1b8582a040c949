-- Step 5. Who reads a count: every patient with a count or a dose, once for each course and once without any.
-- Text ids become the integers `person` and `course` here, once; the protocol's thresholds stand beside each course.
-- A quiet course was never short and has nothing unusual: its last day says all that the worklist needs.
WITH people AS (
    SELECT CAST(row_number() OVER () AS INTEGER) AS person, patient_id
    FROM (SELECT patient_id FROM seen UNION SELECT patient_id FROM doses) AS known
)

SELECT
    people.person, people.patient_id, seen.anc_on, seen.platelets_on,
    courses.course, courses.start_on, courses.read_to,
    anc.hold_operator AS anc_hold_operator, anc.hold AS anc_hold,
    anc.resume_operator AS anc_resume_operator, anc.resume AS anc_resume,
    platelets.hold_operator AS platelets_hold_operator, platelets.hold AS platelets_hold,
    platelets.resume_operator AS platelets_resume_operator, platelets.resume AS platelets_resume,
    NOT coalesce(seen.unusual, false)
        AND coalesce(seen.anc_lowest > anc.resume, true)
        AND coalesce(seen.platelets_lowest > platelets.resume, true)
        AND coalesce(seen.anc_on BETWEEN courses.start_on AND courses.read_to, true)
        AND coalesce(seen.platelets_on BETWEEN courses.start_on AND courses.read_to, true) AS quiet
FROM people
LEFT JOIN seen ON seen.patient_id = people.patient_id
LEFT JOIN courses ON courses.patient_id = people.patient_id
LEFT JOIN thresholds AS anc ON anc.protocol = courses.protocol AND anc.analyte = 'anc'
LEFT JOIN thresholds AS platelets ON platelets.protocol = courses.protocol AND platelets.analyte = 'platelets'
