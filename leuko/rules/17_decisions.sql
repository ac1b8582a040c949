-- Step 17. The decision at recovery: the first clause whose conditions all hold. Firm where the clocks at their
-- shortest choose the same clause, else sparse. A dose that the text does not give makes it a review.
WITH fits AS (
    SELECT course, episode, clock, clause
    FROM checks
    GROUP BY course, episode, clock, clause
    HAVING bool_and(coalesce(holds, false))
),

chosen AS (
    SELECT
        episodes.course, episodes.episode,
        min(fits.clause) FILTER (WHERE fits.clock = 'observed') AS clause,
        min(fits.clause) FILTER (WHERE fits.clock = 'shortest') AS clause_shortest
    FROM episodes
    LEFT JOIN fits ON fits.course = episodes.course AND fits.episode = episodes.episode
    WHERE episodes.recovered_on IS NOT NULL
    GROUP BY episodes.course, episodes.episode
),

lower_levels AS (
    SELECT episodes.course, episodes.episode, max(dose_levels.dose_mg) AS dose_mg
    FROM episodes
    JOIN dose_levels ON dose_levels.protocol = episodes.protocol AND dose_levels.dose_mg < episodes.dose_at_onset_mg
    GROUP BY episodes.course, episodes.episode
),

doses_said AS (
    SELECT
        chosen.*, clauses.action, clauses.dose_rule, clauses.verified, clauses.why,
        courses.first_dose_mg, courses.dose_unit, episodes.dose_at_onset_mg,
        CASE clauses.dose_rule
            WHEN 'starting' THEN courses.first_dose_mg
            WHEN 'current' THEN episodes.dose_at_onset_mg
            WHEN 'next_level' THEN lower_levels.dose_mg
            WHEN 'fixed' THEN clauses.dose_mg
        END AS dose_said_mg,
        clauses.clause IS NULL AS nothing_fits,
        NOT coalesce(clauses.verified, true) AS unverified,
        coalesce(clauses.dose_rule = 'starting' AND episodes.dose_at_onset_mg < courses.first_dose_mg, false)
            AS reduced_before,
        coalesce(clauses.dose_rule = 'next_level' AND lower_levels.dose_mg IS NULL, false) AS no_lower_level,
        coalesce(clauses.dose_rule IN ('next_level', 'fixed') AND lower(trim(courses.dose_unit)) <> 'mg', false) AS other_unit
    FROM chosen
    JOIN episodes ON episodes.course = chosen.course AND episodes.episode = chosen.episode
    JOIN courses ON courses.course = chosen.course
    LEFT JOIN clauses ON clauses.protocol = episodes.protocol AND clauses.clause = chosen.clause
    LEFT JOIN lower_levels ON lower_levels.course = chosen.course AND lower_levels.episode = chosen.episode
)

SELECT
    course, episode, clause, clause_shortest,
    CASE WHEN nothing_fits OR unverified OR reduced_before OR no_lower_level OR other_unit THEN 'review' ELSE action END AS action,
    CASE WHEN NOT (unverified OR reduced_before OR other_unit) THEN dose_said_mg END AS dose_mg,
    CASE WHEN clause IS NOT DISTINCT FROM clause_shortest THEN 'firm' ELSE 'sparse' END AS certainty,
    concat_ws(
        ' ',
        CASE WHEN nothing_fits THEN 'No clause of the table fits.' END,
        why,
        CASE WHEN unverified THEN 'The text of this clause could not be verified.' END,
        CASE WHEN reduced_before THEN
            'The table returns to the starting dose, ' || dose_words(first_dose_mg, dose_unit)
            || ', but the dose at onset was already ' || dose_words(dose_at_onset_mg, dose_unit)
            || ': no text says that an earlier reduction is undone.' END,
        CASE WHEN other_unit THEN
            'The doses of the table are in mg, but this course is given in ' || dose_unit || '.' END,
        CASE WHEN no_lower_level AND NOT other_unit THEN
            'There is no dose level below ' || dose_words(dose_at_onset_mg, dose_unit) || '.' END
    ) AS remarks,
    -- The text names a dose that is no reduction for this patient: it stands first in the sentence.
    CASE WHEN dose_rule = 'fixed' AND dose_said_mg >= dose_at_onset_mg AND NOT (unverified OR other_unit) THEN
        'Caution: the dose at onset was already ' || dose_words(dose_at_onset_mg, dose_unit) || '.' END AS caution
FROM doses_said
