-- Patients who are new or of whom something else is said. A field that came empty leaves what was known: a file without
-- the column of deaths raises nobody.
CREATE OR REPLACE TEMP TABLE said_now AS
SELECT
    patient_id, coalesce(came.name, there.name) AS name, coalesce(came.birth_date, there.birth_date) AS birth_date,
    coalesce(came.sex, there.sex) AS sex, coalesce(came.site, there.site) AS site,
    coalesce(came.clinician, there.clinician) AS clinician, coalesce(came.diagnosis, there.diagnosis) AS diagnosis,
    coalesce(came.duffy_null, there.duffy_null) AS duffy_null, coalesce(came.died_on, there.died_on) AS died_on,
    coalesce(came.left_on, there.left_on) AS left_on, came.source AS came_as, there.source AS there_as
FROM added.patients AS came
LEFT JOIN base.patients AS there USING (patient_id);

CREATE OR REPLACE TEMP TABLE new_patients AS
SELECT now.* EXCLUDE (came_as, there_as), of_this_load(now.came_as) AS source
FROM said_now AS now
LEFT JOIN base.patients AS there USING (patient_id)
WHERE now.there_as IS NULL
    OR row(now.name, now.birth_date, now.sex, now.site, now.clinician, now.diagnosis, now.duffy_null, now.died_on, now.left_on)
    IS DISTINCT FROM row(
        there.name, there.birth_date, there.sex, there.site, there.clinician, there.diagnosis, there.duffy_null, there.died_on,
        there.left_on
    );

INSERT INTO base.replaced
SELECT this_load.number, 'patients', patients.source, to_json(patients)
FROM base.patients AS patients SEMI JOIN new_patients USING (patient_id) CROSS JOIN this_load;
DELETE FROM base.patients WHERE patient_id IN (SELECT patient_id FROM new_patients);
INSERT INTO base.patients BY NAME FROM new_patients;
DROP TABLE said_now;
