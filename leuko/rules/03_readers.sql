-- Step 3. Who reads a count: every patient with a count or a dose, once for each course and once without any.
-- Text ids become the integer `person` here, once; the protocol's thresholds stand beside each course.
WITH seen AS (
    SELECT patient_id, min(CAST(collected_at AS DATE)) AS first_on
    FROM labs
    WHERE analyte <> 'temperature'
        AND value IS NOT NULL
        AND status NOT IN ('entered-in-error', 'cancelled')
        AND collected_at < $after AND reported_at < $after
    GROUP BY patient_id
    UNION ALL
    SELECT patient_id, min(start_on) AS first_on
    FROM doses
    GROUP BY patient_id
),

people AS (
    SELECT row_number() OVER () AS person, patient_id, min(first_on) AS first_on
    FROM seen
    GROUP BY patient_id
)

SELECT
    people.person, people.patient_id, people.first_on,
    courses.course, courses.start_on, courses.read_to,
    anc.hold_operator AS anc_hold_operator, anc.hold AS anc_hold,
    anc.resume_operator AS anc_resume_operator, anc.resume AS anc_resume,
    platelets.hold_operator AS platelets_hold_operator, platelets.hold AS platelets_hold,
    platelets.resume_operator AS platelets_resume_operator, platelets.resume AS platelets_resume
FROM people
LEFT JOIN courses ON courses.patient_id = people.patient_id
LEFT JOIN thresholds AS anc ON anc.protocol = courses.protocol AND anc.analyte = 'anc'
LEFT JOIN thresholds AS platelets ON platelets.protocol = courses.protocol AND platelets.analyte = 'platelets'
