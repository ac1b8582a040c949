-- Courses of another status or dose than before; without a status on one side, not on the list of that side.
SELECT
    coalesce(now.patient_id, before.patient_id) AS patient_id, coalesce(now.drug, before.drug) AS drug,
    coalesce(now.protocol, before.protocol) AS protocol, before.status AS status_before, now.status,
    before.dose_mg AS dose_before_mg, now.dose_mg, coalesce(now.dose_unit, before.dose_unit) AS dose_unit, now.since,
    now.why
FROM worklist_now AS now
FULL JOIN worklist_before AS before
    ON before.patient_id = now.patient_id AND before.drug IS NOT DISTINCT FROM now.drug
    AND before.protocol IS NOT DISTINCT FROM now.protocol
WHERE now.status IS DISTINCT FROM before.status OR now.dose_mg IS DISTINCT FROM before.dose_mg
