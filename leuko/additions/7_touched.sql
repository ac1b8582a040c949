-- Whose answers may be others now.
CREATE TABLE anew.touched AS
SELECT patient_id FROM new_labs
UNION SELECT patient_id FROM new_other_cells
UNION SELECT patient_id FROM new_exposures
UNION SELECT patient_id FROM new_patients
UNION SELECT patient_id FROM new_events
UNION SELECT patient_id FROM new_rejected WHERE patient_id IS NOT NULL;

DELETE FROM was.labs WHERE patient_id NOT IN (FROM anew.touched);

-- And whose ANC may be derived from other parts: a part is new, and a percentage is there.
CREATE OR REPLACE TEMP TABLE to_derive AS
SELECT patient_id
FROM (
    SELECT patient_id FROM new_labs WHERE analyte IN ('anc', 'wbc', 'segs_pct', 'bands_pct', 'neutrophils_pct')
    UNION SELECT patient_id FROM new_other_cells
) AS part
WHERE patient_id IN (
    SELECT patient_id FROM was.labs WHERE analyte IN ('segs_pct', 'neutrophils_pct')
    UNION SELECT patient_id FROM new_labs WHERE analyte IN ('segs_pct', 'neutrophils_pct')
);

-- Of which draws anything came: only there can other results be read than before.
CREATE OR REPLACE TEMP TABLE draws_anew AS
SELECT patient_id, collected_at FROM new_labs
UNION SELECT patient_id, collected_at FROM new_other_cells;
