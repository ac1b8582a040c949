-- Step 16. Recorded causes of low counts that decide something, by the day asked. Other causes decide and hide nothing.
SELECT DISTINCT CAST(events.patient_id AS TEXT) AS patient_id, CAST(events.occurred_at AS DATE) AS cause_on, known.cause
FROM events
JOIN (VALUES ('disease', 'disease'), ('malignancy', 'disease'), ('treatment', 'treatment'), ('drug', 'treatment'))
    AS known (word, cause) ON known.word = lower(trim(CAST(events.value AS TEXT)))
WHERE CAST(events.kind AS TEXT) = 'cytopenia_cause' AND CAST(events.occurred_at AS DATE) <= $as_of
