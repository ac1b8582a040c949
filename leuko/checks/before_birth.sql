-- Results of patients whose day of birth is known: those collected before it.
SELECT
    labs.patient_id, labs.source, CAST(labs.collected_at AS DATE) AS day,
    analyte_words(labs.analyte) || ' ' || raw_words(labs.raw_value, labs.raw_unit) || ', born on '
        || day_words(patients.birth_date) AS words,
    CAST(labs.collected_at AS DATE) < patients.birth_date AS failed
FROM labs
JOIN patients ON patients.patient_id = labs.patient_id
WHERE NOT labs.derived AND NOT is_withdrawn(labs.status) AND patients.birth_date IS NOT NULL
