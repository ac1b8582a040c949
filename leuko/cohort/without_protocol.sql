-- How many patients had doses that no protocol fits and have no chosen course: they are in no figure.
WITH firsts AS (
    SELECT patient_id, drug, min(start_on) AS start_on
    FROM doses
    WHERE protocol IS NULL AND dose_mg > 0
    GROUP BY patient_id, drug
)

SELECT count(DISTINCT firsts.patient_id) AS patients
FROM firsts
LEFT JOIN patients ON patients.patient_id = firsts.patient_id
WHERE firsts.patient_id NOT IN (SELECT patient_id FROM chosen)
    AND $dose IS NULL
    AND ($sites IS NULL OR list_contains($sites, patients.site))
    AND ($site IS NULL OR list_contains($site, coalesce(patients.site, '')))
    AND ($clinician IS NULL OR list_contains($clinician, coalesce(patients.clinician, '')))
    AND ($drug IS NULL OR list_contains($drug, firsts.drug))
    AND ($diagnosis IS NULL OR list_contains($diagnosis, coalesce(patients.diagnosis, '')))
    AND ($start IS NULL OR firsts.start_on >= $start)
    AND ($end IS NULL OR firsts.start_on <= $end)
