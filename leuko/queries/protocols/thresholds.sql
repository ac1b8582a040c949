-- The counts that open a hold and that let it end.
FROM thresholds
ORDER BY protocol, analyte
