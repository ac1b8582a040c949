-- One row a person, with the site and the clinician of the person's row, the day of death and the diagnoses, in the
-- order in which they were first recorded. Who died or has a diagnosis and no row in person is a patient, too.

CREATE OR REPLACE TEMP TABLE deaths AS
SELECT row.*, coalesce(
    CASE WHEN day_of(death_date) IS NULL THEN 'no date' END,
    'another death date stands in ' || nullif(first_value(source) OVER person, source)) AS reason
FROM raw_death AS row
WINDOW person AS (PARTITION BY person_id, day_of(death_date) IS NULL ORDER BY day_of(death_date), place_of(source));

CREATE OR REPLACE TEMP TABLE diagnoses AS
SELECT row.*, coalesce(concept.concept_name, row.condition_source_value,
                       'concept ' || concept_of(row.condition_concept_id)) AS diagnosis
FROM raw_condition_occurrence AS row
LEFT JOIN (SELECT concept_id, min(concept_name) AS concept_name FROM raw_concept GROUP BY concept_id) AS concept
  ON concept.concept_id = concept_of(row.condition_concept_id);

INSERT INTO malformed
SELECT 'patients', row.source, as_read(to_json(row)), deaths.reason
FROM raw_death AS row JOIN deaths ON deaths.source = row.source AND deaths.reason IS NOT NULL
UNION ALL
SELECT 'patients', row.source, as_read(to_json(row)), 'no diagnosis'
FROM raw_condition_occurrence AS row JOIN diagnoses ON diagnoses.source = row.source AND diagnoses.diagnosis IS NULL;

CREATE OR REPLACE TEMP TABLE raw_patients AS
WITH dead AS (
    SELECT person_id, death_date, source FROM deaths WHERE reason IS NULL
), named AS (
    SELECT person_id, diagnosis, min(day_of(condition_start_date)) AS first_on, min(place_of(source)) AS first_place,
           string_agg(source, '; ' ORDER BY place_of(source)) AS sources
    FROM diagnoses WHERE diagnosis IS NOT NULL GROUP BY person_id, diagnosis
), diagnosed AS (
    SELECT person_id, string_agg(diagnosis, '; ' ORDER BY first_on NULLS LAST, first_place) AS diagnosis,
           string_agg(sources, '; ' ORDER BY first_place) AS sources
    FROM named GROUP BY person_id
)
SELECT coalesce(person.person_id, dead.person_id, diagnosed.person_id) AS patient_id,
       CAST(NULL AS TEXT) AS name,
       coalesce(person.birth_datetime,
                whole(person.year_of_birth) || '-' || lpad(whole(person.month_of_birth), 2, '0')
                    || '-' || lpad(whole(person.day_of_birth), 2, '0')) AS birth_date,
       -- https://athena.ohdsi.org: 8507 male, 8532 female
       CASE person.gender_concept_id WHEN '8507' THEN 'male' WHEN '8532' THEN 'female' END AS sex,
       coalesce(care_site.care_site_name, 'care site ' || person.care_site_id) AS site,
       coalesce(provider.provider_name, 'provider ' || person.provider_id) AS clinician,
       diagnosed.diagnosis, CAST(NULL AS TEXT) AS duffy_null, dead.death_date AS died_on,
       CAST(NULL AS TEXT) AS left_on,
       concat_ws('; ', person.source, dead.source, diagnosed.sources) AS source
FROM raw_person AS person
FULL JOIN dead ON dead.person_id = person.person_id
FULL JOIN diagnosed ON diagnosed.person_id = coalesce(person.person_id, dead.person_id)
LEFT JOIN (SELECT care_site_id, min(care_site_name) AS care_site_name FROM raw_care_site GROUP BY ALL) AS care_site
  ON care_site.care_site_id = person.care_site_id
LEFT JOIN (SELECT provider_id, min(provider_name) AS provider_name FROM raw_provider GROUP BY ALL) AS provider
  ON provider.provider_id = person.provider_id
ORDER BY place_of(person.source) NULLS LAST;

DROP TABLE deaths; DROP TABLE diagnoses;
