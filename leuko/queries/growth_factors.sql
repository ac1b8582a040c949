-- Growth factor doses by the day asked: the events recorded as such, and each day of a dose above 0 of one of the drugs
-- in `$growth_factors` (leuko/growth_factors.csv). A dose without an end goes on.
SELECT patient_id, CAST(occurred_at AS DATE) AS given_on, coalesce(value, 'G-CSF') AS words
FROM events
WHERE kind = 'gcsf' AND occurred_at < $after
UNION ALL
SELECT
    patient_id, CAST(unnest(generate_series(start_on, last_on, INTERVAL 1 DAY)) AS DATE) AS given_on,
    drug || ' ' || dose_words(dose_mg, dose_unit) AS words
FROM doses
WHERE list_contains($growth_factors, drug) AND dose_mg > 0
