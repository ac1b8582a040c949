-- Every row of every file of this load: loaded, set aside, or there already from a load before. And which files they were,
-- with what the reader said of them.
INSERT INTO base.load_files BY NAME FROM added.load_files;
INSERT INTO base.load_notes SELECT of_this_load(file), note FROM added.load_notes;

INSERT INTO base.load_report BY NAME
WITH loaded AS (
    SELECT DISTINCT regexp_replace(source, ' part \d+$', '') AS row
    FROM (
        SELECT unnest(string_split(source, '; ')) AS source FROM new_labs
        UNION ALL SELECT unnest(string_split(source, '; ')) FROM new_exposures
        UNION ALL SELECT unnest(string_split(source, '; ')) FROM new_patients
        UNION ALL SELECT unnest(string_split(source, '; ')) FROM new_events
    ) AS canonical
),

set_aside AS (
    SELECT DISTINCT regexp_replace(unnest(string_split(source, '; ')), ' part \d+$', '') AS row FROM new_rejected
),

ended AS (
    SELECT row, 1 AS loaded, 0 AS set_aside FROM loaded
    UNION ALL SELECT row, 0, 1 FROM set_aside ANTI JOIN loaded USING (row)
),

counted AS (
    SELECT regexp_replace(row, ' (row|line) \d+$', '') AS file, sum(loaded) AS loaded, sum(set_aside) AS set_aside
    FROM ended
    GROUP BY ALL
)

SELECT
    of_this_load(came.file) AS file, came.kind, came.rows_read, coalesce(counted.loaded, 0) AS loaded,
    coalesce(counted.set_aside, 0) AS set_aside,
    came.rows_read - coalesce(counted.loaded, 0) - coalesce(counted.set_aside, 0) AS already_there,
    this_load.number
FROM added.load_report AS came
CROSS JOIN this_load
LEFT JOIN counted ON counted.file = of_this_load(came.file);
