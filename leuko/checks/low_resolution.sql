-- Results within half of a cut of the patient's protocols: those whose last digit is worth so much that the true count
-- may lie on the other side. 0.5 ×10⁹/L stands for 450 up to, not including, 550 cells/µL.
WITH cuts AS (
    SELECT protocol, analyte, 'holds' AS role, hold_operator AS operator, hold AS cut FROM thresholds
    UNION ALL
    SELECT protocol, analyte, 'resumes', resume_operator, resume FROM thresholds
),

bounds AS (
    SELECT analyte, min(cut) * 0.5 AS lowest, max(cut) * 1.5 AS highest FROM cuts GROUP BY analyte
),

candidates AS (
    SELECT result.*
    FROM standing_results AS result
    JOIN bounds
        ON bounds.analyte = result.analyte AND result.value >= bounds.lowest AND result.value <= bounds.highest
    WHERE coalesce(result.comparator, '') = ''
),

-- First the few cuts of each patient: results are many.
of_patients AS MATERIALIZED (
    SELECT given.patient_id, cuts.*
    FROM (SELECT DISTINCT patient_id, protocol FROM doses WHERE dose_mg > 0) AS given
    JOIN cuts ON cuts.protocol = given.protocol
),

near AS (
    SELECT
        candidates.patient_id, candidates.source, CAST(candidates.collected_at AS DATE) AS day, candidates.analyte,
        candidates.value, raw_words(candidates.raw_value, candidates.raw_unit) AS printed,
        printed_step(printed_number(candidates.raw_value), unit_powers.power) AS step,
        cuts.protocol, cuts.role, cuts.operator, cuts.cut
    FROM candidates
    JOIN unit_powers ON unit_powers.raw_unit = candidates.raw_unit
    JOIN of_patients AS cuts
        ON cuts.patient_id = candidates.patient_id AND cuts.analyte = candidates.analyte
        AND candidates.value >= cuts.cut * 0.5 AND candidates.value <= cuts.cut * 1.5
),

judged AS (
    SELECT
        *,
        step * 100 >= $threshold * cut AND CASE
            WHEN operator IN ('<', '>=')
                THEN CASE WHEN value < cut THEN value + step / 2 > cut ELSE value - step / 2 < cut END
            ELSE CASE WHEN value <= cut THEN value + step / 2 > cut ELSE value - step / 2 <= cut END
        END AS either_side
    FROM near
)

SELECT
    patient_id, source, day,
    analyte_words(analyte) || ' ' || printed || ' may be ' || cells_number(value - step / 2) || ' to '
        || cells_said(value + step / 2 - 1) || '; '
        || string_agg(DISTINCT protocol || ' ' || role || ' ' || threshold_words(operator, cut), ', ')
            FILTER (WHERE either_side) AS words,
    bool_or(either_side) AS failed
FROM judged
GROUP BY patient_id, source, day, analyte, printed, value, step
