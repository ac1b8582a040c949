-- What each order and statement says of dose and days. Its instructions for the same days add up; one that cannot be
-- read leaves the dose of a day unknown, so that the whole row is set aside.

CREATE OR REPLACE TEMP MACRO folded_timing(written) AS upper(regexp_replace(written, '[ .]', '', 'g'));

-- Nine decimals of a mg: no dose has more, and what binary products add far behind them is cut off.
CREATE OR REPLACE TEMP MACRO in_mg(product) AS TRY_CAST(product AS DECIMAL(28, 9));

CREATE OR REPLACE TEMP TABLE dose_units AS
SELECT spelling, CAST('1e' || power AS DOUBLE) AS factor FROM known_dose_units;
CREATE OR REPLACE TEMP TABLE timings AS
SELECT folded_timing(code) AS code, CAST(times AS DOUBLE) AS times, CAST(days AS DOUBLE) AS days FROM known_timings;

CREATE OR REPLACE TEMP TABLE fhir_orders AS
SELECT place, source, type, patient_id, drug, text, said[1] AS status, said[2] AS intent, said[3] AS not_to_do,
       coalesce(said[4], said[5]) AS effective_start, coalesce(said[6], said[5]) AS effective_end,
       said[7] AS valid_start, said[8] AS valid_end,
       CASE WHEN type = 'MedicationRequest' THEN json_extract(text, '$.dosageInstruction[*]')
            ELSE json_extract(text, '$.dosage[*]') END AS instructions
FROM (SELECT *, json_extract_string(text, [
          '$.status', '$.intent', '$.doNotPerform',
          '$.effectivePeriod.start', '$.effectiveDateTime', '$.effectivePeriod.end',
          '$.dispenseRequest.validityPeriod.start', '$.dispenseRequest.validityPeriod.end']) AS said
      FROM fhir_uses JOIN fhir_drugs USING (medicine) WHERE type <> 'MedicationAdministration');

CREATE OR REPLACE TEMP TABLE fhir_instructions AS
WITH written AS (
    SELECT place, nth, json_extract_string(instruction, [
               '$.timing.repeat.boundsPeriod.start', '$.timing.repeat.boundsPeriod.end',
               '$.timing.repeat.boundsDuration',
               '$.timing.repeat.frequency', '$.timing.repeat.frequencyMax', '$.timing.repeat.period',
               '$.timing.repeat.periodMax', '$.timing.repeat.periodUnit', '$.timing.repeat.dayOfWeek',
               '$.asNeededBoolean', '$.asNeededCodeableConcept',
               '$.timing.repeat.boundsRange', '$.timing.repeat.count']) AS said,
           greatest(len(json_extract(instruction, '$.timing.repeat.timeOfDay[*]')),
                    len(json_extract(instruction, '$.timing.repeat.when[*]'))) AS moments,
           list_distinct(json_extract(instruction, '$.doseAndRate[*].doseQuantity')) AS quantities,
           list_transform(list_append(json_extract_string(instruction, '$.timing.code.coding[*].code'),
                                      json_extract_string(instruction, '$.timing.code.text')),
                          lambda word: folded_timing(word)) AS timing_words
    FROM (SELECT place, unnest(instructions) AS instruction, generate_subscripts(instructions, 1) AS nth
          FROM fhir_orders)
), coded AS (
    SELECT place, nth, min(times) AS code_times, min(days) AS code_days, count(DISTINCT times / days) AS code_rates
    FROM (SELECT place, nth, unnest(timing_words) AS code FROM written) JOIN timings USING (code)
    GROUP BY place, nth
), counted AS (
    SELECT written.*, code_times, code_days, coalesce(code_rates, 0) AS code_rates,
           len(quantities) AS doses, json_extract_string(quantities[1], ['$.value', '$.comparator', '$.code', '$.unit'])
               AS dose,
           said[4] IS NOT NULL OR said[6] IS NOT NULL OR moments > 0 AS repeats,
           CASE WHEN said[4] IS NULL THEN greatest(moments, 1.0) ELSE TRY_CAST(said[4] AS DOUBLE) END
               * CASE said[8] WHEN 'h' THEN 24 WHEN 'min' THEN 1440 ELSE 1 END AS times,
           CASE WHEN said[6] IS NULL AND said[4] IS NULL THEN 1
                WHEN said[8] IN ('d', 'wk', 'h', 'min')
                    THEN TRY_CAST(said[6] AS DOUBLE) * CASE said[8] WHEN 'wk' THEN 7 ELSE 1 END END AS days
    FROM written LEFT JOIN coded USING (place, nth)
), units AS (
    SELECT counted.*, coalesce(by_code.factor, by_print.factor) AS factor, TRY_CAST(dose[1] AS DOUBLE) AS amount
    FROM counted
    LEFT JOIN dose_units AS by_code ON by_code.spelling = dose[3]
    LEFT JOIN dose_units AS by_print ON by_print.spelling = dose[4]
), rated AS (
    SELECT *, CASE WHEN repeats THEN times ELSE code_times END AS times_given,
           CASE WHEN repeats THEN days ELSE code_days END AS days_given
    FROM units
)
SELECT place, nth, said[1] AS bound_start, said[2] AS bound_end, coalesce(said[3], said[12], said[13]) AS length,
       in_mg(amount * factor * times_given / days_given) AS dose_a_day,
       CASE WHEN doses = 0 OR doses IS NULL OR dose[1] IS NULL THEN 'no dose'
            WHEN doses > 1 OR dose[2] IS NOT NULL THEN 'dose not clear'
            WHEN factor IS NULL THEN 'dose not in mg'
            WHEN amount IS NULL THEN 'not a number'
            WHEN amount < 0 THEN 'negative'
            WHEN said[10] = 'true' OR said[11] IS NOT NULL THEN 'as needed'
            WHEN NOT repeats AND code_rates = 0 THEN 'no frequency'
            WHEN said[5] IS NOT NULL OR said[7] IS NOT NULL OR said[9] IS NOT NULL OR code_rates > 1
              OR days_given IS NULL OR days_given <= 0 OR times_given IS NULL OR times_given <= 0
              OR (repeats AND code_rates = 1 AND times * code_days <> code_times * days)
                THEN 'frequency not clear' END AS reason
