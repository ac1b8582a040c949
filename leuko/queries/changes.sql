-- The courses that changed, with the words of both statuses.
SELECT
    changed.patient_id, patients.name, patients.site, patients.clinician, patients.diagnosis, changed.drug,
    changed.protocol, changed.status_before, before.word AS word_before, changed.status, now.word, now.tone, now.icon,
    now.urgency, changed.dose_before_mg, changed.dose_mg, changed.dose_unit, changed.since, changed.counts, changed.why,
    lower(changed.patient_id || chr(31) || coalesce(patients.name, '')) AS sought
FROM changed
LEFT JOIN statuses AS before ON before.status = changed.status_before
LEFT JOIN statuses AS now ON now.status = changed.status
LEFT JOIN patients ON patients.patient_id = changed.patient_id
