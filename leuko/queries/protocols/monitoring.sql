-- When the next count is due: the lines of the schedule in their order, each in words.
SELECT
    protocol, line,
    coalesce(nullif(concat_ws(
        ', ',
        CASE WHEN first THEN 'the first ANC ' ELSE 'ANC ' END || threshold_words(anc_operator, anc),
        'less than ' || for_days || ' days after the return from ANC ' || threshold_words(after_operator, after_anc),
        'up to day ' || until_day || ' of the course'
    ), ''), 'otherwise') AS asked,
    every_days, why, verified, source
FROM monitoring
ORDER BY protocol, line
