-- What is urgent beside a status, with the patient. `place` is a key that sorts from the most urgent on, what nobody
-- answered first.
SELECT
    create_sort_key(
        alerts.urgency, 'ASC NULLS LAST', alerts.answered, 'ASC NULLS LAST', NOT alerts.grave, 'ASC NULLS LAST',
        alerts.since, 'ASC NULLS LAST', alerts.patient_id, 'ASC NULLS LAST', alerts.drug, 'ASC NULLS LAST',
        alerts.kind, 'ASC NULLS LAST'
    ) AS place,
    patients.name, patients.site, patients.clinician, alerts.*
FROM alerts
LEFT JOIN patients ON patients.patient_id = alerts.patient_id
ORDER BY place
