-- When each onset and each recovery was known: the first report that showed a low count of the onset day, and the last
-- report of the recovery day. Nobody is late before a result is in.
SELECT
    episodes.course, episodes.episode, episodes.patient_id, episodes.drug, episodes.protocol, episodes.onset_on,
    episodes.recovered_on,
    min(CASE WHEN counts.drawn_on = episodes.onset_on AND counts.low THEN CAST(counts.reported_at AS DATE) END) AS onset_known_on,
    max(CASE WHEN counts.drawn_on = episodes.recovered_on THEN CAST(counts.reported_at AS DATE) END) AS recovery_known_on
FROM episodes
JOIN counts
    ON counts.course = episodes.course
    AND (counts.drawn_on = episodes.onset_on OR counts.drawn_on = episodes.recovered_on)
GROUP BY ALL
