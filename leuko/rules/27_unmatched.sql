-- Step 27. Exposures that no protocol fits, with the reason: listed, never skipped.
SELECT
    'exposures' AS kind, coalesce(doses.source, 'exposures') AS source, doses.patient_id,
    to_json({
        'patient_id': doses.patient_id, 'drug': doses.drug, 'setting': doses.setting,
        'dose_mg': doses.dose_mg, 'start_on': doses.start_on
    }) AS raw_record,
    CASE
        WHEN NOT EXISTS (SELECT 1 FROM protocols WHERE protocols.drug = doses.drug)
            THEN 'no protocol for ' || doses.drug
        WHEN doses.setting IS NULL AND EXISTS (
            SELECT 1 FROM protocols WHERE protocols.drug = doses.drug AND protocols.is_default
        ) THEN 'no default protocol for ' || doses.drug || ' fits what is recorded: name the setting'
        WHEN doses.setting IS NULL THEN 'no default protocol for ' || doses.drug || ': name the setting'
        ELSE 'no protocol of ' || doses.drug || ' has the setting "' || doses.setting || '"'
    END AS reason
FROM doses
WHERE doses.protocol IS NULL
