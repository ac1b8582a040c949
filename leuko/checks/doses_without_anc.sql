-- Patients who were given a drug that a protocol reads: those of whom no ANC is known, measured or derived.
WITH given AS (
    SELECT patient_id, min_by(drug, row(start_on, drug)) AS drug, min_by(source, row(start_on, drug, source)) AS source, min(start_on) AS start_on
    FROM doses
    WHERE protocol IS NOT NULL AND dose_mg > 0
    GROUP BY patient_id
),

counted AS (
    SELECT DISTINCT patient_id FROM labs WHERE analyte = 'anc' AND value IS NOT NULL AND NOT is_withdrawn(status)
)

SELECT
    given.patient_id, given.source, given.start_on AS day,
    'On ' || given.drug || ' since ' || day_words(given.start_on) || ', no ANC known' AS words,
    counted.patient_id IS NULL AS failed
FROM given
LEFT JOIN counted ON counted.patient_id = given.patient_id
