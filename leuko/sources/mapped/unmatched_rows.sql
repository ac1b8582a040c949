-- The raw rows that no SELECT took, and the sources that are no raw row. A source that several rows add up to names them
-- all, with "; " between them; one of several records of a row has " part <number>" behind it.
CREATE OR REPLACE TEMP MACRO row_of(source) AS
    CASE WHEN contains(source, ' part ') THEN regexp_replace(source, ' part \d+$', '') ELSE source END;

CREATE OR REPLACE TEMP TABLE unmatched_rows AS
WITH named AS (
    SELECT 'labs' AS kind, source FROM mapped.selected.labs
    UNION ALL SELECT 'exposures', source FROM mapped.selected.exposures
    UNION ALL SELECT 'patients', source FROM mapped.selected.patients
    UNION ALL SELECT 'events', source FROM mapped.selected.events
), taken AS (
    SELECT kind, row_of(source) AS row FROM named WHERE NOT contains(source, '; ')
    UNION ALL SELECT kind, row_of(unnest(string_split(source, '; '))) FROM named WHERE contains(source, '; ')
    UNION ALL SELECT kind, 'NULL' FROM named WHERE source IS NULL
)
SELECT taken.kind, taken.row AS stray, raw.row_number AS not_taken
FROM taken FULL JOIN mapped.as_read.raw_rows AS raw ON raw.row_number = taken.row
WHERE taken.row IS NULL OR raw.row_number IS NULL;

-- A number that may be read in two ways goes before the mapping's own reason.
CREATE OR REPLACE TEMP TABLE reasons_aside AS
SELECT row, arg_min(reason, place) AS reason
FROM (
    SELECT row_number AS row, 'decimal sign or thousands: cannot tell' AS reason, 1 AS place
    FROM mapped.as_read.undecided
    UNION ALL
    SELECT row_of(unnest(string_split(source, '; '))), reason, 2 FROM mapped.selected.aside
)
WHERE reason IS NOT NULL
GROUP BY row;
