-- Step 4. Courses: one patient's time on one drug under one protocol, from the first day with a dose above 0.
-- over_on: the day it was discontinued for good, or the patient died or left. read_to: the last day it reads. A planned
-- off-day has the dose of the last day before it that was not planned (0 where none was given that day). schedule_from: the first day of its count schedule.
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

planned_rows AS (
    SELECT
        patient_id, drug, protocol, start_on, last_on,
        coalesce(start_on > 1 + max(last_on) OVER (
            PARTITION BY patient_id, drug, protocol ORDER BY start_on ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ), true) AS first_of_run
    FROM doses
    WHERE planned
),

planned_runs AS (
    SELECT *, count(CASE WHEN first_of_run THEN 1 END) OVER (
        PARTITION BY patient_id, drug, protocol ORDER BY start_on ROWS UNBOUNDED PRECEDING
    ) AS run
    FROM planned_rows
),

pauses AS (
    SELECT patient_id, drug, protocol, min(start_on) AS start_on
    FROM planned_runs
    GROUP BY patient_id, drug, protocol, run
    HAVING max(last_on) = $as_of
),

given AS (
    SELECT
        doses.patient_id, doses.drug, doses.protocol, doses.start_on, protocols.schedule_restarts_after_days,
        max(doses.last_on) OVER (
            PARTITION BY doses.patient_id, doses.drug, doses.protocol ORDER BY doses.start_on
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS given_until
    FROM doses
    JOIN protocols ON protocols.protocol = doses.protocol
    WHERE doses.dose_mg > 0 AND protocols.schedule_restarts_after_days IS NOT NULL
),

restarts AS (
    SELECT patient_id, drug, protocol, max(start_on) AS schedule_from
    FROM given
    WHERE date_diff('day', given_until, start_on) > schedule_restarts_after_days
    GROUP BY patient_id, drug, protocol
),

course_doses AS (
    SELECT
        taken.patient_id, taken.drug, taken.protocol, taken.start_on, gone.gone_on, taken.last_dose_on,
        max(doses.dose_mg) FILTER (WHERE doses.start_on = taken.start_on) AS first_dose_mg,
        coalesce(max(doses.dose_mg) FILTER (WHERE doses.last_on = $as_of), 0) AS dose_now_mg,
        CASE WHEN min(doses.dose_unit) = max(doses.dose_unit) THEN min(doses.dose_unit) ELSE 'mixed units' END
            AS dose_unit,
        min(doses.end_on) FILTER (WHERE doses.discontinued AND doses.end_on >= taken.doses_end_on) AS discontinued_on,
        max(doses.dose_mg) FILTER (WHERE doses.last_on = taken.last_dose_on) AS last_dose_mg,
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
    CAST(row_number() OVER (ORDER BY course_doses.patient_id, course_doses.drug, course_doses.protocol) AS INTEGER) AS course,
    course_doses.patient_id, course_doses.drug, course_doses.protocol, course_doses.start_on,
    course_doses.first_dose_mg,
    CASE WHEN course_doses.dose_now_mg = 0 AND course_doses.last_dose_on >= pauses.start_on - 1
        THEN course_doses.last_dose_mg ELSE course_doses.dose_now_mg END AS dose_now_mg,
    course_doses.dose_unit, course_doses.last_dose_on, course_doses.last_dose_in_course_on,
    coalesce(restarts.schedule_from, course_doses.start_on) AS schedule_from,
    course_doses.discontinued_on, course_doses.gone_on,
    least(course_doses.discontinued_on, course_doses.gone_on) AS over_on,
    coalesce(least(course_doses.discontinued_on, course_doses.gone_on), $as_of) AS read_to
FROM course_doses
LEFT JOIN pauses
    ON pauses.patient_id = course_doses.patient_id AND pauses.drug = course_doses.drug
    AND pauses.protocol = course_doses.protocol
LEFT JOIN restarts
    ON restarts.patient_id = course_doses.patient_id AND restarts.drug = course_doses.drug
    AND restarts.protocol = course_doses.protocol
