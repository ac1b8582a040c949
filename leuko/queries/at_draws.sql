-- What the patient's protocols decide at a draw: one row a line of `during_said`, and the days on which it decided.
WITH decided AS (
    SELECT protocol, during AS line, string_agg(day_words(decided_on), ', ' ORDER BY decided_on) AS days
    FROM recommendations
    WHERE patient_id = $patient AND during IS NOT NULL
    GROUP BY protocol, during
)

SELECT during_said.*, decided.days AS decided_on
FROM during_said
LEFT JOIN decided ON decided.protocol = during_said.protocol AND decided.line = during_said.line
WHERE during_said.protocol IN (SELECT protocol FROM worklist WHERE patient_id = $patient)
