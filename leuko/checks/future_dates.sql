-- Every record that has a date: those dated after the day of the file. The planned end of a dose may lie ahead.
WITH dated AS (
    SELECT
        patient_id, source, CAST(greatest(collected_at, reported_at) AS DATE) AS day,
        CASE WHEN reported_at > collected_at THEN ' reported' ELSE ' collected' END AS what, analyte AS named
    FROM labs
    WHERE NOT derived
    UNION ALL SELECT patient_id, source, start_on, ' from', drug FROM exposures
    UNION ALL SELECT patient_id, source, CAST(occurred_at AS DATE), '', kind FROM events
    UNION ALL
    SELECT patient_id, source, greatest(birth_date, died_on, left_on), ' left, died or was born', 'Patient'
    FROM patients
)

SELECT
    patient_id, source, day, analyte_words(named) || what || ' on ' || day_words(day) AS words, day > $as_of AS failed
FROM dated
WHERE day IS NOT NULL
