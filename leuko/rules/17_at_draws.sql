-- Step 17. Decisions at a draw. A row of the protocol's table for draws is in its band where the carried counts, and
-- whether an episode is open, are as it asks; a stay is an unbroken row of draws in the band. On each draw the first row
-- decides whose other conditions hold too; it is said once in a stay, on the first draw on which it decides.
WITH own_draws AS (
    SELECT
        states.course, courses.patient_id, courses.protocol, states.drawn_on, states.open, states.onset,
        states.episode, states.anc_found, states.platelets_found
    FROM states
    JOIN courses ON courses.course = states.course
    WHERE courses.protocol IN (SELECT protocol FROM during)
),

-- The days on which a cause is recorded are looked at like draws that measured nothing.
cause_days AS (
    SELECT DISTINCT courses.course, courses.patient_id, courses.protocol, causes.cause_on
    FROM courses
    JOIN causes ON causes.patient_id = courses.patient_id AND causes.cause_on BETWEEN courses.start_on AND courses.read_to
    WHERE courses.protocol IN (SELECT protocol FROM during_conditions WHERE fact = 'cause')
),

moments AS (
    SELECT course, patient_id, protocol, drawn_on, open, onset, episode, anc_found, platelets_found FROM own_draws
    UNION ALL
    SELECT cause_days.course, cause_days.patient_id, cause_days.protocol, cause_days.cause_on, NULL, false, NULL, NULL, NULL
    FROM cause_days
    LEFT JOIN own_draws ON own_draws.course = cause_days.course AND own_draws.drawn_on = cause_days.cause_on
    WHERE own_draws.course IS NULL
),

draws AS (
    SELECT
        course, patient_id, protocol, drawn_on,
        coalesce(last_value(open IGNORE NULLS) OVER timeline, false) AS open,
        coalesce(last_value(episode IGNORE NULLS) OVER timeline, 0) AS episode,
        max(CASE WHEN onset THEN drawn_on END) OVER timeline AS onset_on,
        last_value(anc_found IGNORE NULLS) OVER timeline AS anc,
        max(CASE WHEN anc_found IS NOT NULL THEN drawn_on END) OVER timeline AS anc_on,
        last_value(platelets_found IGNORE NULLS) OVER timeline AS platelets,
        max(CASE WHEN platelets_found IS NOT NULL THEN drawn_on END) OVER timeline AS platelets_on,
        greatest(
            max(CASE WHEN anc_found IS NOT NULL THEN drawn_on END) OVER timeline,
            max(CASE WHEN platelets_found IS NOT NULL THEN drawn_on END) OVER timeline
        ) AS measured_on
    FROM moments
    WINDOW timeline AS (PARTITION BY course ORDER BY drawn_on ROWS UNBOUNDED PRECEDING)
    QUALIFY measured_on IS NOT NULL
),

carried AS (
    SELECT course, drawn_on, 'anc' AS analyte, anc AS found, anc_on AS counted_on FROM draws
    UNION ALL
    SELECT course, drawn_on, 'platelets' AS analyte, platelets AS found, platelets_on AS counted_on FROM draws
),

bounds AS (
    SELECT
        draws.course, draws.drawn_on, draws.measured_on, during.line,
        during.open IS NULL OR during.open = draws.open AS as_open,
        during_bands.analyte, carried.counted_on, carried.found, during_bands.operator, during_bands.number,
        meets(carried.found.value, bound_sign(carried.found.bound), during_bands.operator, during_bands.number) AS met
    FROM draws
    JOIN during ON during.protocol = draws.protocol
    LEFT JOIN during_bands ON during_bands.protocol = during.protocol AND during_bands.line = during.line
    LEFT JOIN carried
        ON carried.course = draws.course AND carried.drawn_on = draws.drawn_on
        AND carried.analyte = during_bands.analyte
),

in_band AS (
    SELECT
        course, drawn_on, line, as_open AND bool_and(analyte IS NULL OR coalesce(met, false)) AS inside,
        coalesce(min(counted_on), measured_on) AS counted_on
    FROM bounds
    GROUP BY course, drawn_on, measured_on, line, as_open
),

entries AS (
    SELECT *, inside AND NOT coalesce(lag(inside) OVER (PARTITION BY course, line ORDER BY drawn_on), false) AS entry
    FROM in_band
),

stays AS (
    SELECT
        *,
        max(CASE WHEN entry THEN drawn_on END) OVER (
            PARTITION BY course, line ORDER BY drawn_on ROWS UNBOUNDED PRECEDING
        ) AS entered_on
    FROM entries
),

