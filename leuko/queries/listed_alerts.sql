-- What is urgent beside a status, with the patient. `place` counts from the most urgent: what nobody answered first.
SELECT
    row_number() OVER (
        ORDER BY
            alerts.urgency, alerts.answered, NOT alerts.grave, alerts.since, alerts.patient_id, alerts.drug, alerts.kind
    ) AS place,
    patients.name, patients.site, patients.clinician, alerts.*
FROM alerts
LEFT JOIN patients ON patients.patient_id = alerts.patient_id
ORDER BY place
