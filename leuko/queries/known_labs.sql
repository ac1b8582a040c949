-- The results of these patients that were known on the day asked.
SELECT *
FROM labs
WHERE patient_id IN (SELECT unnest($patients)) AND collected_at < $after AND reported_at < $after
