-- What to do once the cause of the low counts is known, and what must be known before (`first`).
SELECT protocol, cause, action, dose_rule_words('fixed', dose_mg) AS dose, first, why, verified, source
FROM related
ORDER BY protocol, cause
