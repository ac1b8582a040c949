-- What the reader's sites and filters leave of the list; a patient without a site is seen only with all sites.
SELECT * EXCLUDE (sought)
FROM listed
WHERE ($sites IS NULL OR list_contains($sites, site))
    AND ($site IS NULL OR list_contains($site, coalesce(site, '')))
    AND ($clinician IS NULL OR list_contains($clinician, coalesce(clinician, '')))
    AND ($drug IS NULL OR list_contains($drug, coalesce(drug, '')))
    AND ($diagnosis IS NULL OR list_contains($diagnosis, coalesce(diagnosis, '')))
    AND ($status IS NULL OR list_contains($status, status))
    AND (
        $search = ''
        -- Who may not see names finds by the id alone: for him `sought` is missing. Nothing spans id and name.
        OR (contains(coalesce(sought, lower(patient_id)), lower($search)) AND NOT contains($search, chr(31)))
    )
