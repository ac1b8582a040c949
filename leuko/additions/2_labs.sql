-- Results that are not there yet. A correction is another version of its result and comes in; a row that came before in
-- every field does not.
CREATE OR REPLACE TEMP TABLE new_labs AS
SELECT came.* REPLACE (of_this_load(came.source_file) AS source_file, of_this_load(came.source) AS source)
FROM added.labs AS came
ANTI JOIN was.labs AS there
    ON there.patient_id = came.patient_id AND there.analyte = came.analyte
    AND there.collected_at = came.collected_at AND there.reported_at = came.reported_at
    AND there.status = came.status AND there.comparator = came.comparator
    AND there.value IS NOT DISTINCT FROM came.value
    AND there.specimen IS NOT DISTINCT FROM came.specimen
    AND there.ref_low IS NOT DISTINCT FROM came.ref_low
    AND there.ref_high IS NOT DISTINCT FROM came.ref_high
    AND there.raw_value IS NOT DISTINCT FROM came.raw_value AND there.raw_unit IS NOT DISTINCT FROM came.raw_unit
    AND there.collected_offset IS NOT DISTINCT FROM came.collected_offset
    AND NOT there.derived
WHERE NOT came.derived;

CREATE OR REPLACE TEMP TABLE new_other_cells AS FROM added.other_cells EXCEPT FROM base.other_cells;

INSERT INTO base.labs BY NAME SELECT * EXCLUDE (source) FROM new_labs;
INSERT INTO base.other_cells BY NAME FROM new_other_cells;
