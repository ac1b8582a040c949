-- What was given: administrations of one patient, drug and day add up. One that lasts over midnight is of the day on
-- which it began; longer than a day, its dose a day is not told.

CREATE OR REPLACE TEMP TABLE fhir_given AS
WITH said AS (
    SELECT place, source, text, patient_id, drug, json_extract_string(text, [
               '$.status', '$.effectiveDateTime', '$.effectivePeriod.start', '$.effectivePeriod.end',
               '$.dosage.dose.value', '$.dosage.dose.comparator', '$.dosage.dose.code', '$.dosage.dose.unit']) AS said
    FROM fhir_uses JOIN fhir_drugs USING (medicine) WHERE type = 'MedicationAdministration'
), read AS (
    SELECT said.*, coalesce(said[2], said[3]) AS starts, said[4] AS ends,
           coalesce(by_code.factor, by_print.factor) AS factor,
           TRY_CAST(said[5] AS DOUBLE) AS amount
    FROM said
    LEFT JOIN dose_units AS by_code ON by_code.spelling = said[7]
    LEFT JOIN dose_units AS by_print ON by_print.spelling = said[8]
)
SELECT place, source, text, patient_id, drug, day_of(starts) AS given_on, in_mg(amount * factor) AS dose,
       CASE WHEN said[1] IS DISTINCT FROM 'completed' AND said[1] IS DISTINCT FROM 'in-progress'
                THEN 'status ' || coalesce(said[1], 'missing')
            WHEN moment_of(ends) < moment_of(starts) THEN 'ends before it starts'
            WHEN starts IS NULL THEN 'no period'
            WHEN day_of(starts) IS NULL OR (ends IS NOT NULL AND day_of(ends) IS NULL) THEN 'no date'
            WHEN moment_of(ends) > moment_of(starts) + INTERVAL 1 DAY THEN 'longer than a day'
            WHEN said[5] IS NULL THEN 'no dose'
            WHEN said[6] IS NOT NULL THEN 'dose not clear'
            WHEN factor IS NULL THEN 'dose not in mg'
            WHEN in_mg(amount * factor) IS NULL THEN 'not a number'
            WHEN amount < 0 THEN 'negative' END AS reason
FROM read;

INSERT INTO malformed SELECT 'exposures', source, text, reason FROM fhir_given WHERE reason IS NOT NULL;
