-- One row a chosen course: its patient, its counts, its first episode, how much of the starting dose was given.
WITH counted AS (
    SELECT
        *, date_diff('day', drawn_on, lead(drawn_on) OVER (PARTITION BY course ORDER BY drawn_on)) AS days_to_next
    FROM anc_days
    WHERE day >= 0
),

of_course AS (
    SELECT
        course, min(day) AS first_day, count(*) AS anc_days, count(*) FILTER (WHERE day > 0) AS later_days,
        coalesce(bool_or(highest_band = 0), false) AS in_lowest_band,
        min(found) FILTER (WHERE day > 0) AS lowest,
        quantile_disc(found.value, 0.5) FILTER (WHERE day > 0) AS median_anc,
        max(least) FILTER (WHERE day > 0) AS least, max(most) FILTER (WHERE day > 0) AS most,
        coalesce(sum(days_to_next), 0) AS known_days,
        coalesce(sum(days_to_next) FILTER (WHERE low), 0) AS low_days
    FROM counted
    GROUP BY course
),

baselines AS (
    SELECT course, max_by(least, day) AS least, max_by(most, day) AS most
    FROM anc_days
    WHERE day <= 0
    GROUP BY course
),

-- A planned off-day is neither a day with a dose to give nor one without.
given AS (
    SELECT
        segments.course,
        sum(segments.dose_mg * (date_diff('day', segments.from_on, segments.to_on) + 1)) AS amount,
        sum(date_diff('day', segments.from_on, segments.to_on) + 1) AS days
    FROM segments
    WHERE NOT segments.planned
    GROUP BY segments.course
),

firsts AS (
    SELECT course, onset_on, recovered_on, trigger FROM episodes WHERE episode = 1
)

SELECT
    chosen.* EXCLUDE (first_dose_mg),
    of_course.first_day, coalesce(of_course.anc_days, 0) AS anc_days, coalesce(of_course.later_days, 0) AS later_days,
    coalesce(of_course.in_lowest_band, false) AS in_lowest_band,
    of_course.lowest.value AS lowest_anc, bound_sign(of_course.lowest.bound) AS lowest_comparator, of_course.median_anc,
    coalesce(of_course.known_days, 0) AS known_days, coalesce(of_course.low_days, 0) AS low_days,
    baselines.course IS NOT NULL AS has_baseline,
    CASE WHEN baselines.least = baselines.most THEN baselines.least END AS baseline_grade,
    CASE WHEN of_course.least = of_course.most THEN of_course.least END AS worst_grade,
    CASE WHEN chosen.dose_unit <> 'mixed units' THEN given.amount / given.days / chosen.first_dose_mg END AS share_given,
    firsts.onset_on, firsts.recovered_on, firsts.trigger,
    date_diff('day', chosen.start_on, coalesce(firsts.onset_on, chosen.read_to)) AS days_to_episode,
    date_diff('day', firsts.onset_on, coalesce(firsts.recovered_on, chosen.read_to)) AS days_to_recovery
FROM chosen
LEFT JOIN of_course ON of_course.course = chosen.course
LEFT JOIN baselines ON baselines.course = chosen.course
LEFT JOIN given ON given.course = chosen.course
LEFT JOIN firsts ON firsts.course = chosen.course
ORDER BY chosen.course
