-- Doses: mg (or the unit the source states) per day, 0 = held; an empty end is an ongoing exposure.

CREATE OR REPLACE TEMP TABLE read_exposures AS
WITH written AS (
    SELECT source, given(patient_id) AS patient_id, lower(given(drug)) AS drug, given(setting) AS setting,
           given(dose_mg) AS dose,
           coalesce(given(dose_unit), (SELECT dose_unit FROM known_dose_unit)) AS dose_unit,
           CAST(wall_clock(start_on) AS DATE) AS start_on,
           given(end_on) IS NOT NULL AS end_given, CAST(wall_clock(end_on) AS DATE) AS end_on,
           lower(given(end_reason)) AS end_reason
    FROM raw_exposures
), converted AS (
    SELECT *, CASE WHEN is_number(dose) THEN TRY_CAST(dose AS DOUBLE) END AS dose_mg FROM written
)
SELECT *, CASE WHEN patient_id IS NULL THEN 'no patient'
               WHEN drug IS NULL THEN 'no drug'
               WHEN start_on IS NULL OR (end_given AND end_on IS NULL) THEN 'no date'
               WHEN dose IS NULL THEN 'no dose'
               WHEN dose_mg IS NULL OR isinf(dose_mg) THEN 'not a number'
               WHEN dose_mg < 0 THEN 'negative'
               WHEN end_on < start_on THEN 'ends before it starts' END AS reason
FROM converted;

CREATE OR REPLACE TABLE exposures AS
SELECT patient_id, drug, setting, dose_mg, dose_unit, start_on, end_on, end_reason, source
FROM read_exposures WHERE reason IS NULL;

INSERT INTO rejected
SELECT row.source, as_given(to_json(row)), refused.reason, refused.patient_id, 'exposures'
FROM raw_exposures AS row
JOIN read_exposures AS refused ON refused.source = row.source AND refused.reason IS NOT NULL;
DROP TABLE read_exposures;
