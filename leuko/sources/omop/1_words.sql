-- How a field of the model is read. Spaces around a text are nothing.
CREATE OR REPLACE TEMP MACRO recorded(written) AS nullif(trim(written), '');

-- An id that a data frame with gaps turned into 33.0 is 33.
CREATE OR REPLACE TEMP MACRO whole(written) AS regexp_replace(written, '\.0+$', '');
CREATE OR REPLACE TEMP MACRO whole_id(written) AS
    CASE WHEN contains(written, '.') THEN whole(recorded(written)) ELSE recorded(written) END;

-- 0 is the model's concept for "no matching concept".
CREATE OR REPLACE TEMP MACRO concept_of(id) AS nullif(id, '0');

-- The day of a date or a moment in ISO 8601, null where it is none.
CREATE OR REPLACE TEMP MACRO day_of(written) AS
    TRY_CAST(regexp_extract(written, '^(\d{4}-\d{2}-\d{2})([T ].*)?$', 1) AS DATE);

CREATE OR REPLACE TEMP MACRO place_of(source) AS CAST(split_part(source, ' row ', -1) AS BIGINT);

-- The row as it came in: the columns that are read, without our own marks and without empty ones.
CREATE OR REPLACE TEMP MACRO as_read(record) AS json_merge_patch('{}', record, '{"source": null, "first": null}');
