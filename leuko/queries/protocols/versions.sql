-- Every protocol of the file: whose it is, whether it is the default, and what it says of doses and patients in general.
WITH levels AS (
    SELECT protocol, string_agg(number_words(dose_mg), ', ' ORDER BY dose_mg DESC) || ' mg' AS words
    FROM dose_levels
    GROUP BY protocol
),

asked AS (
    SELECT protocol, string_agg(fact_asked_words(fact, word), ' and ' ORDER BY fact) AS words
    FROM requirements
    GROUP BY protocol
)

SELECT
    protocols.protocol, protocols.drug, protocols.setting, protocols.is_default, asked.words AS requires,
    replace(statuses.to_do, '{drug}', protocols.drug) AS at_onset, protocols.starting_dose_mg,
    levels.words AS dose_levels, protocols.cause_required, protocols.schedule_restarts_after_days, protocols.has_platelets
FROM protocols
JOIN statuses ON statuses.status = CASE WHEN protocols.cause_required THEN 'check_cause' ELSE 'hold' END
LEFT JOIN levels ON levels.protocol = protocols.protocol
LEFT JOIN asked ON asked.protocol = protocols.protocol
ORDER BY protocols.drug, protocols.is_default DESC, protocols.protocol
