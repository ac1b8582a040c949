-- Actions of whose day something else was known than today: a result of an earlier day was reported after it, a cause
-- was recorded again later, or the protocol decides at draws. They are judged on an evaluation of that day.
WITH late AS (
    SELECT patient_id, CAST(collected_at AS DATE) AS collected_on, CAST(reported_at AS DATE) AS reported_on
    FROM results
    WHERE analyte IN ('anc', 'platelets') AND CAST(reported_at AS DATE) > CAST(collected_at AS DATE)
)

SELECT actions.course, actions.day
FROM actions
JOIN courses ON courses.course = actions.course
JOIN protocols ON protocols.protocol = courses.protocol AND protocols.reads_every_draw
UNION
SELECT actions.course, actions.day
FROM actions
JOIN courses ON courses.course = actions.course
JOIN late
    ON late.patient_id = courses.patient_id AND late.collected_on <= actions.day AND late.reported_on > actions.day
UNION
SELECT actions.course, actions.day
FROM actions
JOIN courses ON courses.course = actions.course
JOIN causes ON causes.patient_id = courses.patient_id AND causes.cause_on > actions.day
