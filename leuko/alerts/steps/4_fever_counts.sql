-- Step 4. The ANC closest around each fever, and whether it is low enough to make the fever an emergency: severe, or
-- moderate and lower than the one before it. A count with a comparator is lower where it can be, and "<x" can be severe.
WITH ordered AS (
    SELECT
        patient_id, collected_at, value, comparator, derived,
        lag(value) OVER timeline AS value_before, lag(comparator) OVER timeline AS comparator_before
    FROM (
        FROM known
        WHERE analyte = 'anc'
        QUALIFY row_number() OVER (
            PARTITION BY patient_id, collected_at ORDER BY value, comparator = '>', comparator = ''
        ) = 1
    ) AS lowest
    WINDOW timeline AS (PARTITION BY patient_id ORDER BY collected_at)
)

SELECT
    fevers.patient_id, fevers.moment, fevers.fever_on, fevers.words, ordered.value IS NOT NULL AS counted,
    coalesce(meets(ordered.value, ordered.comparator, '<', limits.febrile_anc), false) AS severe,
    coalesce(meets(ordered.value, ordered.comparator, '<', limits.febrile_falling_anc), false) AND coalesce(
        ordered.value < ordered.value_before OR ordered.comparator = '<' OR ordered.comparator_before = '>', false
    ) AS falling,
    ordered.value, ordered.value_before, ordered.comparator_before,
    'ANC ' || ordered.comparator || number_words(ordered.value) || derived_words(ordered.derived) || ' on '
    || day_words(CAST(ordered.collected_at AS DATE)) || ' at ' || strftime(ordered.collected_at, '%H:%M') AS count_words
FROM fevers
CROSS JOIN limits
LEFT JOIN ordered
    ON ordered.patient_id = fevers.patient_id
    AND ordered.collected_at BETWEEN fevers.moment - to_hours(limits.fever_count_hours)
        AND fevers.moment + to_hours(limits.fever_count_hours)
