-- Every lab row is read once; the reason says why it cannot be used, NULL where it can.

CREATE OR REPLACE TEMP TABLE read_labs AS
WITH plain AS (
    -- nearly every number and moment is plain; only of the others are signs, blanks and offsets looked for
    SELECT *, coalesce(is_number(value), false) AS is_plain, is_plain_moment(collected_at) AS collected_plainly,
           is_plain_moment(reported_at) AS reported_plainly
    FROM marked_labs
), written AS (
    SELECT row.source_file, row.source_row, given(row.patient_id) AS patient_id, row.value AS raw_value, row.is_plain,
           known.analyte, known.nature, known.raw_unit, known.quantity, known.power, known.status,
           -- a sign may stand before the number, in its own column, or (the same sign) in both
           CASE WHEN NOT row.is_plain THEN regexp_extract(given(row.value), '^[<>=≤≥]+') END AS sign_before,
           -- most have none: no blanks need be looked for
           CASE WHEN row.comparator = '' THEN '' ELSE coalesce(given(row.comparator), '') END AS sign_apart,
           CASE WHEN row.is_plain THEN row.value ELSE ltrim(regexp_replace(given(row.value), '^[<>=≤≥]+', '')) END
               AS number_text,
           CASE WHEN row.collected_plainly THEN TRY_CAST(row.collected_at AS TIMESTAMP)
                ELSE wall_clock(CAST(row.collected_at AS TEXT)) END AS collected_at,
           CASE WHEN NOT row.collected_plainly THEN written_offset(CAST(row.collected_at AS TEXT)) END
               AS collected_offset,
           CASE WHEN row.reported_plainly THEN true ELSE given(CAST(row.reported_at AS TEXT)) IS NOT NULL END
               AS reported_given,
           CASE WHEN row.reported_plainly THEN TRY_CAST(row.reported_at AS TIMESTAMP)
                ELSE wall_clock(CAST(row.reported_at AS TEXT)) END AS reported_at,
           given(row.specimen) AS specimen,
           given(row.ref_low) AS ref_low, given(row.ref_high) AS ref_high
    FROM plain AS row
    JOIN meanings AS known
      ON row.analyte IS NOT DISTINCT FROM known.analyte_written AND row.unit IS NOT DISTINCT FROM known.unit_written
     AND row.raw_unit IS NOT DISTINCT FROM known.raw_unit_written
     AND row.status IS NOT DISTINCT FROM known.status_written
), numbered AS (
    SELECT *, CASE WHEN is_plain THEN true ELSE coalesce(is_number(number_text), false) END AS has_number,
           status IN ('entered-in-error', 'cancelled') AS withdrawn,
           coalesce(nullif(sign_before, ''), sign_apart) AS comparator
    FROM written
), converted AS (
    SELECT *, CASE WHEN has_number THEN in_canonical_unit(number_text, quantity, power) END AS amount
    FROM numbered
), judged AS (
    SELECT *,
           CASE WHEN patient_id IS NULL THEN 'no patient'
                WHEN collected_at IS NULL OR (reported_given AND reported_at IS NULL) THEN 'no date'
                WHEN analyte IS NULL THEN 'analyte not known' END AS unplaced,
           CASE WHEN NOT has_number THEN 'not a number'
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
       CASE WHEN is_number(ref_low) THEN in_canonical_unit(ref_low, quantity, power) END AS ref_low,
       CASE WHEN is_number(ref_high) THEN in_canonical_unit(ref_high, quantity, power) END AS ref_high,
       raw_value, raw_unit, collected_offset, source_file, source_row,
       -- a withdrawn result needs no value to supersede the one before it
       coalesce(unplaced, CASE WHEN NOT withdrawn THEN unusable END) AS reason,
       nature = 'other cells' AND unplaced = 'analyte not known' AND NOT withdrawn AND quantity = 'percent'
           AND coalesce(sign_before, '') = '' AND amount BETWEEN 1e-9 AND 100 AS counts_other_cells
FROM judged;

-- Other white cells are no analyte of ours. A share of them above 0 is remembered only as proof that a
-- differential was counted, so that 0 % neutrophils beside 100 % lymphocytes is an ANC of 0. It stays, for parts of the
-- same differential that come with a later load.
CREATE OR REPLACE TABLE other_cells AS
SELECT DISTINCT patient_id, collected_at, specimen, reported_at FROM read_labs WHERE counts_other_cells;

INSERT INTO rejected
SELECT row.source, as_given(to_json(row)), refused.reason, refused.patient_id, 'labs'
FROM marked_labs AS row
JOIN (SELECT source_file, source_row, reason, patient_id FROM read_labs WHERE reason IS NOT NULL) AS refused
  ON refused.source_file = row.source_file AND refused.source_row IS NOT DISTINCT FROM row.source_row;

-- In the order in which a page reads one patient, so that it need not look far; what is sorted last keeps it. `source` is
-- worked out when it is read: ten million texts would have to be moved.
CREATE OR REPLACE TABLE labs (
    patient_id TEXT, analyte TEXT, value DOUBLE, comparator TEXT, collected_at TIMESTAMP, reported_at TIMESTAMP,
    specimen TEXT, status TEXT, ref_low DOUBLE, ref_high DOUBLE, raw_value TEXT, raw_unit TEXT, derived BOOLEAN,
    collected_offset TEXT, source_file TEXT, source_row BIGINT,
    source TEXT GENERATED ALWAYS AS (concat(source_file, ' row ' || source_row))
);
INSERT INTO labs BY NAME
SELECT * REPLACE (CAST(analyte AS TEXT) AS analyte, CAST(status AS TEXT) AS status, CAST(raw_unit AS TEXT) AS raw_unit),
       false AS derived
FROM (SELECT * EXCLUDE (reason, counts_other_cells) FROM read_labs WHERE reason IS NULL ORDER BY patient_id);
DROP TABLE read_labs; DROP TABLE meanings; DROP VIEW marked_labs;
DROP TYPE analyte_word; DROP TYPE unit_word; DROP TYPE state_word;
