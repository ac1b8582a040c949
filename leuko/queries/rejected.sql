-- Rows that were set aside when the file was read, and exposures that no protocol fits.
SELECT set_aside.kind, set_aside.source, set_aside.reason, set_aside.patient_id, set_aside.raw_record
FROM (
    SELECT kind, source, reason, patient_id, raw_record FROM rejected
    UNION ALL
    SELECT kind, source, reason, patient_id, raw_record FROM unmatched
) AS set_aside
LEFT JOIN patients ON patients.patient_id = set_aside.patient_id
WHERE $sites IS NULL OR list_contains($sites, patients.site)
