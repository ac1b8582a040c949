"""One small cohort as CSV, as FHIR, as OMOP and as a mapped export: the same tables, whatever the shape it comes in."""

import csv
import io
from contextlib import closing
from datetime import date, timedelta

import duckdb
import pytest

import leuko
from leuko import sources
from leuko.sources import fhir, mapped, omop
from tests import test_fhir as resources
from tests import test_omop as model
from tests.accounted import every_row_is_accounted_for

AS_OF = date(2024, 11, 15)
LOINC = {"anc": "751-8", "wbc": "6690-2", "platelets": "777-3"}
MAPPING = '''
[files.tests]
file = "tests.csv"
numbers = ["Wert"]
[files.drugs]
file = "drugs.csv"
[labs]
select = """SELECT Fall AS patient_id, Test AS analyte, Wert AS value, 'G/L' AS unit, Tag AS collected_at,
    row_number AS source FROM tests"""
[exposures]
select = """SELECT Fall AS patient_id, Mittel AS drug, mg AS dose_mg, von AS start_on, bis AS end_on,
    row_number AS source FROM drugs"""
'''


def text_of(names, rows, delimiter=","):
    written = io.StringIO()
    csv.writer(written, delimiter=delimiter, lineterminator="\n").writerows([names, *rows])
    return written.getvalue()


def as_csv(con, folder, labs, doses):
    lab_rows = [(patient, analyte, day, value, "10*9/L") for patient, analyte, day, value in labs]
    (folder / "labs.csv").write_text(text_of(("patient_id", "analyte", "collected_at", "value", "unit"), lab_rows))
    names = ("patient_id", "drug", "dose_mg", "start_on", "end_on")
    dose_rows = [(patient, "dasatinib", mg, start, last(start, days)) for patient, mg, start, days in doses]
    (folder / "exposures.csv").write_text(text_of(names, dose_rows))
    sources.read_csv(con, labs=folder / "labs.csv", exposures=folder / "exposures.csv")


def as_fhir(con, folder, labs, doses):
    def subject(patient):
        return {"subject": {"reference": f"Patient/{patient}"}}

    results = [
        resources.observation(LOINC[analyte], float(value), effectiveDateTime=str(day), **subject(patient))
        for patient, analyte, day, value in labs
    ]
    orders = [
        resources.request(resources.dosage(mg, start=str(start), end=str(last(start, days))), **subject(patient))
        for patient, mg, start, days in doses
    ]
    (folder / "all.ndjson").write_bytes(resources.lines(*results, *orders))
    fhir.read(con, folder)


def as_omop(con, folder, labs, doses):
    model.write(
        folder,
        person=[],
        measurement=[
            {"person_id": patient, "measurement_concept_id": model.CONCEPT_OF[analyte], "measurement_date": day,
             "value_as_number": value, "unit_concept_id": 9444}
            for patient, analyte, day, value in labs
        ],
        drug_exposure=[
            {"person_id": patient, "drug_concept_id": mg, "drug_exposure_start_date": start, "quantity": days,
             "drug_exposure_end_date": last(start, days), "days_supply": days}
            for patient, mg, start, days in doses
        ],
        drug_strength=[
            {"drug_concept_id": mg, "ingredient_concept_id": model.DASATINIB, "amount_value": mg}
            for mg in (100, 80, 50)
        ],
    )  # fmt: skip
    omop.read(con, folder)


def as_export(con, folder, labs, doses):
    lab_rows = [(patient, analyte, day, value.replace(".", ",")) for patient, analyte, day, value in labs]
    (folder / "tests.csv").write_text(text_of(("Fall", "Test", "Tag", "Wert"), lab_rows, ";"))
    dose_rows = [(patient, "Dasatinib", mg, start, last(start, days)) for patient, mg, start, days in doses]
    (folder / "drugs.csv").write_text(text_of(("Fall", "Mittel", "mg", "von", "bis"), dose_rows, "\t"))
    (folder / "mapping.toml").write_text(MAPPING)
    mapped.read(con, folder, folder)


def last(start, days):
    return start + timedelta(days - 1)


SHAPES = {"csv": as_csv, "fhir": as_fhir, "omop": as_omop, "mapping": as_export}


@pytest.mark.parametrize("seed", range(3))
def test_a_cohort_gives_the_same_tables_in_every_shape(tmp_path, seed):
    cohort = model.small_cohort(seed)
    found = {}
    for shape, write_and_read in SHAPES.items():
        folder = tmp_path / shape
        folder.mkdir()
        with closing(duckdb.connect()) as con:
            write_and_read(con, folder, *cohort)
            every_row_is_accounted_for(con)
            assert con.execute("SELECT count(*) FROM rejected").fetchall() == [(0,)]
            result = leuko.evaluate(connection=con, as_of=AS_OF)
            found[shape] = {
                name: getattr(result, name).to_csv(index=False)
                for name in ("episodes", "recommendations", "worklist", "alerts")
            }
            assert len(result.episodes) > 6
    for shape, tables in found.items():
        assert tables == found["csv"], shape
