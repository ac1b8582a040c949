-- Every lab row is read once; the reason says why it cannot be used, NULL where it can.

CREATE OR REPLACE TEMP TABLE read_labs AS
WITH written AS (
    SELECT row.source, given(row.patient_id) AS patient_id, analyte.meaning AS analyte, analyte.nature,
           row.value AS raw_value, coalesce(given(row.unit), given(row.raw_unit)) AS raw_unit,
           unit.quantity, unit.power,
           -- a sign may stand before the number, in its own column, or (the same sign) in both
           coalesce(regexp_extract(given(row.value), '^[<>=≤≥]+'), '') AS sign_before,
           coalesce(given(row.comparator), '') AS sign_apart,
           ltrim(regexp_replace(given(row.value), '^[<>=≤≥]+', '')) AS number_text,
           wall_clock(row.collected_at) AS collected_at, written_offset(row.collected_at) AS collected_offset,
           given(row.reported_at) IS NOT NULL AS reported_given, wall_clock(row.reported_at) AS reported_at,
           given(row.specimen) AS specimen,
           coalesce(nullif(status_word(row.status), ''), 'final') AS status,
           given(row.ref_low) AS ref_low, given(row.ref_high) AS ref_high
    FROM raw_labs AS row
    LEFT JOIN analyte_meanings AS analyte ON row.analyte = analyte.analyte
    LEFT JOIN unit_meanings AS unit ON coalesce(given(row.unit), given(row.raw_unit)) = unit.unit
), converted AS (
    SELECT *, status IN ('entered-in-error', 'cancelled') AS withdrawn,
           CASE WHEN sign_before = '' THEN sign_apart ELSE sign_before END AS comparator,
           in_canonical_unit(number_text, quantity, power) AS amount
    FROM written
), judged AS (
    SELECT *,
           CASE WHEN patient_id IS NULL THEN 'no patient'
                WHEN collected_at IS NULL OR (reported_given AND reported_at IS NULL) THEN 'no date'
                WHEN analyte IS NULL THEN 'analyte not known' END AS unplaced,
           CASE WHEN number_text IS NULL OR NOT is_number(number_text) THEN 'not a number'
                WHEN comparator NOT IN ('', '<', '>') OR (sign_apart <> '' AND sign_apart <> comparator)
                    THEN 'comparator not known'
                WHEN raw_unit IS NULL THEN 'unit missing'
                WHEN nature = 'count' AND quantity = 'percent' THEN 'percentage under a count'
                WHEN quantity IS NULL
                  OR (nature = 'count' AND quantity <> 'cells')
                  OR (nature = 'percentage' AND quantity <> 'percent')
                  OR (nature = 'temperature' AND quantity NOT IN ('celsius', 'fahrenheit'))
                    THEN 'unit unknown'
                WHEN amount IS NULL OR isinf(amount) THEN 'not a number'
                WHEN amount < 0 THEN 'negative'
                WHEN analyte = 'anc' AND amount > (SELECT CAST(value AS DOUBLE) FROM known_limits
                                                   WHERE name = 'implausible_anc') THEN 'implausible'
                WHEN nature = 'percentage' AND amount > 100 THEN 'implausible' END AS unusable
    FROM converted
)
SELECT patient_id, analyte, CASE WHEN unusable IS NULL THEN amount END AS value,
       CASE WHEN unusable IS NULL THEN comparator ELSE '' END AS comparator, collected_at,
       coalesce(reported_at, collected_at) AS reported_at, specimen, status,
       in_canonical_unit(ref_low, quantity, power) AS ref_low,
       in_canonical_unit(ref_high, quantity, power) AS ref_high,
       raw_value, raw_unit, false AS derived, source, collected_offset,
       -- a withdrawn result needs no value to supersede the one before it
       coalesce(unplaced, CASE WHEN NOT withdrawn THEN unusable END) AS reason
FROM judged;

-- Other white cells are no analyte of ours. A share of them above 0 is remembered only as proof that a
-- differential was counted, so that 0 % neutrophils beside 100 % lymphocytes is an ANC of 0. It stays, for parts of the
-- same differential that come with a later load.
CREATE OR REPLACE TABLE other_cells AS
SELECT given(row.patient_id) AS patient_id, read.collected_at, read.specimen, read.reported_at
FROM raw_labs AS row
JOIN unit_meanings AS unit ON coalesce(given(row.unit), given(row.raw_unit)) = unit.unit
JOIN read_labs AS read ON read.source = row.source
WHERE lower(given(row.analyte)) IN (
        'lymphocytes_pct', 'atypical_lymphocytes_pct', 'monocytes_pct', 'eosinophils_pct', 'basophils_pct',
        'metamyelocytes_pct', 'myelocytes_pct', 'promyelocytes_pct', 'blasts_pct')
  AND read.reason = 'analyte not known' AND read.status NOT IN ('entered-in-error', 'cancelled')
  AND in_canonical_unit(given(row.value), unit.quantity, unit.power) BETWEEN 1e-9 AND 100
  AND unit.quantity = 'percent';

INSERT INTO rejected
SELECT row.source, as_given(to_json(row)), refused.reason, given(row.patient_id), 'labs'
FROM raw_labs AS row
JOIN (SELECT source, reason FROM read_labs WHERE reason IS NOT NULL) AS refused USING (source);
DROP TABLE raw_labs;

CREATE OR REPLACE TABLE labs AS SELECT * EXCLUDE (reason) FROM read_labs WHERE reason IS NULL;
DROP TABLE read_labs;
