-- Step 11. The ANC and platelet results that were known and usable on the day asked, each read by its courses. `low`
-- meets the hold threshold, `short` misses the resume threshold; null outside a course, or where the protocol does not
-- name the analyte. `bound` says what was reported: 1 below the value ("<x"), 2 the value, 3 above it (">x"). "<x" is
-- below t where x <= t, ">x" is above t where x >= t, and otherwise either meets neither threshold.
WITH read AS (
    SELECT results.*, readings.* EXCLUDE (patient_id, analyte)
    FROM results
    JOIN readings ON readings.patient_id = results.patient_id AND readings.analyte = results.analyte
    WHERE NOT readings.quiet
    UNION ALL
    SELECT results.*, readings.* EXCLUDE (patient_id, analyte)
    FROM results
    JOIN readings
        ON readings.patient_id = results.patient_id AND readings.analyte = results.analyte
        AND readings.last_on = CAST(results.collected_at AS DATE)
    WHERE readings.quiet
),

standing AS (
    SELECT
        read.person, read.analyte, read.value, read.comparator, read.collected_at,
        CAST(read.collected_at AS DATE) AS drawn_on, read.reported_at, read.specimen, read.derived,
        read.hold, read.hold_inclusive, read.resume, read.resume_inclusive,
        CASE WHEN CAST(read.collected_at AS DATE) BETWEEN read.start_on AND read.read_to THEN read.course END AS course
    FROM read
    LEFT JOIN void
        ON void.person = read.person AND void.collected_at = read.collected_at
        AND void.analyte = read.analyte AND void.specimen = read.specimen AND void.derived = read.derived
    WHERE read.usable
        AND read.collected_at < $after AND read.reported_at < $after
        AND (void.void_before IS NULL OR void.void_before <= read.reported_at)
)

SELECT
    person, course, analyte, value, collected_at, drawn_on, reported_at, specimen, derived,
    CAST(CASE comparator WHEN '' THEN 2 WHEN '<' THEN 1 ELSE 3 END AS TINYINT) AS bound,
    CASE
        WHEN course IS NULL OR hold IS NULL THEN NULL
        WHEN comparator = '' THEN value < hold OR (hold_inclusive AND value = hold)
        ELSE comparator = '<' AND value <= hold
    END AS low,
    CASE
        WHEN course IS NULL OR resume IS NULL THEN NULL
        WHEN comparator = '' THEN value < resume OR (NOT resume_inclusive AND value = resume)
        ELSE comparator = '<' OR value < resume
    END AS short
FROM standing
