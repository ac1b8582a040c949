-- What a FHIR resource is asked for, in one reading of its text, and the tables that the files are read into.

CREATE OR REPLACE TEMP MACRO observed(resource) AS json_extract_string(resource, [
    '$.resourceType', '$.id', '$.status', '$.code', '$.subject.reference',
    '$.effectiveDateTime', '$.effectiveInstant', '$.effectivePeriod.start', '$.issued',
    '$.valueQuantity.value', '$.valueQuantity.comparator', '$.valueQuantity.code', '$.valueQuantity.unit',
    '$.valueString', '$.valueInteger',
    '$.specimen.reference', '$.component', '$.referenceRange[1]',
    '$.referenceRange[0].low.value', '$.referenceRange[0].low.code', '$.referenceRange[0].low.unit',
    '$.referenceRange[0].high.value', '$.referenceRange[0].high.code', '$.referenceRange[0].high.unit']);

-- A range counts where it is the only one (of several, by age or kind, none is told to be the patient's) and has the
-- unit of the value, or none of its own.
CREATE OR REPLACE TEMP MACRO range_end(value, code, unit, next_range, value_code, value_unit) AS
    CASE WHEN next_range IS NULL AND (coalesce(code, unit) IS NULL OR code = value_code OR unit = value_unit)
         THEN value END;

-- Blanks around a text are nothing, and an empty text is none.
CREATE OR REPLACE TEMP MACRO said_text(written) AS nullif(trim(written, ' ' || chr(9) || chr(10) || chr(13)), '');

-- "Patient/1", "https://server/fhir/Patient/1/_history/2" and "urn:uuid:1" all name 1; "#1" is known only in its own
-- resource.
CREATE OR REPLACE TEMP MACRO named_id(reference, type) AS nullif(
    CASE WHEN starts_with(reference, 'urn:') THEN regexp_extract(reference, '([^:]+)$', 1)
         ELSE regexp_extract(reference, '(?:^|/)' || type || '/([^/?|#]+)', 1) END, '');

-- FHIR may write a year or a month alone: such a date names no day.
CREATE OR REPLACE TEMP MACRO names_no_day(written) AS coalesce(regexp_full_match(written, '\d{4}(-\d{2})?'), false);
CREATE OR REPLACE TEMP MACRO day_of(written) AS
    TRY_CAST(regexp_extract(said_text(written), '^(\d{4}-\d{2}-\d{2})(T.*)?$', 1) AS DATE);
CREATE OR REPLACE TEMP MACRO moment_of(written) AS
    coalesce(TRY_CAST(left(said_text(written), 19) AS TIMESTAMP), CAST(day_of(written) AS TIMESTAMP));

CREATE OR REPLACE TEMP MACRO kind_of(resource_type) AS
    CASE WHEN resource_type = 'Observation' THEN 'labs' WHEN resource_type = 'Patient' THEN 'patients'
         WHEN resource_type = 'Condition' THEN 'events' WHEN resource_type LIKE 'Medication_%' THEN 'exposures'
         ELSE 'other' END;

CREATE OR REPLACE TEMP TABLE fhir_observations (
    source TEXT, id TEXT, status TEXT, code TEXT, subject TEXT, collected TEXT, issued TEXT, value TEXT,
    comparator TEXT, unit_code TEXT, unit TEXT, ref_low TEXT, ref_high TEXT, specimen TEXT, component TEXT);
CREATE OR REPLACE TEMP TABLE fhir_resources (source TEXT, type TEXT, id TEXT, text TEXT, urn TEXT);
