-- Step 7. The ANC and platelet results that were known and usable on the day asked, each read by its courses. Of a quiet
-- course only the last days are read. `low` meets the hold threshold, `short` misses the resume threshold; null outside
-- a course, or where the protocol does not name the analyte. `bound` says what was reported: 1 below the value ("<x"),
-- 2 the value, 3 above it (">x"). "<x" is below t where x <= t, ">x" is above t where x >= t, else it meets neither.
WITH read AS (
    SELECT
        readers.person, results.analyte, results.value, results.comparator, results.collected_at,
        CAST(results.collected_at AS DATE) AS drawn_on, results.reported_at, results.specimen, results.derived,
        CASE WHEN CAST(results.collected_at AS DATE) BETWEEN readers.start_on AND readers.read_to
            THEN readers.course END AS course,
        CASE results.analyte WHEN 'anc' THEN readers.anc_hold ELSE readers.platelets_hold END AS hold,
        CASE results.analyte WHEN 'anc' THEN readers.anc_hold_operator
            ELSE readers.platelets_hold_operator END AS hold_operator,
        CASE results.analyte WHEN 'anc' THEN readers.anc_resume ELSE readers.platelets_resume END AS resume,
        CASE results.analyte WHEN 'anc' THEN readers.anc_resume_operator
            ELSE readers.platelets_resume_operator END AS resume_operator
    FROM results
    JOIN readers ON readers.patient_id = results.patient_id
    LEFT JOIN void
        ON void.person = readers.person AND void.collected_at = results.collected_at
        AND void.analyte = results.analyte AND void.specimen = results.specimen AND void.derived = results.derived
    WHERE results.usable
        AND results.analyte IN ('anc', 'platelets')
        AND results.collected_at < $after AND results.reported_at < $after
        AND (
            NOT readers.quiet
            OR CAST(results.collected_at AS DATE) = CASE results.analyte
                WHEN 'anc' THEN readers.anc_on ELSE readers.platelets_on END
        )
        AND (void.void_before IS NULL OR void.void_before <= results.reported_at)
)

SELECT
    person, course, analyte, value, collected_at, drawn_on, reported_at, specimen, derived,
    CAST(CASE comparator WHEN '<' THEN 1 WHEN '>' THEN 3 ELSE 2 END AS TINYINT) AS bound,
    CASE
        WHEN course IS NULL OR hold IS NULL THEN NULL
        WHEN comparator = '<' THEN value <= hold
        WHEN comparator = '>' THEN false
        WHEN hold_operator = '<=' THEN value <= hold
        ELSE value < hold
    END AS low,
    CASE
        WHEN course IS NULL OR resume IS NULL THEN NULL
        WHEN comparator = '>' THEN value < resume
        WHEN comparator = '<' THEN true
        WHEN resume_operator = '>=' THEN value < resume
        ELSE value <= resume
    END AS short
FROM read
