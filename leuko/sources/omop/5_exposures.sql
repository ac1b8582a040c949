-- Doses in mg a day: mg in one unit × quantity / days_supply, in whole numbers of 10^-15 mg and written to 10^-9 mg.
-- Rows of one drug and one kind of record on the same dates add up (two strengths, morning and night); a prescription
-- and its dispensing are two kinds of record and do not.

CREATE OR REPLACE TEMP TABLE supplied AS
WITH told_apart AS (
    SELECT *, first_value(source) OVER (PARTITION BY drug_exposure_id ORDER BY place_of(source)) AS first,
           TRY_CAST(quantity AS DECIMAL(12, 3)) AS units, TRY_CAST(whole(days_supply) AS INTEGER) AS days,
           day_of(drug_exposure_start_date) AS start_on, day_of(drug_exposure_end_date) AS end_on
    FROM raw_drug_exposure
), with_reason AS (
    SELECT row.*, ingredient.drug, ingredient.is_growth_factor, ingredient.mg, ingredient.part, ingredient.parts,
           CASE WHEN row.drug_exposure_id IS NOT NULL AND row.source <> row.first
                    THEN 'another row with this id stands in ' || row.first
                WHEN ingredient.reason IS NOT NULL THEN ingredient.reason
                WHEN row.quantity IS NULL OR row.units = 0 THEN 'quantity 0 or missing'
                WHEN row.units IS NULL OR row.units < 0 THEN 'quantity not a number above 0'
                WHEN row.days_supply IS NULL OR row.days = 0 THEN 'days_supply 0 or missing'
                WHEN row.days IS NULL OR row.days < 0 THEN 'days_supply not a whole number above 0' END AS reason
    FROM told_apart AS row
    JOIN ingredients AS ingredient
      ON ingredient.drug_concept_id IS NOT DISTINCT FROM concept_of(row.drug_concept_id)
)
SELECT * REPLACE (source || CASE WHEN parts > 1 THEN ' part ' || part ELSE '' END AS source), source AS row_source,
       -- a growth factor is given by the injection, and that it was given needs no dose
       is_growth_factor AND reason IS NOT NULL AND row_source = first AND start_on IS NOT NULL
           AND coalesce(end_on >= start_on, drug_exposure_end_date IS NULL) AS is_event
FROM with_reason;

INSERT INTO malformed
SELECT 'exposures', source, json_merge_patch(as_read(to_json(row)), '{"reason": null}'), reason
FROM (
    SELECT source, person_id AS patient_id, CASE WHEN concept_of(drug_concept_id) IS NOT NULL THEN drug END AS drug,
           coalesce(CAST(start_on AS TEXT), drug_exposure_start_date) AS start_on, drug_exposure_id, drug_concept_id,
           drug_exposure_end_date, quantity, days_supply, stop_reason, reason
    FROM supplied WHERE reason IS NOT NULL AND NOT is_event
) AS row;

CREATE OR REPLACE TEMP TABLE raw_exposures AS
WITH doses AS (
    SELECT person_id, drug, drug_type_concept_id, stop_reason, source, place_of(row_source) AS place,
           coalesce(CAST(start_on AS TEXT), drug_exposure_start_date) AS start_text,
           -- where no end is given: start + days_supply - 1 (https://ohdsi.github.io/Themis/drug_end_date_not_in_data.html)
           coalesce(CAST(end_on AS TEXT), drug_exposure_end_date, CAST(start_on + (days - 1) AS TEXT)) AS end_text,
           CAST(replace(CAST(mg * CAST(units AS DECIMAL(38, 3)) AS TEXT), '.', '') AS HUGEINT) // days AS dose
    FROM supplied WHERE reason IS NULL
), sums AS (
    SELECT person_id, drug, start_text, end_text, min(place) AS place,
           (sum(dose) + 500000) // 1000000 AS dose,
           string_agg(DISTINCT stop_reason, '; ' ORDER BY stop_reason) AS end_reason,
           string_agg(source, '; ' ORDER BY place, source) AS source
    FROM doses GROUP BY person_id, drug, drug_type_concept_id, start_text, end_text
)
SELECT person_id AS patient_id, drug, CAST(NULL AS TEXT) AS setting,
       rtrim(rtrim(CAST(dose // 1000000000 AS TEXT) || '.' || lpad(CAST(dose % 1000000000 AS TEXT), 9, '0'), '0'), '.')
           AS dose_mg,
       'mg' AS dose_unit, start_text AS start_on, end_text AS end_on, end_reason, source
FROM sums ORDER BY place, source;

CREATE OR REPLACE TEMP TABLE raw_events AS
WITH days AS (
    SELECT person_id, drug, row_source, unnest(generate_series(start_on, coalesce(end_on, start_on), INTERVAL 1 DAY)) AS day
    FROM supplied WHERE is_event
), numbered AS (
    SELECT *, row_number() OVER (PARTITION BY row_source ORDER BY day, drug) AS part,
           count(*) OVER (PARTITION BY row_source) AS parts
    FROM days
)
SELECT person_id AS patient_id, 'gcsf' AS kind, drug AS value, CAST(CAST(day AS DATE) AS TEXT) AS occurred_at,
       row_source || CASE WHEN parts > 1 THEN ' part ' || part ELSE '' END AS source
FROM numbered ORDER BY place_of(row_source), part;

DROP TABLE supplied; DROP TABLE ingredients;
