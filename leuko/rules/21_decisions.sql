-- Step 21. What the protocol decides, with its dose: at recovery the first clause whose conditions all hold (firm where
-- the clocks at their shortest choose the same one, else sparse), at a draw the row of step 17, and on the day that the
-- treatment is known as the cause what the table says of it. A dose that the text does not give makes it a review.
WITH fits AS (
    SELECT course, episode, clock, clause
    FROM checks
    GROUP BY course, episode, clock, clause
    HAVING bool_and(coalesce(holds, false))
),

chosen AS (
    SELECT
        episodes.course, episodes.episode, episodes.protocol, episodes.recovered_on, episodes.dose_at_onset_mg,
        min(fits.clause) FILTER (WHERE fits.clock = 'observed') AS clause,
        min(fits.clause) FILTER (WHERE fits.clock = 'shortest') AS clause_shortest
    FROM episodes
    LEFT JOIN fits ON fits.course = episodes.course AND fits.episode = episodes.episode
    WHERE episodes.recovered_on IS NOT NULL
    GROUP BY ALL
),

said AS (
    SELECT
        'recovery' AS moment, chosen.course, chosen.episode, chosen.recovered_on AS decided_on, chosen.clause,
        chosen.clause_shortest, CAST(NULL AS INTEGER) AS during, clauses.action, clauses.dose_rule, clauses.dose_amount,
        clauses.why, clauses.verified, chosen.dose_at_onset_mg AS dose_before_mg
    FROM chosen
    LEFT JOIN clauses ON clauses.protocol = chosen.protocol AND clauses.clause = chosen.clause
    UNION ALL
    SELECT
        'draw', at_draws.course, at_draws.episode, at_draws.decided_on, NULL, NULL, at_draws.line, at_draws.action,
        at_draws.dose_rule, at_draws.dose_amount, at_draws.why, at_draws.verified, doses_then.dose_mg
    FROM at_draws
    JOIN doses_then ON doses_then.course = at_draws.course AND doses_then.day = at_draws.decided_on
    UNION ALL
    SELECT
        'cause', episodes.course, episodes.episode, episodes.treatment_since_on, NULL, NULL, NULL, related.action,
        CASE WHEN related.dose_mg IS NOT NULL THEN 'fixed' END, related.dose_mg, related.why, related.verified,
        episodes.dose_at_onset_mg
    FROM episodes
    JOIN related ON related.protocol = episodes.protocol AND related.cause = 'treatment'
    WHERE episodes.cause = 'treatment'
),

lower_levels AS (
    SELECT said.moment, said.course, said.decided_on, max(dose_levels.dose_mg) AS dose_mg
    FROM said
    JOIN courses ON courses.course = said.course
    JOIN dose_levels ON dose_levels.protocol = courses.protocol AND dose_levels.dose_mg < said.dose_before_mg
    WHERE said.dose_rule = 'next_level'
    GROUP BY said.moment, said.course, said.decided_on
),

doses_said AS (
    SELECT
        said.*, courses.first_dose_mg, courses.dose_unit,
        CASE
            WHEN said.action = 'hold' THEN 0
            WHEN said.dose_rule = 'starting' THEN courses.first_dose_mg
            WHEN said.dose_rule = 'current' THEN said.dose_before_mg
            WHEN said.dose_rule = 'next_level' THEN lower_levels.dose_mg
            WHEN said.dose_rule = 'fixed' THEN said.dose_amount
            WHEN said.dose_rule = 'minus_mg' THEN said.dose_before_mg - said.dose_amount
            WHEN said.dose_rule = 'minus_percent' THEN said.dose_before_mg * (100 - said.dose_amount) / 100
        END AS dose_said_mg,
        said.action IS NULL AS nothing_fits,
        NOT coalesce(said.verified, true) AS unverified,
        coalesce(said.dose_rule = 'starting' AND said.dose_before_mg < courses.first_dose_mg, false) AS reduced_before,
        coalesce(said.dose_rule = 'next_level' AND lower_levels.dose_mg IS NULL, false) AS no_lower_level,
        coalesce(
            (said.dose_rule = 'minus_mg' AND said.dose_amount >= said.dose_before_mg)
            OR (said.dose_rule = 'minus_percent' AND said.dose_amount >= 100), false
        ) AS nothing_left,
        coalesce(
            said.moment <> 'recovery' AND said.action = 'reduce' AND said.dose_rule = 'fixed'
            AND said.dose_amount >= said.dose_before_mg, false
        ) AS no_reduction,
        coalesce(
            said.dose_rule IN ('next_level', 'fixed', 'minus_mg') AND lower(trim(courses.dose_unit)) <> 'mg', false
        ) AS other_unit
    FROM said
    JOIN courses ON courses.course = said.course
    LEFT JOIN lower_levels
        ON lower_levels.moment = said.moment AND lower_levels.course = said.course
        AND lower_levels.decided_on = said.decided_on
),

judged AS (
    SELECT
        *,
        nothing_fits OR unverified OR reduced_before OR no_lower_level OR nothing_left OR no_reduction OR other_unit
            AS is_review
    FROM doses_said
)

SELECT
    moment, course, episode, decided_on, clause, clause_shortest, during,
    CASE WHEN is_review THEN 'review' ELSE action END AS action,
    CASE WHEN NOT is_review THEN dose_said_mg END AS dose_mg,
    dose_before_mg,
    CASE WHEN clause IS NOT DISTINCT FROM clause_shortest THEN 'firm' ELSE 'sparse' END AS certainty,
    concat_ws(
        ' ',
        CASE WHEN nothing_fits THEN 'No clause of the table fits.' END,
        why,
        CASE WHEN unverified THEN 'The text of this clause could not be verified.' END,
        CASE WHEN reduced_before THEN
            'The table returns to the starting dose, ' || dose_words(first_dose_mg, dose_unit)
            || ', but the dose at onset was already ' || dose_words(dose_before_mg, dose_unit)
            || ': no text says that an earlier reduction is undone.' END,
        CASE WHEN other_unit THEN
            'The doses of the table are in mg, but this course is given in ' || dose_unit || '.' END,
        CASE WHEN no_lower_level AND NOT other_unit THEN
            'There is no dose level below ' || dose_words(dose_before_mg, dose_unit) || '.' END,
        CASE WHEN nothing_left AND NOT other_unit THEN
            'The step of the table leaves no dose of ' || dose_words(dose_before_mg, dose_unit) || '.' END,
        CASE WHEN no_reduction AND NOT other_unit THEN
            'The table reduces to ' || dose_words(dose_said_mg, dose_unit) || ', but the dose was already '
            || dose_words(dose_before_mg, dose_unit) || '.' END
    ) AS remarks,
    -- At a recovery the text names a dose that is no reduction for this patient: it stands first in the sentence.
    CASE WHEN moment = 'recovery' AND dose_rule = 'fixed' AND dose_said_mg >= dose_before_mg AND NOT is_review THEN
        'Caution: the dose at onset was already ' || dose_words(dose_before_mg, dose_unit) || '.' END AS caution
FROM judged
