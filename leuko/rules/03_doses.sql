-- Step 3. Every exposure that started by the day asked, under the protocol its setting names. An empty setting takes the
-- drug's default: the one whose requirements the patient meets, else the one that requires nothing. Days after the day
-- asked are not read. protocol is null where no protocol fits: such rows are listed, never skipped.
WITH typed AS (
    SELECT
        CAST(patient_id AS TEXT) AS patient_id, lower(trim(drug)) AS drug,
        nullif(trim(CAST(setting AS TEXT)), '') AS setting, CAST(dose_mg AS DOUBLE) AS dose_mg,
        coalesce(CAST(dose_unit AS TEXT), 'mg') AS dose_unit,
        CAST(start_on AS DATE) AS start_on, CAST(end_on AS DATE) AS end_on,
        CAST(end_reason AS TEXT) AS end_reason, CAST(source AS TEXT) AS source
    FROM exposures
),

defaults AS (
    SELECT protocols.drug, protocols.protocol
    FROM protocols
    LEFT JOIN requirements ON requirements.protocol = protocols.protocol
    WHERE protocols.is_default AND requirements.protocol IS NULL
),

special_defaults AS (
    SELECT suited.patient_id, protocols.drug, protocols.protocol
    FROM suited
    JOIN protocols ON protocols.protocol = suited.protocol
    WHERE protocols.is_default
)

SELECT
    typed.patient_id, typed.source, typed.drug, typed.setting,
    CASE WHEN typed.setting IS NULL THEN coalesce(special_defaults.protocol, defaults.protocol) ELSE named.protocol END
        AS protocol,
    typed.dose_mg, typed.dose_unit, typed.start_on, typed.end_on, typed.end_reason,
    least(coalesce(typed.end_on, $as_of), $as_of) AS last_on,
    coalesce(lower(trim(typed.end_reason)) = 'discontinued' AND typed.end_on <= $as_of, false) AS discontinued,
    coalesce(lower(trim(typed.end_reason)) = 'planned' AND typed.dose_mg = 0, false) AS planned
FROM typed
LEFT JOIN protocols AS named
    ON named.drug = typed.drug AND lower(typed.setting) IN (lower(named.setting), lower(named.protocol))
LEFT JOIN defaults ON defaults.drug = typed.drug
LEFT JOIN special_defaults
    ON special_defaults.patient_id = typed.patient_id AND special_defaults.drug = typed.drug
WHERE typed.start_on <= $as_of
