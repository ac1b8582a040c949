-- Orders, statements and administrations of a drug, each with what the drug is: by its RxNorm code; else by a name the
-- first word of which is a shipped drug's; else its own text, which the rule lists as without protocol.

CREATE OR REPLACE TEMP TABLE fhir_uses AS
WITH uses AS (
    SELECT rowid AS place, source, type, text, json_extract(text, '$.medicationCodeableConcept') AS concept,
           json_extract_string(text, '$.medicationReference.reference') AS reference,
           json_extract_string(text, '$.medicationReference.display') AS shown
    FROM fhir_resources WHERE type IN ('MedicationRequest', 'MedicationAdministration', 'MedicationStatement')
), found AS (
    SELECT uses.*, coalesce(CAST(medication.text AS JSON), list_filter(
               json_extract(uses.text, '$.contained[*]'),
               lambda inside: '#' || json_extract_string(inside, '$.id') = reference)[1]) AS medication
    FROM uses
    LEFT JOIN fhir_resources AS medication
      ON medication.type = 'Medication' AND medication.id = named_id(reference, 'Medication')
)
SELECT place, source, type, text,
       named_id(json_extract_string(text, '$.subject.reference'), 'Patient') AS patient_id,
       CAST(to_json({'concept': coalesce(concept, json_extract(medication, '$.code')), 'shown': shown,
                     'names': json_extract_string(medication, '$.identifier[*].value')}) AS TEXT) AS medicine
FROM found;

CREATE OR REPLACE TEMP TABLE fhir_drugs AS
WITH written AS (SELECT DISTINCT medicine FROM fhir_uses),
codings AS (
    SELECT medicine, unnest(TRY(from_json(json_extract(medicine, '$.concept.coding'),
        '[{"system": "VARCHAR", "code": "VARCHAR", "display": "VARCHAR"}]'))) AS coding
    FROM written
), words AS (
    SELECT medicine, json_extract_string(medicine, '$.concept.text') AS word, 1 AS rank FROM written
    UNION ALL SELECT medicine, coding.display, 2 FROM codings
    UNION ALL SELECT medicine, json_extract_string(medicine, '$.shown'), 3 FROM written
    UNION ALL SELECT medicine, coding.code, 4 FROM codings
    UNION ALL SELECT medicine, json_extract_string(medicine, '$.names[0]'), 5 FROM written
    UNION ALL SELECT medicine, json_extract_string(medicine, '$.names[1]'), 6 FROM written
    UNION ALL SELECT medicine, json_extract_string(medicine, '$.names[2]'), 7 FROM written
), meant AS (
    SELECT medicine, known.drug, 1 AS rank
    FROM codings JOIN known_drug_codes AS known
      ON known.system = 'rxnorm' AND coding.system = 'http://www.nlm.nih.gov/research/umls/rxnorm'
     AND known.code = coding.code
    UNION ALL
    SELECT medicine, known.drug, 2
    FROM words JOIN (
        SELECT code AS name, drug FROM known_drug_codes WHERE system = 'name'
        UNION SELECT drug, drug FROM known_drug_codes
    ) AS known ON known.name = lower(regexp_extract(said_text(word), '^[A-Za-z]+'))
), chosen AS (
    -- two known drugs in one medicine are a mixture or a mistake: its own text then
    SELECT medicine, min(drug) AS drug
    FROM (SELECT *, min(rank) OVER (PARTITION BY medicine) AS best FROM meant)
    WHERE rank = best GROUP BY medicine HAVING count(DISTINCT drug) = 1
), texts AS (
    -- a number (NDC) names a drug to nobody
    SELECT medicine, arg_min(word, rank + CASE WHEN regexp_matches(word, '[A-Za-z]') THEN 0 ELSE 10 END) AS word
    FROM words WHERE said_text(word) IS NOT NULL GROUP BY medicine
)
SELECT medicine, coalesce(chosen.drug, lower(said_text(word))) AS drug
FROM written LEFT JOIN chosen USING (medicine) LEFT JOIN texts USING (medicine);
