-- The counts at which the patient's protocols hold, resume or decide at a draw, as a figure marks them.
SELECT protocol, analyte, 'hold' AS role, hold_operator AS operator, hold AS number, verified
FROM thresholds
WHERE protocol IN (SELECT protocol FROM worklist WHERE patient_id = $patient)
UNION ALL
SELECT protocol, analyte, 'resume', resume_operator, resume, verified
FROM thresholds
WHERE protocol IN (SELECT protocol FROM worklist WHERE patient_id = $patient)
UNION ALL
SELECT bands.protocol, bands.analyte, statuses.word, bands.operator, bands.number, during.verified
FROM during_bands AS bands
JOIN during ON during.protocol = bands.protocol AND during.line = bands.line
JOIN statuses ON statuses.status = during.action
WHERE bands.protocol IN (SELECT protocol FROM worklist WHERE patient_id = $patient)
QUALIFY row_number() OVER (PARTITION BY bands.protocol, bands.line, bands.analyte ORDER BY bands.number DESC) = 1
ORDER BY ALL
