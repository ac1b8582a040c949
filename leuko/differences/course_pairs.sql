-- The same course under both sets of protocols: the courses that read its first doses. Null on the side on which no
-- protocol fits these doses. A course that one set makes of two stands beside both. Only the sites that may be seen.
WITH settings AS (
    SELECT DISTINCT
        old.patient_id, old.drug, coalesce(old.setting, '') AS setting,
        old.protocol AS protocol_before, new.protocol AS protocol_after
    FROM doses_before AS old
    JOIN doses AS new
        ON new.patient_id = old.patient_id AND new.drug = old.drug
        AND coalesce(new.setting, '') = coalesce(old.setting, '')
    LEFT JOIN patients ON CAST(patients.patient_id AS TEXT) = old.patient_id
    WHERE $sites IS NULL OR list_contains($sites, patients.site)
),

first_before AS (
    SELECT DISTINCT courses.course, courses.patient_id, courses.drug, courses.protocol, coalesce(doses.setting, '') AS setting
    FROM courses_before AS courses
    JOIN doses_before AS doses
        ON doses.patient_id = courses.patient_id AND doses.drug = courses.drug AND doses.protocol = courses.protocol
        AND doses.start_on = courses.start_on AND doses.dose_mg > 0
),

first_after AS (
    SELECT DISTINCT courses.course, courses.patient_id, courses.drug, courses.protocol, coalesce(doses.setting, '') AS setting
    FROM courses
    JOIN doses
        ON doses.patient_id = courses.patient_id AND doses.drug = courses.drug AND doses.protocol = courses.protocol
        AND doses.start_on = courses.start_on AND doses.dose_mg > 0
),

paired AS (
    SELECT first_before.course AS course_before, courses.course AS course_after, settings.setting
    FROM first_before
    JOIN settings
        ON settings.patient_id = first_before.patient_id AND settings.drug = first_before.drug
        AND settings.setting = first_before.setting AND settings.protocol_before = first_before.protocol
    LEFT JOIN courses
        ON courses.patient_id = settings.patient_id AND courses.drug = settings.drug
        AND courses.protocol = settings.protocol_after
    UNION ALL
    SELECT courses.course, first_after.course, settings.setting
    FROM first_after
    JOIN settings
        ON settings.patient_id = first_after.patient_id AND settings.drug = first_after.drug
        AND settings.setting = first_after.setting AND settings.protocol_after = first_after.protocol
    LEFT JOIN courses_before AS courses
        ON courses.patient_id = settings.patient_id AND courses.drug = settings.drug
        AND courses.protocol = settings.protocol_before
)

SELECT
    coalesce(old.patient_id, new.patient_id) AS patient_id, coalesce(old.drug, new.drug) AS drug,
    paired.course_before, paired.course_after, old.protocol AS protocol_before, new.protocol AS protocol_after,
    coalesce(old.dose_unit, new.dose_unit) AS dose_unit, coalesce(old.start_on, new.start_on) AS start_on,
    min(paired.setting) AS setting
FROM paired
LEFT JOIN courses_before AS old ON old.course = paired.course_before
LEFT JOIN courses AS new ON new.course = paired.course_after
GROUP BY ALL
