-- The worklist as a screen shows it: with the patient, the vocabulary of statuses and what to do in one sentence.
-- Only the sites that may be seen; a patient without a site is seen only with all sites.
SELECT
    worklist.patient_id, patients.name, patients.site, patients.clinician, worklist.drug, worklist.protocol,
    worklist.status, statuses.urgency, statuses.word, statuses.tone, statuses.icon,
    replace(
        replace(statuses.to_do, '{drug}', coalesce(worklist.drug, 'the drug')),
        '{dose}', coalesce(dose_words(worklist.dose_mg, worklist.dose_unit), 'the dose the table names')
    ) || ': ' || worklist.why AS to_do,
    worklist.why, worklist.dose_mg, worklist.dose_now_mg, worklist.dose_unit,
    worklist.last_anc, worklist.last_anc_comparator, worklist.last_anc_on,
    worklist.since, worklist.next_lab_due_on, worklist.certainty, worklist.course
FROM worklist
JOIN statuses ON statuses.status = worklist.status
LEFT JOIN patients ON patients.patient_id = worklist.patient_id
WHERE ($sites IS NULL OR list_contains($sites, patients.site))
