-- Step 1. The courses that the reader chose: of the sites that may be seen, and begun within the period. A patient
-- without a site is seen only with all sites.
WITH known AS (
    SELECT
        courses.course, courses.patient_id, patients.name, patients.site, patients.clinician, patients.diagnosis,
        courses.drug, courses.protocol, courses.drug || ' ' || dose_words(courses.first_dose_mg, courses.dose_unit) AS dose,
        courses.first_dose_mg, courses.dose_unit, courses.start_on, courses.read_to, courses.over_on
    FROM courses
    LEFT JOIN patients ON patients.patient_id = courses.patient_id
)

SELECT *
FROM known
WHERE ($sites IS NULL OR list_contains($sites, site))
    AND ($site IS NULL OR list_contains($site, coalesce(site, '')))
    AND ($clinician IS NULL OR list_contains($clinician, coalesce(clinician, '')))
    AND ($drug IS NULL OR list_contains($drug, drug))
    AND ($dose IS NULL OR list_contains($dose, dose))
    AND ($diagnosis IS NULL OR list_contains($diagnosis, coalesce(diagnosis, '')))
    AND ($start IS NULL OR start_on >= $start)
    AND ($end IS NULL OR start_on <= $end)
