-- The first alerts of each kind, of the patients in `kept`, and how many there are of that kind: alerts, patients, those
-- that nobody answered, and the grave ones.
WITH raised AS (
    FROM listed_alerts WHERE patient_id IN (SELECT patient_id FROM kept)
),

counted AS (
    SELECT
        kind, count(*) AS alerts, count(DISTINCT patient_id) AS patients,
        count(*) FILTER (WHERE NOT answered) AS unanswered, count(*) FILTER (WHERE grave) AS graves
    FROM raised
    GROUP BY kind
),

firsts AS (
    SELECT unnest(min(place, $most)) AS place FROM raised GROUP BY kind
)

SELECT listed_alerts.*, counted.* EXCLUDE (kind)
FROM listed_alerts
JOIN counted ON counted.kind = listed_alerts.kind
WHERE listed_alerts.place IN (SELECT place FROM firsts)
ORDER BY listed_alerts.place
