-- Step 18. The dose on the days that a decision counts from, the onsets and the draws that decide: the highest of that
-- day, or, where none was given, of the last day before with one.
WITH days AS (
    SELECT course, drawn_on AS day FROM states WHERE onset
    UNION
    SELECT course, decided_on AS day FROM at_draws
)

SELECT days.course, days.day, doses.dose_mg
FROM days
JOIN courses ON courses.course = days.course
JOIN doses
    ON doses.patient_id = courses.patient_id AND doses.drug = courses.drug AND doses.protocol = courses.protocol
    AND doses.dose_mg > 0 AND doses.start_on <= days.day
QUALIFY row_number() OVER (
    PARTITION BY days.course, days.day ORDER BY least(doses.last_on, days.day) DESC, doses.dose_mg DESC
) = 1
