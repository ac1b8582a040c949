-- Step 2. Every exposure that started by the day asked, under the protocol its setting names.
-- An empty setting takes the drug's default protocol. Days after the day asked are not read.
-- protocol is null where no protocol fits: such rows are listed, never skipped.
SELECT
    exposures.patient_id,
    exposures.source,
    coalesce(protocols.drug, exposures.drug) AS drug,
    exposures.setting,
    protocols.protocol,
    exposures.dose_mg,
    coalesce(exposures.dose_unit, 'mg') AS dose_unit,
    exposures.start_on,
    least(coalesce(exposures.end_on, $as_of), $as_of) AS last_on,
    exposures.end_on,
    exposures.end_reason,
    coalesce(lower(trim(exposures.end_reason)) = 'discontinued' AND exposures.end_on <= $as_of, false) AS discontinued
FROM exposures
LEFT JOIN protocols
    ON protocols.drug = lower(trim(exposures.drug))
    AND CASE
        WHEN coalesce(trim(exposures.setting), '') = '' THEN protocols.is_default
        ELSE lower(trim(exposures.setting)) IN (lower(protocols.setting), lower(protocols.protocol))
    END
WHERE exposures.start_on <= $as_of
