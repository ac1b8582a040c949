-- When each onset and each recovery was known: the first report of a low count of the onset day, and the day by which
-- every analyte that kept the episode open had been reported back. Nobody is late before a result is in.
WITH low_reports AS (
    SELECT episodes.course, episodes.episode, min(CAST(results.reported_at AS DATE)) AS onset_known_on
    FROM episodes
    JOIN thresholds ON thresholds.protocol = episodes.protocol
    JOIN results
        ON results.patient_id = episodes.patient_id AND results.analyte = thresholds.analyte AND results.usable
        AND CAST(results.collected_at AS DATE) = episodes.onset_on
    WHERE meets(results.value, results.comparator, thresholds.hold_operator, thresholds.hold)
    GROUP BY episodes.course, episodes.episode
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

back_reports AS (
    SELECT
        episodes.course, episodes.episode, thresholds.analyte, min(CAST(results.reported_at AS DATE)) AS back_on
    FROM episodes
    JOIN thresholds ON thresholds.protocol = episodes.protocol
    JOIN before ON before.course = episodes.course AND before.drawn_on = episodes.recovered_on
    JOIN first_counts ON first_counts.course = episodes.course AND first_counts.analyte = thresholds.analyte
    JOIN results
        ON results.patient_id = episodes.patient_id AND results.analyte = thresholds.analyte AND results.usable
        AND CAST(results.collected_at AS DATE) = episodes.recovered_on
    WHERE meets(results.value, results.comparator, thresholds.resume_operator, thresholds.resume)
        AND (
            CASE thresholds.analyte WHEN 'anc' THEN before.anc_short ELSE before.platelets_short END
            OR first_counts.first_on = episodes.recovered_on
        )
    GROUP BY episodes.course, episodes.episode, thresholds.analyte
),

backs AS (
    SELECT course, episode, max(back_on) AS recovery_known_on FROM back_reports GROUP BY course, episode
)

SELECT
    episodes.course, episodes.episode, episodes.patient_id, episodes.drug, episodes.protocol, episodes.onset_on,
    episodes.recovered_on, coalesce(low_reports.onset_known_on, episodes.onset_on) AS onset_known_on,
    coalesce(backs.recovery_known_on, episodes.recovered_on) AS recovery_known_on
FROM episodes
LEFT JOIN low_reports ON low_reports.course = episodes.course AND low_reports.episode = episodes.episode
LEFT JOIN backs ON backs.course = episodes.course AND backs.episode = episodes.episode
