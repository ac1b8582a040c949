-- Measured results that stand: not withdrawn, with a value, and the latest version where there are several.
SELECT labs.*
FROM labs
WHERE labs.value IS NOT NULL AND NOT labs.derived AND NOT is_withdrawn(labs.status)
    AND labs.rowid NOT IN (SELECT row FROM result_versions WHERE NOT latest)
