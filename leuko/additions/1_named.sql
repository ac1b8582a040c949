-- Who is named in what came, and what stands of them already.
CREATE OR REPLACE TEMP TABLE named AS
SELECT patient_id FROM added.labs
UNION SELECT patient_id FROM added.exposures
UNION SELECT patient_id FROM added.patients
UNION SELECT patient_id FROM added.events
UNION SELECT patient_id FROM added.other_cells
UNION SELECT patient_id FROM added.rejected WHERE patient_id IS NOT NULL;

-- Their results as they were. Of the whole table only the patients are read, and then the places of these: a third less
-- time than to read all of its columns.
CREATE TABLE was.labs AS
FROM base.labs AS labs
SEMI JOIN (SELECT rowid AS place FROM base.labs SEMI JOIN named USING (patient_id)) AS theirs ON theirs.place = labs.rowid;

-- A row's mark in a later load names that load too: the same file name may come every night.
CREATE OR REPLACE TEMP MACRO of_this_load(source) AS
    'load ' || (SELECT number FROM this_load) || ' ' || replace(source, '; ', '; load ' || (SELECT number FROM this_load) || ' ');
