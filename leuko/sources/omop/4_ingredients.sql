-- What each drug of the file holds: its ingredients, each with the mg in one unit, or why these cannot be told. Of a
-- combination only the ingredients that are known are kept, where one is.

CREATE OR REPLACE TEMP TABLE ingredients AS
WITH drugs AS (
    SELECT DISTINCT concept_of(drug_concept_id) AS drug_concept_id FROM raw_drug_exposure
), strengths AS (
    -- a strength that was withdrawn holds only where none is valid
    SELECT drug_concept_id, ingredient_concept_id, amount_value, amount_unit_concept_id, numerator_value
    FROM raw_drug_strength
    WHERE ingredient_concept_id IS NOT NULL
    QUALIFY rank() OVER (
        PARTITION BY drug_concept_id, ingredient_concept_id ORDER BY invalid_reason IS NOT NULL) = 1
), held AS (
    SELECT drug_concept_id, ingredient_concept_id,
           count(DISTINCT (amount_value, amount_unit_concept_id)) AS amounts, min(amount_value) AS amount_value,
           min(amount_unit_concept_id) AS amount_unit_concept_id, min(numerator_value) AS numerator_value
    FROM strengths GROUP BY drug_concept_id, ingredient_concept_id
    UNION ALL
    -- without a strength the drug can still be named
    SELECT DISTINCT ancestor.descendant_concept_id, ancestor.ancestor_concept_id, 0, NULL, NULL, NULL
    FROM raw_concept_ancestor AS ancestor
    JOIN known_drug_codes AS code ON code.system = 'omop' AND code.code = ancestor.ancestor_concept_id
    ANTI JOIN strengths ON strengths.drug_concept_id = ancestor.descendant_concept_id
), of_drugs AS (
    SELECT drugs.drug_concept_id, coalesce(held.ingredient_concept_id, drugs.drug_concept_id) AS ingredient_concept_id,
           held.* EXCLUDE (drug_concept_id, ingredient_concept_id)
    FROM drugs LEFT JOIN held ON held.drug_concept_id = drugs.drug_concept_id
), names AS (
    SELECT concept_id, lower(min(concept_name)) AS name FROM raw_concept GROUP BY concept_id
), converted AS (
    SELECT of_drugs.*, known.drug AS known_drug,
           coalesce(known.drug, names.name, 'concept ' || of_drugs.ingredient_concept_id) AS drug,
           growth.drug IS NOT NULL AS is_growth_factor, unit.unit,
           CASE unit.unit WHEN 'g' THEN 1000.000 WHEN 'mg' THEN 1.000 WHEN 'ug' THEN 0.001 END AS mg_in_unit,
           TRY_CAST(of_drugs.amount_value AS DECIMAL(15, 9)) AS amount
    FROM of_drugs
    LEFT JOIN known_drug_codes AS known ON known.system = 'omop' AND known.code = of_drugs.ingredient_concept_id
    LEFT JOIN names ON names.concept_id = of_drugs.ingredient_concept_id
    LEFT JOIN known_unit_codes AS unit ON unit.system = 'omop' AND unit.code = of_drugs.amount_unit_concept_id
    LEFT JOIN known_growth_factor_drugs AS growth ON growth.omop = of_drugs.ingredient_concept_id
)
SELECT drug_concept_id, drug, is_growth_factor,
       CAST(amount AS DECIMAL(38, 9)) * CAST(mg_in_unit AS DECIMAL(38, 3)) AS mg,
       CASE WHEN ingredient_concept_id IS NULL THEN 'no drug concept'
            WHEN amounts > 1 THEN 'two strengths of one ingredient'
            WHEN amount_value IS NULL AND numerator_value IS NOT NULL THEN 'strength is a concentration'
            WHEN amount_value IS NULL THEN 'no strength'
            WHEN mg_in_unit IS NULL THEN 'strength not in mg'
            WHEN amount IS NULL OR amount <= 0 THEN 'strength not a number above 0' END AS reason,
       row_number() OVER (PARTITION BY drug_concept_id ORDER BY ingredient_concept_id) AS part,
       count(*) OVER (PARTITION BY drug_concept_id) AS parts
FROM (
    SELECT * FROM converted
    QUALIFY known_drug IS NOT NULL OR NOT bool_or(known_drug IS NOT NULL) OVER (PARTITION BY drug_concept_id)
) AS kept;
