-- Rows that were set aside and did not come before with the same words and the same reason.
CREATE OR REPLACE TEMP TABLE new_rejected AS
SELECT came.* REPLACE (of_this_load(came.source) AS source)
FROM added.rejected AS came
ANTI JOIN base.rejected AS there
    ON there.kind = came.kind AND there.reason = came.reason
    AND there.raw_record IS NOT DISTINCT FROM came.raw_record
    AND there.patient_id IS NOT DISTINCT FROM came.patient_id;

INSERT INTO base.rejected BY NAME FROM new_rejected;
