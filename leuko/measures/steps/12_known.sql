-- What the protocol said on the day of each action, as far as was known by then: whether an episode was open, which
-- decision stood with its dose, and the last day with a count.
WITH prompt AS (
    SELECT actions.course, actions.day
    FROM actions
    LEFT JOIN seen_late ON seen_late.course = actions.course AND seen_late.day = actions.day
    WHERE seen_late.course IS NULL
),

last_episodes AS (
    SELECT
        prompt.course, prompt.day, episodes.episode, episodes.onset_on,
        CASE WHEN episodes.recovered_on <= prompt.day THEN episodes.recovered_on END AS recovered_on
    FROM prompt
    JOIN episodes ON episodes.course = prompt.course AND episodes.onset_on <= prompt.day
    QUALIFY row_number() OVER (PARTITION BY prompt.course, prompt.day ORDER BY episodes.episode DESC) = 1
),

last_said AS (
    SELECT
        last_episodes.course, last_episodes.day, recommendations.action, recommendations.dose_mg, recommendations.certainty
    FROM last_episodes
    JOIN recommendations
        ON recommendations.course = last_episodes.course AND recommendations.episode = last_episodes.episode
        AND recommendations.decided_on <= last_episodes.day
    QUALIFY row_number() OVER (
        PARTITION BY last_episodes.course, last_episodes.day
        ORDER BY recommendations.decided_on DESC, recommendations.place DESC
    ) = 1
),

counts_known AS (
    SELECT course, drawn_on, next_on FROM anc_days WHERE counted
    UNION ALL
    SELECT course, drawn_on, NULL FROM counts WHERE analyte = 'platelets' AND short IS NOT NULL
),

last_counts_known AS (
    SELECT prompt.course, prompt.day, max(counts_known.drawn_on) AS counted_on
    FROM prompt
    JOIN counts_known
        ON counts_known.course = prompt.course AND counts_known.drawn_on <= prompt.day
        AND (counts_known.next_on IS NULL OR counts_known.next_on > prompt.day)
    GROUP BY prompt.course, prompt.day
)

SELECT
    prompt.course, prompt.day, last_episodes.episode, last_episodes.onset_on, last_episodes.recovered_on,
    coalesce(last_episodes.onset_on IS NOT NULL AND last_episodes.recovered_on IS NULL, false) AS open,
    last_said.action, last_said.dose_mg, last_said.certainty, last_counts_known.counted_on,
    CAST(NULL AS TEXT) AS draw_action, CAST(NULL AS DOUBLE) AS draw_dose_mg
FROM prompt
LEFT JOIN last_episodes ON last_episodes.course = prompt.course AND last_episodes.day = prompt.day
LEFT JOIN last_said ON last_said.course = prompt.course AND last_said.day = prompt.day
LEFT JOIN last_counts_known ON last_counts_known.course = prompt.course AND last_counts_known.day = prompt.day
UNION ALL
SELECT course, day, episode, onset_on, recovered_on, open, action, dose_mg, certainty, counted_on, draw_action,
    draw_dose_mg
FROM known_late
