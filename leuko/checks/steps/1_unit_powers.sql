-- By which power of ten each unit of a count was converted, from the results themselves: 3 for 10*9/L.
SELECT raw_unit, CAST(round(log10(max(value / TRY_CAST(raw_value AS DOUBLE)))) AS INTEGER) AS power
FROM labs
WHERE value > 0 AND NOT derived AND coalesce(comparator, '') = ''
    AND analyte IN ('anc', 'wbc', 'platelets', 'granulocytes')
GROUP BY raw_unit
