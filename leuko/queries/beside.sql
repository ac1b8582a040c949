-- Where a patient stands among those in `kept`, each at the place of the first of his courses, and who is before and after
-- him; before and after one who is not listed are nobody and the first.
WITH firsts AS (
    SELECT patient_id, place FROM kept WHERE alone
    UNION ALL
    SELECT patient_id, min(place) FROM kept WHERE NOT alone GROUP BY patient_id
),

own AS (
    SELECT max(place) FILTER (WHERE patient_id = $patient) AS place FROM firsts
)

SELECT
    CASE WHEN any_value(own.place) IS NOT NULL THEN count(*) FILTER (WHERE firsts.place <= own.place) END AS place,
    count(*) AS patients,
    max_by(firsts.patient_id, firsts.place) FILTER (WHERE firsts.place < own.place) AS before,
    min_by(firsts.patient_id, firsts.place) FILTER (WHERE own.place IS NULL OR firsts.place > own.place) AS after
FROM firsts
CROSS JOIN own
