-- Step 2. Every exposure that started by the day asked, under the protocol its setting names.
-- An empty setting takes the drug's default protocol. Days after the day asked are not read.
-- protocol is null where no protocol fits: such rows are listed, never skipped.
WITH typed AS (
    SELECT
        CAST(patient_id AS TEXT) AS patient_id, lower(trim(drug)) AS drug_named,
        nullif(trim(CAST(setting AS TEXT)), '') AS setting, CAST(dose_mg AS DOUBLE) AS dose_mg,
        coalesce(CAST(dose_unit AS TEXT), 'mg') AS dose_unit,
        CAST(start_on AS DATE) AS start_on, CAST(end_on AS DATE) AS end_on,
        CAST(end_reason AS TEXT) AS end_reason, CAST(source AS TEXT) AS source
    FROM exposures
)

SELECT
    typed.patient_id, typed.source, typed.drug_named AS drug, typed.setting, protocols.protocol,
    typed.dose_mg, typed.dose_unit, typed.start_on, typed.end_on, typed.end_reason,
    least(coalesce(typed.end_on, $as_of), $as_of) AS last_on,
    coalesce(lower(trim(typed.end_reason)) = 'discontinued' AND typed.end_on <= $as_of, false) AS discontinued
FROM typed
LEFT JOIN protocols
    ON protocols.drug = typed.drug_named
    AND CASE
        WHEN typed.setting IS NULL THEN protocols.is_default
        ELSE lower(typed.setting) IN (lower(protocols.setting), lower(protocols.protocol))
    END
WHERE typed.start_on <= $as_of
