-- Resources that give no row of their own. In a Bundle a patient may go by the Bundle's name for it: rows of that name
-- are the patient's.

INSERT INTO malformed
SELECT 'other', source, text,
       CASE WHEN type IN ('Organization', 'Practitioner', 'Medication') THEN 'read for its name only: '
            ELSE 'not used: ' END || type
FROM fhir_resources
WHERE type NOT IN ('Patient', 'Condition', 'MedicationRequest', 'MedicationAdministration', 'MedicationStatement');

CREATE OR REPLACE TEMP TABLE fhir_urns AS
SELECT urn, min(id) AS id FROM fhir_resources
WHERE type = 'Patient' AND urn IS NOT NULL AND urn <> id GROUP BY urn HAVING count(DISTINCT id) = 1;
UPDATE raw_labs SET patient_id = fhir_urns.id FROM fhir_urns WHERE patient_id = urn;
UPDATE raw_exposures SET patient_id = fhir_urns.id FROM fhir_urns WHERE patient_id = urn;
UPDATE raw_events SET patient_id = fhir_urns.id FROM fhir_urns WHERE patient_id = urn;

DROP TABLE fhir_resources; DROP TABLE fhir_urns; DROP TABLE known_file; DROP TABLE bad_lines;
DROP TABLE known_drug_codes; DROP TABLE known_growth_factor_drugs; DROP TABLE known_timings;
DROP TABLE known_dose_units; DROP TABLE known_other_cells; DROP TABLE own_codes; DROP TABLE IF EXISTS bad_files;
