-- ANC from a differential, where none was reported: WBC × (segmented + band %) / 100, or WBC × total
-- neutrophil % / 100. A collection time is followed through its report times, so that a replay of a
-- past day derives from what was known that day. All of it stays empty where no percentage was read.

CREATE OR REPLACE TEMP TABLE differentials AS
SELECT patient_id, collected_at FROM labs
WHERE analyte IN ('segs_pct', 'neutrophils_pct') GROUP BY patient_id, collected_at;

CREATE OR REPLACE TEMP TABLE components AS
SELECT labs.patient_id, labs.collected_at, labs.analyte, labs.specimen, labs.reported_at, labs.value,
       labs.comparator, labs.raw_value, labs.raw_unit, labs.source, labs.collected_offset,
       labs.status IN ('entered-in-error', 'cancelled') OR labs.value IS NULL AS withdrawn
FROM labs JOIN differentials USING (patient_id, collected_at)
WHERE labs.analyte IN ('wbc', 'segs_pct', 'bands_pct', 'neutrophils_pct', 'anc');

-- Two tubes of one moment are derived apart where each has its own WBC and differential; else together.
CREATE OR REPLACE TEMP TABLE tubes AS
WITH measured AS (
    SELECT patient_id, collected_at, specimen,
           count(*) FILTER (analyte = 'wbc') > 0
               AND count(*) FILTER (analyte IN ('segs_pct', 'neutrophils_pct')) > 0 AS complete
    FROM components WHERE analyte <> 'anc' GROUP BY patient_id, collected_at, specimen
), apart AS (
    SELECT patient_id, collected_at,
           bool_and(complete) AND count(*) = count(specimen) AND count(*) > 1 AS apart,
           CASE WHEN count(*) = 1 THEN min(specimen) END AS only_specimen
    FROM measured GROUP BY patient_id, collected_at
)
SELECT row_number() OVER () AS sample, *
FROM (SELECT DISTINCT apart.patient_id, apart.collected_at, apart.apart,
             CASE WHEN apart.apart THEN measured.specimen ELSE apart.only_specimen END AS tube
      FROM apart JOIN measured USING (patient_id, collected_at));

CREATE OR REPLACE TEMP TABLE sample_components AS
SELECT row_number() OVER () AS id, tubes.sample, components.*
FROM components JOIN tubes
  ON components.patient_id = tubes.patient_id AND components.collected_at = tubes.collected_at
 AND (NOT tubes.apart OR components.specimen = tubes.tube OR components.specimen IS NULL);

CREATE OR REPLACE TEMP TABLE counted_samples AS
SELECT tubes.sample, min(other_cells.reported_at) AS counted_at
FROM tubes JOIN other_cells
  ON other_cells.patient_id = tubes.patient_id AND other_cells.collected_at = tubes.collected_at
 AND (NOT tubes.apart OR other_cells.specimen = tubes.tube OR other_cells.specimen IS NULL)
GROUP BY tubes.sample;

-- At each report time, the version of every component that was known: the latest report; at a tie a
-- usable one before a withdrawn one, then the lowest. Of several specimens the lowest (the safer figure).
CREATE OR REPLACE TEMP TABLE known_components AS
WITH report_times AS (
    SELECT sample, reported_at AS known_at FROM sample_components
    UNION SELECT sample, counted_at FROM counted_samples
), versions AS (
    SELECT component.*, report_times.known_at
    FROM report_times JOIN sample_components AS component
      ON component.sample = report_times.sample AND component.reported_at <= report_times.known_at
    QUALIFY row_number() OVER (
        PARTITION BY component.sample, report_times.known_at, component.analyte, component.specimen
        ORDER BY component.reported_at DESC, component.withdrawn, component.value, component.source) = 1
)
SELECT sample, known_at, id, CASE WHEN NOT withdrawn THEN analyte END AS analyte
FROM versions
QUALIFY row_number() OVER (PARTITION BY sample, known_at, analyte ORDER BY withdrawn, value, source) = 1;

