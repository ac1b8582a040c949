-- Patients, with the names of their site and clinician and the diagnoses of their conditions. A death or birth without
-- its day is set aside beside the patient, who stays.

CREATE OR REPLACE TEMP TABLE fhir_conditions AS
SELECT source, text, named_id(json_extract_string(text, '$.subject.reference'), 'Patient') AS patient_id,
       coalesce(json_extract_string(text, '$.onsetDateTime'), json_extract_string(text, '$.onsetPeriod.start'),
                json_extract_string(text, '$.recordedDate')) AS occurred_at,
       said_text(coalesce(
           json_extract_string(text, '$.code.text'), json_extract_string(text, '$.code.coding[0].display'),
           json_extract_string(text, '$.code.coding[0].code'))) AS said,
       list_filter(json_extract_string(text, '$.verificationStatus.coding[*].code'),
                   lambda word: word IN ('entered-in-error', 'refuted'))[1] AS withdrawn
FROM fhir_resources WHERE type = 'Condition';

INSERT INTO malformed
SELECT 'events', source, text, coalesce('status ' || withdrawn, 'no diagnosis')
FROM fhir_conditions WHERE withdrawn IS NOT NULL OR said IS NULL;
DELETE FROM fhir_conditions WHERE withdrawn IS NOT NULL OR said IS NULL;

INSERT INTO raw_events (patient_id, kind, value, occurred_at, source)
SELECT patient_id, 'condition', said, occurred_at, source FROM fhir_conditions;

-- The name in use: the official one, else the usual one, else the first.
CREATE OR REPLACE TEMP MACRO names_of(resource) AS TRY(from_json(json_extract(resource, '$.name'),
    '[{"use": "VARCHAR", "text": "VARCHAR", "family": "VARCHAR", "given": ["VARCHAR"]}]'));
CREATE OR REPLACE TEMP MACRO name_in_use(names) AS
    coalesce(list_filter(names, lambda name: name.use = 'official')[1],
             list_filter(names, lambda name: name.use = 'usual')[1], names[1]);
CREATE OR REPLACE TEMP MACRO written_name(name) AS
    said_text(coalesce(name.text, concat_ws(' ', array_to_string(name.given, ' '), name.family)));
CREATE OR REPLACE TEMP MACRO person_name(resource) AS written_name(name_in_use(names_of(resource)));

CREATE OR REPLACE TEMP TABLE fhir_names AS
SELECT type, id, any_value(CASE WHEN type = 'Organization' THEN json_extract_string(text, '$.name')
                                ELSE person_name(text) END) AS name
FROM fhir_resources WHERE type IN ('Organization', 'Practitioner') GROUP BY type, id;

CREATE OR REPLACE TEMP TABLE fhir_patients AS
SELECT source, text, id, person_name(text) AS name, said[1] AS birth_date, said[2] AS sex, said[3] AS died_at,
       said[4] AS died, said[5] AS site_name, named_id(said[6], 'Organization') AS site_id,
       said[7] AS clinician_name, named_id(said[8], 'Practitioner') AS clinician_id
FROM (SELECT source, text, id, json_extract_string(text, [
          '$.birthDate', '$.gender', '$.deceasedDateTime', '$.deceasedBoolean',
          '$.managingOrganization.display', '$.managingOrganization.reference',
          '$.generalPractitioner[0].display', '$.generalPractitioner[0].reference']) AS said
      FROM fhir_resources WHERE type = 'Patient');

INSERT INTO raw_patients (patient_id, name, birth_date, sex, site, clinician, diagnosis, died_on, source)
SELECT patient.id, patient.name, CASE WHEN NOT names_no_day(birth_date) THEN birth_date END, sex,
       coalesce(said_text(site_name), site.name, site_id),
       coalesce(said_text(clinician_name), clinician.name, clinician_id),
       diagnosis, CASE WHEN NOT names_no_day(died_at) THEN died_at END, source
FROM fhir_patients AS patient
LEFT JOIN fhir_names AS site ON site.type = 'Organization' AND site.id = site_id
LEFT JOIN fhir_names AS clinician ON clinician.type = 'Practitioner' AND clinician.id = clinician_id
LEFT JOIN (
    SELECT patient_id, string_agg(said, '; ' ORDER BY first_at NULLS LAST, first_source) AS diagnosis
    FROM (SELECT patient_id, said, min(moment_of(occurred_at)) AS first_at, min(source) AS first_source
          FROM fhir_conditions GROUP BY patient_id, said)
    GROUP BY patient_id
) AS diagnosed ON diagnosed.patient_id = patient.id;

INSERT INTO malformed
SELECT 'patients', source || ' part 2', text, 'died, the day is not given'
FROM fhir_patients WHERE names_no_day(died_at) OR (died_at IS NULL AND died = 'true')
UNION ALL
SELECT 'patients', source || ' part 3', text, 'birth date without a day'
FROM fhir_patients WHERE names_no_day(birth_date);

DROP TABLE fhir_conditions; DROP TABLE fhir_names; DROP TABLE fhir_patients;
