-- Step 5. The ANC and platelet results that were known and usable on the day asked, each read by its courses.
-- `low` meets the hold threshold, `short` misses the resume threshold; null outside a course or where the protocol
-- does not name the analyte. "<x" is below t where x <= t, ">x" is above t where x >= t, and otherwise meets neither.
WITH usable AS (
    SELECT
        labs.patient_id, labs.analyte, labs.value, coalesce(labs.comparator, '') AS comparator,
        labs.collected_at, CAST(labs.collected_at AS DATE) AS drawn_on, labs.reported_at,
        coalesce(labs.specimen, '') AS specimen, labs.derived
    FROM labs
    WHERE labs.analyte IN ('anc', 'platelets')
        AND labs.value IS NOT NULL
        AND labs.status NOT IN ('entered-in-error', 'cancelled')
        AND labs.collected_at < $after AND labs.reported_at < $after
),

read AS (
    SELECT
        readers.person, usable.analyte, usable.value, usable.comparator,
        usable.collected_at, usable.drawn_on, usable.reported_at, usable.specimen, usable.derived,
        CASE WHEN usable.drawn_on BETWEEN readers.start_on AND readers.read_to THEN readers.course END AS course,
        CASE usable.analyte WHEN 'anc' THEN readers.anc_hold ELSE readers.platelets_hold END AS hold,
        CASE usable.analyte WHEN 'anc' THEN readers.anc_hold_operator
            ELSE readers.platelets_hold_operator END AS hold_operator,
        CASE usable.analyte WHEN 'anc' THEN readers.anc_resume ELSE readers.platelets_resume END AS resume,
        CASE usable.analyte WHEN 'anc' THEN readers.anc_resume_operator
            ELSE readers.platelets_resume_operator END AS resume_operator
    FROM usable
    JOIN readers ON readers.patient_id = usable.patient_id
    LEFT JOIN void
        ON void.person = readers.person AND void.collected_at = usable.collected_at
        AND void.analyte = usable.analyte AND void.specimen = usable.specimen AND void.derived = usable.derived
    WHERE void.void_before IS NULL OR void.void_before <= usable.reported_at
)

SELECT
    person, course, analyte, value, comparator, collected_at, drawn_on, reported_at, specimen, derived,
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
