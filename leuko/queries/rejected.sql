-- Rows that were set aside when the file was read, and exposures that no protocol fits, each with what it is counted as.
SELECT
    aside.kind, aside.source, aside.reason, aside.patient_id, aside.raw_record, aside.unmatched,
    regexp_replace(aside.reason, ' (of|stands in) .* (row|line) \d+( part \d+)?$', '') AS counted_as
FROM (
    SELECT kind, source, reason, patient_id, raw_record, false AS unmatched FROM rejected
    UNION ALL
    SELECT kind, source, reason, patient_id, raw_record, true FROM unmatched
) AS aside
LEFT JOIN patients ON patients.patient_id = aside.patient_id
WHERE $sites IS NULL OR list_contains($sites, patients.site)