draw_causes AS (
    SELECT draws.course, draws.drawn_on, causes.cause
    FROM draws
    JOIN causes
        ON causes.patient_id = draws.patient_id AND causes.cause_on BETWEEN draws.onset_on AND draws.drawn_on
    WHERE draws.open
    QUALIFY row_number() OVER (
        PARTITION BY draws.course, draws.drawn_on ORDER BY causes.cause_on DESC, causes.cause
    ) = 1
),

facts AS (
    SELECT
        draws.course, draws.protocol, draws.drawn_on, stays.line, stays.entered_on, draws.episode, draw_causes.cause,
        greatest(date_diff('day', stays.entered_on, stays.counted_on), 0) AS days_in_band
    FROM stays
    JOIN draws ON draws.course = stays.course AND draws.drawn_on = stays.drawn_on
    LEFT JOIN draw_causes ON draw_causes.course = stays.course AND draw_causes.drawn_on = stays.drawn_on
    WHERE stays.inside
),

fits AS (
    SELECT
        facts.course, facts.drawn_on, facts.line, facts.entered_on,
        string_agg(
            fact_words(asked.fact) || ' '
            || CASE asked.fact
                WHEN 'cause' THEN facts.cause
                WHEN 'episode' THEN facts.episode || ' (' || condition_words(asked.fact, asked.operator, asked.number) || ')'
                ELSE facts.days_in_band || ' (' || condition_words(asked.fact, asked.operator, asked.number) || ')'
            END, ', ' ORDER BY asked.fact
        ) AS words
    FROM facts
    LEFT JOIN during_conditions AS asked ON asked.protocol = facts.protocol AND asked.line = facts.line
    GROUP BY facts.course, facts.drawn_on, facts.line, facts.entered_on
    HAVING bool_and(
        CASE asked.fact
            WHEN 'cause' THEN coalesce(facts.cause = asked.word, false)
            WHEN 'episode' THEN meets(facts.episode, '', asked.operator, asked.number)
            WHEN 'days_in_band' THEN meets(facts.days_in_band, '', asked.operator, asked.number)
            ELSE true
        END
    )
),

decided AS (
    SELECT
        draws.course, draws.protocol, draws.drawn_on, draws.open, draws.episode, fits.line, fits.entered_on, fits.words,
        last_value(fits.line) OVER whole AS last_line, last_value(fits.entered_on) OVER whole AS last_entered_on
    FROM draws
    LEFT JOIN (
        SELECT * FROM fits QUALIFY row_number() OVER (PARTITION BY course, drawn_on ORDER BY line) = 1
    ) AS fits ON fits.course = draws.course AND fits.drawn_on = draws.drawn_on
    WINDOW whole AS (
        PARTITION BY draws.course ORDER BY draws.drawn_on ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
    )
),

band_words AS (
    SELECT
        course, drawn_on, line,
        CASE analyte WHEN 'anc' THEN 'ANC ' ELSE 'platelets ' END || found_words(min(found))
        || ' on ' || day_words(min(counted_on)) || CASE analyte WHEN 'anc' THEN ' is ' ELSE ' are ' END
        || string_agg(threshold_words(operator, number), ' and ' ORDER BY number) AS words,
        analyte
    FROM bounds
    WHERE analyte IS NOT NULL
    GROUP BY course, drawn_on, line, analyte
),

bands AS (
    SELECT course, drawn_on, line, string_agg(words, ' and ' ORDER BY analyte) AS words
    FROM band_words
    GROUP BY course, drawn_on, line
)

SELECT
    decided.course, decided.drawn_on AS decided_on, CASE WHEN decided.open THEN decided.episode END AS episode,
    decided.line, during.action, during.dose_rule, during.dose_amount, during.why, during.verified,
    concat_ws(
        ', ',
        coalesce(bands.words, 'On ' || day_words(decided.drawn_on)),
        CASE WHEN during.open THEN 'an episode is open' WHEN NOT during.open THEN 'no episode is open' END,
        decided.words
    ) || '.' AS words,
    coalesce(decided.line = decided.last_line AND decided.entered_on = decided.last_entered_on, false) AS stands
FROM decided
JOIN during ON during.protocol = decided.protocol AND during.line = decided.line
LEFT JOIN bands
    ON bands.course = decided.course AND bands.drawn_on = decided.drawn_on AND bands.line = decided.line
QUALIFY row_number() OVER (
    PARTITION BY decided.course, decided.line, decided.entered_on ORDER BY decided.drawn_on
) = 1
