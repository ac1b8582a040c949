-- What the reader's sites and filters leave of the list; a patient without a site is seen only with all sites.
SELECT *
FROM listed
WHERE ($sites IS NULL OR list_contains($sites, site))
    AND ($site IS NULL OR list_contains($site, coalesce(site, '')))
    AND ($clinician IS NULL OR list_contains($clinician, coalesce(clinician, '')))
    AND ($drug IS NULL OR list_contains($drug, coalesce(drug, '')))
    AND ($diagnosis IS NULL OR list_contains($diagnosis, coalesce(diagnosis, '')))
    AND ($status IS NULL OR list_contains($status, status))
    AND (
        $search = ''
        OR contains(lower(patient_id), lower($search))
        OR contains(lower(coalesce(name, '')), lower($search))
    )
