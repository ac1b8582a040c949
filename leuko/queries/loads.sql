-- Every load up to this version, the last first.
WITH files AS (
    SELECT number, string_agg(file, ', ' ORDER BY file) AS files, sum(bytes) AS bytes FROM load_files GROUP BY number
),

rows_of AS (
    SELECT
        number, sum(rows_read) AS rows_read, sum(loaded) AS loaded, sum(set_aside) AS set_aside,
        sum(already_there) AS already_there
    FROM load_report
    GROUP BY number
)

SELECT
    loads.number, loads.kind, loads.loaded_at, loads.as_of, loads.patients, files.files, CAST(files.bytes AS BIGINT) AS bytes,
    CAST(rows_of.rows_read AS BIGINT) AS rows_read, CAST(rows_of.loaded AS BIGINT) AS loaded,
    CAST(rows_of.set_aside AS BIGINT) AS set_aside, CAST(rows_of.already_there AS BIGINT) AS already_there,
    list_contains((SELECT arg_max(holds, number) FROM loads), loads.number) AS held, loads.protocols_version,
    loads.settings
FROM loads
LEFT JOIN files ON files.number = loads.number
LEFT JOIN rows_of ON rows_of.number = loads.number
ORDER BY loads.number DESC
