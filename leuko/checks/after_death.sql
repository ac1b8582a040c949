-- Results of patients whose day of death is known: those collected on a later day.
SELECT
    labs.patient_id, labs.source, CAST(labs.collected_at AS DATE) AS day,
    analyte_words(labs.analyte) || ' ' || raw_words(labs.raw_value, labs.raw_unit) || ', died on '
        || day_words(patients.died_on) AS words,
    CAST(labs.collected_at AS DATE) > patients.died_on AS failed
FROM labs
JOIN patients ON patients.patient_id = labs.patient_id
WHERE NOT labs.derived AND NOT is_withdrawn(labs.status) AND patients.died_on IS NOT NULL
