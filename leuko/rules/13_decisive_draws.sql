-- Step 13. Draws that can change the state. A draw is one patient-day of a course, with the lowest ANC and the lowest
-- platelet count of that day. Kept are, of each analyte, the first draw, those short of its resume threshold, and the
-- first after a short one; all of them where the protocol decides on every draw. Of several versions of one result the one reported last counts, at a tie the lowest.
WITH watched AS (
    SELECT measured.course, NOT protocols.has_platelets AS anc_alone, protocols.reads_every_draw
    FROM measured
    JOIN courses ON courses.course = measured.course
    JOIN protocols ON protocols.protocol = courses.protocol
    GROUP BY measured.course, protocols.has_platelets, protocols.reads_every_draw
    HAVING bool_or(measured.ever_short) OR protocols.reads_every_draw
),

ordered AS (
    SELECT
        counts.course, watched.anc_alone, counts.analyte, counts.drawn_on, counts.low, counts.short,
        counts.value, counts.bound, counts.derived,
        counts.short OR watched.reads_every_draw OR coalesce(lag(counts.short) OVER timeline, true) AS kept,
        coalesce(lag(counts.drawn_on) OVER timeline = counts.drawn_on, false)
            OR coalesce(lead(counts.drawn_on) OVER timeline = counts.drawn_on, false) AS several
    FROM counts
    JOIN watched ON watched.course = counts.course
    WHERE counts.short IS NOT NULL
    WINDOW timeline AS (PARTITION BY counts.course, counts.analyte ORDER BY counts.drawn_on, counts.short)
),

days_with_several AS (
    SELECT DISTINCT course, analyte, drawn_on FROM ordered WHERE kept AND several
),

latest_versions AS (
    SELECT
        counts.course, counts.analyte, counts.drawn_on, counts.low, counts.short, counts.value, counts.bound,
        counts.derived
    FROM counts
    JOIN days_with_several
        ON days_with_several.course = counts.course
        AND days_with_several.analyte = counts.analyte
        AND days_with_several.drawn_on = counts.drawn_on
    QUALIFY row_number() OVER (
        PARTITION BY counts.course, counts.analyte, counts.collected_at, counts.specimen, counts.derived
        ORDER BY counts.reported_at DESC, counts.value, counts.bound
    ) = 1
),

days AS (
    SELECT
        course, drawn_on,
        bool_or(low) FILTER (WHERE analyte = 'anc') AS anc_low,
        bool_or(short) FILTER (WHERE analyte = 'anc') AS anc_short,
        bool_or(short AND bound <> 1) FILTER (WHERE analyte = 'anc') AS anc_plainly_short,
        min({'value': value, 'bound': bound, 'derived': derived}) FILTER (WHERE analyte = 'anc') AS anc_found,
        bool_or(low) FILTER (WHERE analyte = 'platelets') AS platelets_low,
        bool_or(short) FILTER (WHERE analyte = 'platelets') AS platelets_short,
        bool_or(short AND bound <> 1) FILTER (WHERE analyte = 'platelets') AS platelets_plainly_short,
        min({'value': value, 'bound': bound, 'derived': derived}) FILTER (WHERE analyte = 'platelets') AS platelets_found
    FROM (
        SELECT course, analyte, drawn_on, low, short, value, bound, derived
        FROM ordered
        WHERE kept AND NOT several AND NOT anc_alone
        UNION ALL
        SELECT course, analyte, drawn_on, low, short, value, bound, derived FROM latest_versions
    ) AS results
    GROUP BY course, drawn_on
),

carried AS (
    SELECT
        *,
        last_value(anc_low IGNORE NULLS) OVER carry AS anc_low_carried,
        last_value(anc_short IGNORE NULLS) OVER carry AS anc_short_carried,
        last_value(platelets_low IGNORE NULLS) OVER carry AS platelets_low_carried,
        last_value(platelets_short IGNORE NULLS) OVER carry AS platelets_short_carried
    FROM days
    WINDOW carry AS (PARTITION BY course ORDER BY drawn_on)
    UNION ALL
    -- With ANC alone, a day's only result is the draw, and there is nothing to carry.
    SELECT
        course, drawn_on, low, short, short AND bound <> 1, {'value': value, 'bound': bound, 'derived': derived},
        NULL, NULL, NULL, NULL, low, short, NULL, NULL
    FROM ordered
    WHERE kept AND NOT several AND anc_alone
)

SELECT
    carried.course, carried.drawn_on, carried.anc_low, carried.anc_found, carried.platelets_found,
    carried.anc_plainly_short, carried.platelets_plainly_short,
    coalesce(carried.anc_short, false) AS anc_short,
    coalesce(carried.platelets_short, false) AS platelets_short,
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
