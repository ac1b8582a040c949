-- Step 7. What each course has measured at all: its first draw, its last ANC day, and whether it was ever short.
-- Only courses that were ever short can have an episode; the steps that put counts in order read no others.
SELECT
    course,
    min(drawn_on) AS first_draw_on,
    max(drawn_on) FILTER (WHERE analyte = 'anc') AS last_anc_on,
    max(drawn_on) FILTER (WHERE analyte = 'platelets') AS last_platelets_on,
    coalesce(bool_or(short), false) AS ever_short
FROM counts
WHERE course IS NOT NULL
GROUP BY course
