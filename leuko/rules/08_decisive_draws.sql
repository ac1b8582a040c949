-- Step 8. Draws that can change the state. A draw is one patient-day of a course, with the lowest ANC and the lowest platelet count of that day.
-- Kept are the draws that can change the state: of each analyte the first, those short of its resume threshold, and
-- the first after a short one. Of several versions of one result the one reported last counts, at a tie the lowest.
WITH ordered AS (
    SELECT
        counts.course, counts.analyte, counts.drawn_on,
        counts.short OR coalesce(lag(counts.short) OVER (
            PARTITION BY counts.course, counts.analyte ORDER BY counts.drawn_on, counts.short
        ), true) AS kept
    FROM counts
    JOIN measured ON measured.course = counts.course AND measured.ever_short
    WHERE counts.short IS NOT NULL
),

kept_days AS (
    SELECT DISTINCT course, analyte, drawn_on FROM ordered WHERE kept
),

results AS (
    SELECT counts.*
    FROM counts
    JOIN kept_days
        ON kept_days.course = counts.course
        AND kept_days.analyte = counts.analyte
        AND kept_days.drawn_on = counts.drawn_on
    QUALIFY row_number() OVER (
        PARTITION BY counts.course, counts.analyte, counts.collected_at, counts.specimen, counts.derived
        ORDER BY counts.reported_at DESC, counts.value, counts.comparator = '>', counts.comparator = ''
    ) = 1
),

days AS (
    SELECT
        course, drawn_on,
        bool_or(low) FILTER (WHERE analyte = 'anc') AS anc_low,
        bool_or(short) FILTER (WHERE analyte = 'anc') AS anc_short,
        bool_or(low) FILTER (WHERE analyte = 'platelets') AS platelets_low,
        bool_or(short) FILTER (WHERE analyte = 'platelets') AS platelets_short
    FROM results
    GROUP BY course, drawn_on
),

carried AS (
    SELECT
        course, drawn_on, anc_low, anc_short, platelets_low, platelets_short,
        last_value(anc_low IGNORE NULLS) OVER carry AS anc_low_carried,
        last_value(anc_short IGNORE NULLS) OVER carry AS anc_short_carried,
        last_value(platelets_low IGNORE NULLS) OVER carry AS platelets_low_carried,
        last_value(platelets_short IGNORE NULLS) OVER carry AS platelets_short_carried
    FROM days
    WINDOW carry AS (PARTITION BY course ORDER BY drawn_on)
)

SELECT
    carried.course, carried.drawn_on, carried.anc_low,
    coalesce(carried.anc_short, false) OR coalesce(carried.platelets_short, false) AS measured_short,
    coalesce(carried.anc_low_carried, false) AS anc_low_carried,
    coalesce(carried.platelets_low_carried, false) AS platelets_low_carried,
    coalesce(carried.anc_short_carried, false) AS anc_short_carried,
    coalesce(carried.platelets_short_carried, false) AS platelets_short_carried,
    coalesce(carried.anc_low_carried, false) OR coalesce(carried.platelets_low_carried, false) AS low,
    NOT coalesce(carried.anc_short_carried, true)
        AND (NOT protocols.has_platelets OR NOT coalesce(carried.platelets_short_carried, true)) AS recovered
FROM carried
JOIN courses ON courses.course = carried.course
JOIN protocols ON protocols.protocol = courses.protocol
