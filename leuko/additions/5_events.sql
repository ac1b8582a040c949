-- Events that are not there yet.
CREATE OR REPLACE TEMP TABLE new_events AS
SELECT came.* REPLACE (of_this_load(came.source) AS source)
FROM added.events AS came
ANTI JOIN base.events AS there
    ON there.patient_id = came.patient_id AND there.kind = came.kind AND there.occurred_at = came.occurred_at
    AND there.value IS NOT DISTINCT FROM came.value;

INSERT INTO base.events BY NAME FROM new_events;
