-- The worklist as a screen shows it: with the patient, the vocabulary of statuses and what to do in one sentence. `place`
-- is a key that sorts from the most urgent on; `alone`: the patient has no other course. `sought`: what a search looks
-- through, id and name in small letters with the control character 31 between them.
SELECT
    create_sort_key(
        statuses.urgency, 'ASC NULLS LAST', worklist.since, 'ASC NULLS LAST', worklist.patient_id, 'ASC NULLS LAST',
        worklist.drug, 'ASC NULLS LAST', worklist.protocol, 'ASC NULLS LAST'
    ) AS place,
    count(*) OVER (PARTITION BY worklist.patient_id) = 1 AS alone,
    worklist.patient_id, patients.name, patients.site, patients.clinician, patients.diagnosis, worklist.drug,
    worklist.protocol, worklist.status, statuses.urgency, statuses.word, statuses.need,
    -- Without a day for the next count nobody can say that the last one still holds: not the calm colour.
    CASE WHEN worklist.status = 'continue' AND worklist.next_lab_due_on IS NULL THEN 'wait'
        ELSE statuses.tone END AS tone,
    statuses.icon,
    replace(
        replace(statuses.to_do, '{drug}', coalesce(worklist.drug, 'the drug')),
        '{dose}', coalesce(dose_words(worklist.dose_mg, worklist.dose_unit), 'a dose that the table does not give')
    ) || ': '
    || CASE
        WHEN helped.given_on IS NULL THEN ''
        WHEN helped.given_on = helped.recovered_on
            THEN 'A growth factor was given on the day of the recovery, which may not be of the marrow. '
        ELSE 'A growth factor was given ' || days_words(date_diff('day', helped.given_on, helped.recovered_on))
            || ' before the recovery, which may not be of the marrow. '
    END
    || worklist.why AS to_do,
    worklist.why, worklist.mismatch, worklist.dose_mg, worklist.dose_now_mg, worklist.dose_unit,
    worklist.first_dose_mg, worklist.starting_dose_mg,
    worklist.last_anc, worklist.last_anc_comparator, worklist.last_anc_derived, worklist.last_anc_on,
    worklist.since, worklist.next_lab_due_on, worklist.certainty, worklist.course,
    lower(worklist.patient_id || chr(31) || coalesce(patients.name, '')) AS sought
FROM worklist
JOIN statuses ON statuses.status = worklist.status
LEFT JOIN patients ON patients.patient_id = worklist.patient_id
-- The recovery that the row speaks of, where a growth factor was given in its episode.
LEFT JOIN (
    SELECT episodes.course, episodes.recovered_on, max(growth_factors.given_on) AS given_on
    FROM episodes
    JOIN growth_factors
        ON growth_factors.patient_id = episodes.patient_id
        AND growth_factors.given_on BETWEEN episodes.onset_on AND episodes.recovered_on
    GROUP BY episodes.course, episodes.recovered_on
) AS helped
    ON helped.course = worklist.course AND helped.recovered_on = worklist.since
    AND worklist.status IN ('resume', 'reduce', 'review', 'discontinue')
ORDER BY place
