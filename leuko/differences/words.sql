-- How a status or an action is said, and which row of a table decided it.
CREATE OR REPLACE TEMP MACRO to_do_words(to_do, drug, dose, unit) AS
    replace(
        replace(to_do, '{drug}', drug), '{dose}',
        coalesce(dose_words(dose, unit), 'a dose that the table does not give')
    );
CREATE OR REPLACE TEMP MACRO row_words(place, line, words) AS
    CASE
        WHEN place = 3 THEN coalesce('clause ' || line || ' (' || words || ')', 'no clause')
        WHEN place = 4 THEN 'decision at a draw ' || line || ' (' || words || ')'
    END;
CREATE OR REPLACE TEMP MACRO row_name(place, line, action) AS
    CASE
        WHEN action IS NULL THEN 'no decision'
        WHEN place = 3 THEN coalesce('clause ' || line, 'no clause')
        WHEN place = 4 THEN 'decision at a draw ' || line
        ELSE action || ' by the thresholds'
    END;