-- One row a report time, side by side. Values go back to decimals through their shortest text: 24.9 is 24.9.
CREATE OR REPLACE TEMP TABLE differential_states AS
WITH side_by_side AS (
    SELECT sample, known_at, coalesce(bool_or(analyte = 'anc'), false) AS anc_measured,
           any_value(id) FILTER (analyte = 'wbc') AS wbc,
           any_value(id) FILTER (analyte = 'segs_pct') AS segs,
           any_value(id) FILTER (analyte = 'bands_pct') AS bands,
           any_value(id) FILTER (analyte = 'neutrophils_pct') AS total
    FROM known_components GROUP BY sample, known_at
), decimals AS (
    SELECT state.*, coalesce(counted.counted_at <= state.known_at, false) AS counted,
           wbc.raw_unit, wbc.collected_offset,
           wbc.raw_value AS wbc_raw, wbc.source AS wbc_source, wbc.comparator AS wbc_sign,
           segs.raw_value AS segs_raw, segs.source AS segs_source, segs.comparator AS segs_sign,
           bands.raw_value AS bands_raw, bands.source AS bands_source, bands.comparator AS bands_sign,
           total.raw_value AS total_raw, total.source AS total_source, total.comparator AS total_sign,
           TRY_CAST(CAST(wbc.value AS TEXT) AS DECIMAL(21, 10)) AS wbc_count,
           TRY_CAST(CAST(segs.value AS TEXT) AS DECIMAL(17, 14))
               + coalesce(TRY_CAST(CAST(bands.value AS TEXT) AS DECIMAL(17, 14)), 0) AS segs_and_bands,
           TRY_CAST(CAST(total.value AS TEXT) AS DECIMAL(17, 14)) AS total_share
    FROM side_by_side AS state
    LEFT JOIN counted_samples AS counted ON counted.sample = state.sample
    LEFT JOIN sample_components AS wbc ON wbc.id = state.wbc
    LEFT JOIN sample_components AS segs ON segs.id = state.segs
    LEFT JOIN sample_components AS bands ON bands.id = state.bands
    LEFT JOIN sample_components AS total ON total.id = state.total
), routed AS (
    -- shares that add to more than 100 % are as implausible as one percentage above 100
    SELECT *, CASE WHEN anc_measured OR wbc_count IS NULL THEN NULL
                   WHEN segs_and_bands > 0 AND segs_and_bands <= 100 THEN 'segs'
                   WHEN total_share > 0 THEN 'total'
                   -- 0 % is an ANC of 0 only where other cells prove that cells were counted
                   WHEN segs_and_bands = 0 AND counted THEN 'segs'
                   WHEN total_share = 0 AND counted THEN 'total' END AS route
    FROM decimals
), multiplied AS (
    SELECT *, CASE route WHEN 'segs' THEN wbc_sign || segs_sign || coalesce(bands_sign, '')
                         WHEN 'total' THEN wbc_sign || total_sign END AS signs,
           wbc_count * CAST(CASE route WHEN 'segs' THEN segs_and_bands
                                       WHEN 'total' THEN total_share END AS DECIMAL(17, 14)) AS hundredfold
    FROM routed
), read_once AS (
    SELECT *, CAST(CAST(hundredfold AS TEXT) || 'e-2' AS DOUBLE) AS product FROM multiplied
)
SELECT sample, known_at, anc_measured, collected_offset, raw_unit,
       CASE WHEN contains(signs, '<') THEN '<' WHEN contains(signs, '>') THEN '>' ELSE '' END AS comparator,
       CASE WHEN NOT (contains(signs, '<') AND contains(signs, '>'))
             AND product <= (SELECT CAST(value AS DOUBLE) FROM known_limits WHERE name = 'implausible_anc')
            THEN product END AS value,
       trim(wbc_raw) || ' × ' || CASE WHEN route = 'total' THEN trim(total_raw)
           WHEN bands_raw IS NULL THEN trim(segs_raw)
           ELSE '(' || trim(segs_raw) || ' + ' || trim(bands_raw) || ')' END || ' %' AS raw_value,
       CASE WHEN route = 'total' THEN concat_ws('; ', wbc_source, total_source)
            ELSE concat_ws('; ', wbc_source, segs_source, bands_source) END AS source
FROM read_once;

-- Only changes become rows. A figure that stands and can no longer be derived is withdrawn by a cancelled
-- row; while a measured ANC stands there is nothing to say.
INSERT INTO labs (
    patient_id, analyte, value, comparator, collected_at, reported_at, specimen, status, ref_low, ref_high, raw_value,
    raw_unit, derived, source_file, collected_offset)
WITH followed AS (
    SELECT *, lag(value) OVER moment AS value_before, lag(comparator) OVER moment AS comparator_before,
           last_value(CASE WHEN NOT anc_measured THEN value IS NOT NULL END IGNORE NULLS)
               OVER earlier AS standing,
           last_value(CASE WHEN value IS NOT NULL THEN source END IGNORE NULLS)
               OVER earlier AS standing_source
    FROM differential_states JOIN tubes USING (sample)
    WINDOW moment AS (PARTITION BY sample ORDER BY known_at),
           earlier AS (PARTITION BY sample ORDER BY known_at ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
)
SELECT patient_id, 'anc', value, comparator, collected_at, known_at, tube, 'final', NULL, NULL,
       raw_value, raw_unit, true, source, collected_offset
FROM followed
WHERE value IS NOT NULL AND (value IS DISTINCT FROM value_before OR comparator <> comparator_before)
UNION ALL
SELECT patient_id, 'anc', NULL, '', collected_at, known_at, tube, 'cancelled', NULL, NULL, NULL, NULL,
       true, standing_source, collected_offset
FROM followed WHERE value IS NULL AND NOT anc_measured AND standing
ORDER BY patient_id;

DROP TABLE differentials; DROP TABLE components; DROP TABLE tubes; DROP TABLE sample_components;
DROP TABLE counted_samples;
DROP TABLE known_components; DROP TABLE differential_states;
