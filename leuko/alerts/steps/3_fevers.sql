-- Step 3. Fevers of the last days: a temperature that is high enough once, the second of two that are high enough
-- together, or a fever that somebody recorded.
WITH temperatures AS (
    SELECT
        known.patient_id, known.collected_at AS moment,
        meets(known.value, known.comparator, '>=', limits.fever_once) AS enough_alone,
        known.comparator || format('{:.1f}', floor(known.value * 10 + 1e-6) / 10) || ' °C on '
        || moment_words(known.collected_at) AS words
    FROM known
    CROSS JOIN limits
    WHERE known.analyte = 'temperature' AND meets(known.value, known.comparator, '>=', limits.fever_twice)
),

said AS (
    SELECT patient_id, moment, 'Temperature ' || words AS words FROM temperatures WHERE enough_alone
    UNION ALL
    SELECT later.patient_id, later.moment, 'Temperatures ' || max(earlier.words) || ' and ' || later.words
    FROM temperatures AS later
    CROSS JOIN limits
    JOIN temperatures AS earlier
        ON earlier.patient_id = later.patient_id
        AND later.moment BETWEEN earlier.moment + to_minutes(limits.fever_twice_apart_minutes)
            AND earlier.moment + to_hours(limits.fever_twice_within_hours)
    WHERE NOT coalesce(later.enough_alone, false)
    GROUP BY later.patient_id, later.moment, later.words
    UNION ALL
    SELECT
        CAST(events.patient_id AS TEXT), CAST(events.occurred_at AS TIMESTAMP),
        'A fever was recorded on ' || moment_words(CAST(events.occurred_at AS TIMESTAMP))
        || coalesce(' (as “' || nullif(trim(CAST(events.value AS TEXT)), '') || '”)', '')
    FROM events
    JOIN watched ON watched.patient_id = CAST(events.patient_id AS TEXT)
    WHERE CAST(events.kind AS TEXT) = 'fever' AND CAST(events.occurred_at AS TIMESTAMP) < $after
)

SELECT said.patient_id, said.moment, CAST(said.moment AS DATE) AS fever_on, min(said.words) AS words
FROM said
CROSS JOIN limits
WHERE date_diff('day', said.moment, $as_of) <= limits.fever_alert_days
GROUP BY said.patient_id, said.moment
