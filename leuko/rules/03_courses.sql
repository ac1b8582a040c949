-- Step 3. Courses: one patient's time on one drug under one protocol, from the first day with a dose above 0.
-- over_on: the day it was discontinued for good, or the patient died or left. read_to: the last day it reads.
WITH taken AS (
    SELECT
        patient_id, drug, protocol,
        min(start_on) FILTER (WHERE dose_mg > 0) AS start_on,
        max(last_on) FILTER (WHERE dose_mg > 0) AS last_dose_on,
        max(coalesce(end_on, DATE '9999-12-31')) FILTER (WHERE dose_mg > 0) AS doses_end_on
    FROM doses
    WHERE protocol IS NOT NULL
    GROUP BY patient_id, drug, protocol
    HAVING max(dose_mg) > 0
),

gone AS (
    SELECT CAST(patient_id AS TEXT) AS patient_id, least(CAST(died_on AS DATE), CAST(left_on AS DATE)) AS gone_on
    FROM patients
    WHERE least(CAST(died_on AS DATE), CAST(left_on AS DATE)) <= $as_of
),

course_doses AS (
    SELECT
        taken.patient_id, taken.drug, taken.protocol, taken.start_on, gone.gone_on, taken.last_dose_on,
        max(doses.dose_mg) FILTER (WHERE doses.start_on = taken.start_on) AS first_dose_mg,
        coalesce(max(doses.dose_mg) FILTER (WHERE doses.last_on = $as_of), 0) AS dose_now_mg,
        CASE WHEN min(doses.dose_unit) = max(doses.dose_unit) THEN min(doses.dose_unit) ELSE 'mixed units' END
            AS dose_unit,
        min(doses.end_on) FILTER (WHERE doses.discontinued AND doses.end_on >= taken.doses_end_on) AS discontinued_on,
        max(least(doses.last_on, gone.gone_on)) FILTER (
            WHERE doses.dose_mg > 0 AND (gone.gone_on IS NULL OR doses.start_on <= gone.gone_on)
        ) AS last_dose_in_course_on
    FROM taken
    JOIN doses
        ON doses.patient_id = taken.patient_id AND doses.drug = taken.drug AND doses.protocol = taken.protocol
    LEFT JOIN gone ON gone.patient_id = taken.patient_id
    GROUP BY ALL
)

SELECT
    CAST(row_number() OVER (ORDER BY patient_id, drug, protocol) AS INTEGER) AS course,
    patient_id, drug, protocol, start_on, first_dose_mg, dose_now_mg, dose_unit, last_dose_on, last_dose_in_course_on,
    least(discontinued_on, gone_on) AS over_on,
    coalesce(least(discontinued_on, gone_on), $as_of) AS read_to
FROM course_doses
