-- The lowest ANC of each of the last twelve days with one, oldest first.
WITH days AS (
    SELECT patient_id, drawn_on, min(value) AS anc
    FROM results_used
    WHERE used AND analyte = 'anc'
    GROUP BY patient_id, drawn_on
    QUALIFY row_number() OVER (PARTITION BY patient_id ORDER BY drawn_on DESC) <= 12
)

SELECT patient_id, list(anc ORDER BY drawn_on) AS recent_anc
FROM days
GROUP BY patient_id
