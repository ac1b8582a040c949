-- Step 4. Who reads a count: every patient with a count or a dose, once for each course and once without any.
-- Text ids become the integer `person` here, once; the protocol's thresholds stand beside each course.
WITH people AS (
    SELECT row_number() OVER () AS person, patient_id
    FROM (
        SELECT patient_id FROM results
        WHERE usable AND analyte IN ('anc', 'wbc', 'platelets', 'granulocytes')
            AND collected_at < $after AND reported_at < $after
        UNION
        SELECT patient_id FROM doses
    ) AS seen
)

SELECT
    people.person, people.patient_id,
    courses.course, courses.start_on, courses.read_to,
    anc.hold_operator AS anc_hold_operator, anc.hold AS anc_hold,
    anc.resume_operator AS anc_resume_operator, anc.resume AS anc_resume,
    platelets.hold_operator AS platelets_hold_operator, platelets.hold AS platelets_hold,
    platelets.resume_operator AS platelets_resume_operator, platelets.resume AS platelets_resume
FROM people
LEFT JOIN courses ON courses.patient_id = people.patient_id
LEFT JOIN thresholds AS anc ON anc.protocol = courses.protocol AND anc.analyte = 'anc'
LEFT JOIN thresholds AS platelets ON platelets.protocol = courses.protocol AND platelets.analyte = 'platelets'
