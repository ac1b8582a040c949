-- What happened beside counts and doses. A cause decides, so its word is read in any case.

CREATE OR REPLACE TEMP TABLE read_events AS
WITH written AS (
    SELECT source, given(patient_id) AS patient_id, lower(given(kind)) AS kind, given(value) AS value,
           wall_clock(occurred_at) AS occurred_at
    FROM raw_events
)
SELECT * REPLACE (CASE WHEN kind = 'cytopenia_cause' THEN lower(value) ELSE value END AS value),
       CASE WHEN patient_id IS NULL THEN 'no patient'
            WHEN kind IS NULL THEN 'no kind'
            WHEN occurred_at IS NULL THEN 'no date' END AS reason
FROM written;

CREATE OR REPLACE TABLE events AS
SELECT patient_id, kind, value, occurred_at, source FROM read_events WHERE reason IS NULL;

INSERT INTO rejected
SELECT row.source, as_given(to_json(row)), refused.reason, refused.patient_id, 'events'
FROM raw_events AS row
JOIN read_events AS refused ON refused.source = row.source AND refused.reason IS NOT NULL;
DROP TABLE read_events;
