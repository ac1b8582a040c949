-- What the reader's filters leave of the list.
SELECT *
FROM listed
WHERE ($site IS NULL OR list_contains($site, coalesce(site, '')))
    AND ($clinician IS NULL OR list_contains($clinician, coalesce(clinician, '')))
    AND ($drug IS NULL OR list_contains($drug, coalesce(drug, '')))
    AND ($diagnosis IS NULL OR list_contains($diagnosis, coalesce(diagnosis, '')))
    AND ($status IS NULL OR list_contains($status, status))
    AND (
        contains(lower(patient_id), lower($search))
        OR contains(lower(coalesce(name, '')), lower($search))
    )
