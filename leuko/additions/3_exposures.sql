-- Doses that are not there yet. An exposure that comes again with another end (same patient, drug, setting, dose and
-- first day) takes the place of the one before. Several of one first day and dose, such as two tablets, are compared
-- together.
CREATE OR REPLACE TEMP TABLE came AS
SELECT exposures.*, row(patient_id, drug, setting, dose_mg, dose_unit, start_on) AS order_of FROM added.exposures;

CREATE OR REPLACE TEMP TABLE there AS
SELECT
    exposures.*, exposures.rowid AS place,
    row(exposures.patient_id, drug, setting, dose_mg, dose_unit, start_on) AS order_of
FROM base.exposures
SEMI JOIN named ON named.patient_id = exposures.patient_id;

CREATE OR REPLACE TEMP TABLE come_again AS
WITH came_ends AS (
    SELECT order_of, list_sort(list(row(end_on, end_reason))) AS ends FROM came GROUP BY order_of
),

there_ends AS (
    SELECT order_of, list_sort(list(row(end_on, end_reason))) AS ends FROM there GROUP BY order_of
)

SELECT came_ends.order_of, came_ends.ends = there_ends.ends AS alike
FROM came_ends
JOIN there_ends ON there_ends.order_of = came_ends.order_of;

CREATE OR REPLACE TEMP TABLE taken_over AS
SELECT there.* FROM there JOIN come_again ON come_again.order_of = there.order_of WHERE NOT come_again.alike;

CREATE OR REPLACE TEMP TABLE new_exposures AS
SELECT came.* EXCLUDE (order_of) REPLACE (of_this_load(came.source) AS source)
FROM came
ANTI JOIN (FROM come_again WHERE alike) AS alike ON alike.order_of = came.order_of;

INSERT INTO base.replaced
SELECT this_load.number, 'exposures', taken_over.source, to_json(taken_over)
FROM (SELECT * EXCLUDE (place, order_of) FROM taken_over) AS taken_over CROSS JOIN this_load;
DELETE FROM base.exposures WHERE rowid IN (SELECT place FROM taken_over);
INSERT INTO base.exposures BY NAME FROM new_exposures;
DROP TABLE came; DROP TABLE there; DROP TABLE come_again; DROP TABLE taken_over;
