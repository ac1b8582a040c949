-- Step 4. The counts around each fever, and what they say of it: severe, or moderate and lower than the ANC before
-- (falling), makes it an emergency; `tells` is false where nothing can be told from the count. A count with a comparator
-- is lower where it can be, and "<x" can be severe. ANC cannot be higher than the white cell count.
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
),

judged AS (
    SELECT
        ordered.*,
        coalesce(meets(value, comparator, '<', limits.febrile_anc), false) AS severe,
        coalesce(meets(value, comparator, '<', limits.febrile_falling_anc), false) AND coalesce(
            value < value_before OR comparator = '<' OR comparator_before = '>', false
        ) AS falling,
        coalesce(meets(value, comparator, '>=', limits.febrile_falling_anc), false)
            OR (coalesce(meets(value, comparator, '>=', limits.febrile_anc), false) AND value_before IS NOT NULL) AS high,
        'ANC ' || comparator || cells_words(value) || derived_words(derived) || ' on ' || moment_words(collected_at)
            AS count_words
    FROM ordered
    CROSS JOIN limits
    UNION ALL
    SELECT
        known.patient_id, known.collected_at, known.value, known.comparator, false, NULL, NULL, true, false, false,
        'WBC ' || known.comparator || cells_words(known.value) || ' on ' || moment_words(known.collected_at)
        || ', than which ANC cannot be higher'
    FROM known
    CROSS JOIN limits
    WHERE known.analyte = 'wbc' AND meets(known.value, known.comparator, '<', limits.febrile_anc)
)

SELECT
    fevers.patient_id, fevers.moment, fevers.fever_on, fevers.words, coalesce(judged.severe, false) AS severe,
    coalesce(judged.falling, false) AS falling,
    coalesce(judged.severe OR judged.falling OR judged.high, false) AS tells,
    judged.value, judged.value_before, judged.comparator_before, judged.count_words
FROM fevers
CROSS JOIN limits
LEFT JOIN judged
    ON judged.patient_id = fevers.patient_id
    AND judged.collected_at BETWEEN fevers.moment - to_hours(limits.fever_count_hours)
        AND fevers.moment + to_hours(limits.fever_count_hours)
