-- Step 10. Which results each reader reads, with the thresholds of its protocol: all of them (last_on null), or of a
-- quiet course only those of the last day. No thresholds outside a course or where the protocol names no such analyte.
SELECT
    readers.person, readers.patient_id, readers.course, readers.start_on, readers.read_to, readers.quiet,
    analytes.analyte, seen.last_on,
    thresholds.hold, thresholds.hold_operator = '<=' AS hold_inclusive,
    thresholds.resume, thresholds.resume_operator = '>=' AS resume_inclusive
FROM readers
CROSS JOIN (VALUES ('anc'), ('platelets')) AS analytes (analyte)
JOIN seen ON seen.patient_id = readers.patient_id AND seen.analyte = analytes.analyte
LEFT JOIN thresholds ON thresholds.protocol = readers.protocol AND thresholds.analyte = analytes.analyte