FROM rated;

CREATE OR REPLACE TEMP TABLE fhir_courses AS
SELECT fhir_orders.place, source, type, patient_id, drug,
       CASE WHEN effective_start IS NOT NULL THEN effective_start
            WHEN bound_start IS NOT NULL OR bound_end IS NOT NULL THEN bound_start ELSE valid_start END AS starts,
       CASE WHEN effective_start IS NOT NULL THEN effective_end
            WHEN bound_start IS NOT NULL OR bound_end IS NOT NULL THEN bound_end ELSE valid_end END AS ends,
       nth, dose_a_day, length, fhir_instructions.reason AS unread, status IN ('completed', 'stopped') AS is_over,
       CASE WHEN status IN ('entered-in-error', 'cancelled', 'draft', 'on-hold', 'not-taken', 'intended')
                THEN 'status ' || status
            WHEN intent IN ('proposal', 'plan', 'option') THEN 'intent ' || intent
            WHEN not_to_do = 'true' THEN 'not to be given' END AS not_given
FROM fhir_orders LEFT JOIN fhir_instructions USING (place);

CREATE OR REPLACE TEMP TABLE fhir_order_reasons AS
SELECT place, coalesce(
           min(not_given),
           min(CASE WHEN moment_of(ends) < moment_of(starts) THEN 'ends before it starts' END),
           min(CASE WHEN starts IS NULL THEN 'no period' END),
           min(CASE WHEN day_of(starts) IS NULL OR (ends IS NOT NULL AND day_of(ends) IS NULL) THEN 'no date' END),
           -- without an end it would be read as going on
           min(CASE WHEN is_over AND ends IS NULL THEN 'ended, the day is not given' END),
           min(CASE WHEN nth IS NULL THEN 'no dose' END),
           arg_min(unread, nth) FILTER (unread IS NOT NULL),
           -- one after another, for so many days each: the days themselves are not written
           CASE WHEN count(*) > 1 AND count(length) > 0 THEN 'steps without dates' END,
           min(CASE WHEN length IS NOT NULL AND ends IS NULL THEN 'length given, no last day' END),
           min(CASE WHEN dose_a_day IS NULL THEN 'not a number' END)) AS reason
FROM fhir_courses GROUP BY place;

INSERT INTO malformed
SELECT 'exposures', source, text, reason
FROM fhir_orders JOIN fhir_order_reasons USING (place) WHERE reason IS NOT NULL;
