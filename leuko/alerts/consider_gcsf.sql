-- An episode that is open for long, or the third or a later one, while ANC is still short of what resuming needs.
WITH long_open AS (
    SELECT
        standing.patient_id, standing.drug, episodes.episode, episodes.onset_on, episodes.cause,
        date_diff('day', episodes.onset_on, $as_of) AS days_open
    FROM standing
    JOIN episodes ON episodes.course = standing.course AND episodes.recovered_on IS NULL
    WHERE standing.episode_open AND standing.over_on IS NULL AND standing.anc_short
        AND (date_diff('day', episodes.onset_on, $as_of) > $gcsf_after_days OR episodes.episode >= $gcsf_from_episode)
),

last_doses AS (
    SELECT growth_factors.patient_id, max(growth_factors.given_on) AS given_on
    FROM growth_factors
    GROUP BY growth_factors.patient_id
)

SELECT
    long_open.patient_id, long_open.drug, long_open.onset_on AS since,
    'Episode ' || long_open.episode || ' under ' || long_open.drug || ' is open since ' || day_words(long_open.onset_on)
    || ' (' || days_words(long_open.days_open) || '). '
    || CASE WHEN long_open.cause = 'disease' THEN 'The cause is recorded as the disease. ' ELSE '' END
    || coalesce(
        'The last G-CSF dose was on ' || day_words(last_doses.given_on)
        || coalesce(', ' || days_words(nullif(date_diff('day', last_doses.given_on, $as_of), 0)) || ' before', '') || '.',
        'No G-CSF dose is recorded.'
    )
    || coalesce(
        ' G-CSF ' || gcsf_sources.says || unverified_words(gcsf_sources.verified) || '.',
        ' No text that was read says anything of G-CSF with ' || long_open.drug || '.'
    ) AS why,
    false AS answered, false AS grave,
    alert_kinds.source || coalesce('. On G-CSF with ' || long_open.drug || ': ' || gcsf_sources.source, '') AS source,
    gcsf_sources.url
FROM long_open
JOIN alert_kinds ON alert_kinds.kind = 'consider_gcsf'
LEFT JOIN last_doses ON last_doses.patient_id = long_open.patient_id
LEFT JOIN gcsf_sources ON gcsf_sources.drug = long_open.drug
