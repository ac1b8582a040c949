-- At which counts the protocols of the chosen courses hold and resume, and under how many courses each stands.
WITH used AS (
    SELECT protocol, drug, count(*) AS courses FROM chosen GROUP BY protocol, drug
)

SELECT
    used.protocol, used.drug, used.courses, thresholds.analyte, 'hold' AS role,
    thresholds.hold_operator AS operator, thresholds.hold AS number, thresholds.verified
FROM used
JOIN thresholds ON thresholds.protocol = used.protocol
UNION ALL
SELECT
    used.protocol, used.drug, used.courses, thresholds.analyte, 'resume', thresholds.resume_operator, thresholds.resume,
    thresholds.verified
FROM used
JOIN thresholds ON thresholds.protocol = used.protocol
ORDER BY ALL
