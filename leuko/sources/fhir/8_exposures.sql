-- Rows of one kind for the same patient, drug and days add up (two strengths, morning and night); where the days differ
-- they overlap, of which the rule takes the highest. Orders and what was given never add up.

INSERT INTO raw_exposures (patient_id, drug, dose_mg, dose_unit, start_on, end_on, source)
WITH days AS (
    SELECT place, type, source, patient_id, drug, day_of(starts) AS start_on, day_of(ends) AS end_on,
           sum(dose_a_day) AS dose, min(nth) AS first_at
    FROM fhir_courses JOIN fhir_order_reasons USING (place) WHERE reason IS NULL GROUP BY ALL
), parts AS (
    SELECT * REPLACE (CASE WHEN count(*) OVER (PARTITION BY place) > 1 THEN source || ' part ' || first_at
                           ELSE source END AS source)
    FROM days
), taken AS (
    SELECT place, type, source, patient_id, drug, start_on, end_on, dose, first_at FROM parts
    UNION ALL
    SELECT place, 'MedicationAdministration', source, patient_id, drug, given_on, given_on, dose, 1
    FROM fhir_given WHERE reason IS NULL
)
SELECT patient_id, drug, CAST(CAST(sum(dose) AS DOUBLE) AS TEXT), 'mg', CAST(start_on AS TEXT), CAST(end_on AS TEXT),
       string_agg(source, '; ' ORDER BY place, first_at)
FROM taken
-- what names no patient or no drug is refused by itself
GROUP BY type, patient_id, drug, start_on, end_on, CASE WHEN patient_id IS NULL OR drug IS NULL THEN source END;

-- A growth factor whose dose cannot be had was given all the same.
INSERT INTO raw_events (patient_id, kind, value, occurred_at, source)
SELECT patient_id, 'gcsf', drug, CAST(given_on AS TEXT), source
FROM (
    SELECT source, patient_id, drug, given_on, reason FROM fhir_given
    UNION ALL
    SELECT source, any_value(patient_id), any_value(drug), min(day_of(starts)), any_value(reason)
    FROM fhir_courses JOIN fhir_order_reasons USING (place) GROUP BY source
) WHERE drug IN (SELECT drug FROM known_growth_factor_drugs) AND patient_id IS NOT NULL AND given_on IS NOT NULL
    AND reason IN (
        'no dose', 'dose not in mg', 'dose not clear', 'not a number', 'no frequency', 'frequency not clear',
        'ended, the day is not given');

DROP TABLE fhir_uses; DROP TABLE fhir_drugs; DROP TABLE fhir_orders; DROP TABLE fhir_instructions;
DROP TABLE fhir_courses; DROP TABLE fhir_order_reasons; DROP TABLE fhir_given; DROP TABLE dose_units;
DROP TABLE timings;
