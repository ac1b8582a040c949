-- One row a patient. A date that is given and cannot be read refuses the row: a death must not get lost.

CREATE OR REPLACE TEMP TABLE read_patients AS
WITH written AS (
    SELECT row_number() OVER () AS place, source, given(patient_id) AS patient_id,
           given(name) AS name, CAST(wall_clock(birth_date) AS DATE) AS birth_date, given(sex) AS sex,
           given(site) AS site, given(clinician) AS clinician, given(diagnosis) AS diagnosis,
           CASE WHEN lower(given(duffy_null)) IN ('true', '1', 'yes') THEN true
                WHEN lower(given(duffy_null)) IN ('false', '0', 'no') THEN false END AS duffy_null,
           CAST(wall_clock(died_on) AS DATE) AS died_on, CAST(wall_clock(left_on) AS DATE) AS left_on,
           (given(birth_date) IS NOT NULL AND wall_clock(birth_date) IS NULL)
               OR (given(died_on) IS NOT NULL AND wall_clock(died_on) IS NULL)
               OR (given(left_on) IS NOT NULL AND wall_clock(left_on) IS NULL) AS date_unreadable
    FROM raw_patients
), judged AS (
    SELECT *, CASE WHEN patient_id IS NULL THEN 'no patient'
                   WHEN date_unreadable THEN 'no date' END AS unusable
    FROM written
)
SELECT *, coalesce(unusable, CASE WHEN row_number() OVER (
           PARTITION BY patient_id, unusable ORDER BY place) > 1 THEN 'patient listed twice' END) AS reason
FROM judged;

CREATE OR REPLACE TABLE patients AS
SELECT patient_id, name, birth_date, sex, site, clinician, diagnosis, duffy_null, died_on, left_on, source
FROM read_patients WHERE reason IS NULL;

INSERT INTO rejected
SELECT row.source, as_given(to_json(row)), refused.reason, refused.patient_id, 'patients'
FROM raw_patients AS row
JOIN read_patients AS refused ON refused.source = row.source AND refused.reason IS NOT NULL;
DROP TABLE read_patients;
