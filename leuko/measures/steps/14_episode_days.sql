-- When each onset and each recovery was known: the first report of a low count of the onset day, and the day by which
-- every analyte that kept the episode open had been reported back. Nobody is late before a result is in.
WITH edges AS (
    SELECT course, episode, patient_id, protocol, onset_on AS day, true AS is_onset FROM episodes
    UNION ALL
    SELECT course, episode, patient_id, protocol, recovered_on, false FROM episodes WHERE recovered_on IS NOT NULL
),

-- Read in one pass over the results, voided ones too: what was reported was known.
reports AS (
    SELECT
        edges.course, edges.episode, edges.is_onset, thresholds.analyte, min(CAST(results.reported_at AS DATE)) AS known_on
    FROM edges
    JOIN thresholds ON thresholds.protocol = edges.protocol
    JOIN results
        ON results.patient_id = edges.patient_id AND results.analyte = thresholds.analyte AND results.usable
        AND CAST(results.collected_at AS DATE) = edges.day
    WHERE CASE
        WHEN edges.is_onset THEN meets(results.value, results.comparator, thresholds.hold_operator, thresholds.hold)
        ELSE meets(results.value, results.comparator, thresholds.resume_operator, thresholds.resume)
    END
    GROUP BY edges.course, edges.episode, edges.is_onset, thresholds.analyte
),

low_reports AS (
    SELECT course, episode, min(known_on) AS onset_known_on FROM reports WHERE is_onset GROUP BY course, episode
),

before AS (
    SELECT
        course, drawn_on,
        lag(anc_short_carried) OVER timeline AS anc_short, lag(platelets_short_carried) OVER timeline AS platelets_short
    FROM states
    WINDOW timeline AS (PARTITION BY course ORDER BY drawn_on)
),

first_counts AS (
    SELECT course, analyte, min(drawn_on) AS first_on
    FROM counts
    WHERE course IN (SELECT course FROM episodes)
    GROUP BY course, analyte
),

backs AS (
    SELECT episodes.course, episodes.episode, max(reports.known_on) AS recovery_known_on
    FROM episodes
    JOIN reports ON reports.course = episodes.course AND reports.episode = episodes.episode AND NOT reports.is_onset
    JOIN before ON before.course = episodes.course AND before.drawn_on = episodes.recovered_on
    JOIN first_counts ON first_counts.course = episodes.course AND first_counts.analyte = reports.analyte
    WHERE CASE reports.analyte WHEN 'anc' THEN before.anc_short ELSE before.platelets_short END
        OR first_counts.first_on = episodes.recovered_on
    GROUP BY episodes.course, episodes.episode
)

SELECT
    episodes.course, episodes.episode, episodes.patient_id, episodes.drug, episodes.protocol, episodes.onset_on,
    episodes.recovered_on, coalesce(low_reports.onset_known_on, episodes.onset_on) AS onset_known_on,
    coalesce(backs.recovery_known_on, episodes.recovered_on) AS recovery_known_on
FROM episodes
LEFT JOIN low_reports ON low_reports.course = episodes.course AND low_reports.episode = episodes.episode
LEFT JOIN backs ON backs.course = episodes.course AND backs.episode = episodes.episode
