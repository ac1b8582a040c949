-- Results of patients whose birth or death is known: those collected before the one or after the day of the other.
SELECT
    labs.patient_id, labs.source, CAST(labs.collected_at AS DATE) AS day,
    analyte_words(labs.analyte) || ' ' || raw_words(labs.raw_value, labs.raw_unit)
        || CASE WHEN CAST(labs.collected_at AS DATE) < patients.birth_date
            THEN ', born on ' || day_words(patients.birth_date)
            ELSE ', died on ' || day_words(patients.died_on) END AS words,
    coalesce(CAST(labs.collected_at AS DATE) < patients.birth_date, false)
        OR coalesce(CAST(labs.collected_at AS DATE) > patients.died_on, false) AS failed
FROM labs
JOIN patients ON patients.patient_id = labs.patient_id
WHERE NOT labs.derived AND NOT is_withdrawn(labs.status)
    AND (patients.birth_date IS NOT NULL OR patients.died_on IS NOT NULL)
