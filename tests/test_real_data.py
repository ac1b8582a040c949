"""Real and public data: one command loads each, with the counts that are stated for it.

Of the children in ALL maintenance the rule finds what was counted apart.
"""

from contextlib import closing
from datetime import date

import duckdb
import pytest

import leuko
from leuko.__main__ import main
from leuko.store import Filters, Store
from tests import cohorts
from tests.accounted import every_row_is_accounted_for
from tests.serving import ROOT

EXAMPLES = ROOT / "leuko" / "sources" / "mapped" / "examples"
MAPPED = ("mimic3-demo", "clinsight-edc", "eicu-demo")
COMMANDS = {
    "all-maintenance": ["--dose-unit", "mg/m2"],
    **{name: ["--mapping", str(EXAMPLES / f"{name}.toml")] for name in MAPPED},
    **{name: ["--format", "fhir"] for name in ("fhir-mimic3-demo", "fhir-mimic4-demo", "fhir-small")},
    "omop-synthea27nj": ["--format", "omop"],
}
MEASURED = "labs WHERE NOT derived AND analyte ="
ROWS = "load_report WHERE file ="
# of each folder what is stated beside it: where to count, and how many there are
STATED = {
    "all-maintenance": [
        (f"{MEASURED} 'anc'", 3097), ("labs WHERE value < 500", 53), ("labs WHERE value < 750", 153),
        ("labs WHERE value < 1000", 296), ("exposures", 6853), ("(SELECT DISTINCT patient_id FROM labs)", 60),
    ],
    "mimic3-demo": [
        (f"{MEASURED} 'wbc'", 2021), (f"{MEASURED} 'platelets' AND comparator = ''", 2085),
        (f"{MEASURED} 'segs_pct'", 546), (f"{MEASURED} 'granulocytes'", 99), ("patients", 100),
        (f"{MEASURED} 'granulocytes' AND value < 500", 20), ("labs WHERE analyte = 'anc' AND derived", 546),
        # the 547th percentage: COMPUTER NETWORK FAILURE
        ("rejected WHERE reason = 'not a number' AND raw_record LIKE '%segs_pct%'", 1),
    ],
    "clinsight-edc": [
        (f"{MEASURED} 'anc'", 58), (f"{MEASURED} 'neutrophils_pct'", 3), (f"{MEASURED} 'anc' AND value = 169430", 1),
        ("rejected WHERE reason = 'not a number' AND raw_record LIKE '%\"anc\"%'", 1), ("exposures", 28),
    ],
    "eicu-demo": [
        (f"{MEASURED} 'wbc'", 861), (f"{MEASURED} 'platelets'", 863), (f"{MEASURED} 'segs_pct'", 511),
        (f"{MEASURED} 'bands_pct'", 47), ("(SELECT DISTINCT site FROM patients)", 79),
    ],
    "fhir-mimic3-demo": [
        ("patients", 100), (f"{ROWS} 'Observation.ndjson' AND rows_read = 4986", 1),
        (f"{ROWS} 'MedicationRequest.ndjson' AND rows_read = 51", 1), (f"{MEASURED} 'wbc'", 2021),
        (f"{MEASURED} 'platelets' AND comparator = ''", 2085), (f"{MEASURED} 'granulocytes'", 99),
    ],
    "fhir-mimic4-demo": [
        ("patients", 100), (f"{ROWS} 'MedicationRequest.ndjson.gz' AND rows_read = 3630", 1),
        (f"{ROWS} 'MedicationAdministration.ndjson.gz' AND rows_read = 8795", 1), ("labs", 0),
    ],
    "fhir-small": [(f"{MEASURED} 'anc' AND value = 7900", 1), ("labs", 1)],
    "omop-synthea27nj": [
        ("patients", 28), (f"{MEASURED} 'wbc'", 107), (f"{MEASURED} 'platelets'", 107), (f"{MEASURED} 'anc'", 0),
        (f"{ROWS} 'DRUG_EXPOSURE.csv' AND rows_read = 883", 1),
    ],
}  # fmt: skip

AS_OF = date(2022, 1, 1)
WITH_COURSES = Filters(drug=("mercaptopurine",))


def test_every_sample_has_its_command_and_its_counts(real_data):
    assert {path.name for path in real_data.iterdir() if path.is_dir()} == set(COMMANDS) == set(STATED)


@pytest.mark.parametrize("sample", COMMANDS)
def test_one_command_loads_a_sample_with_the_counts_stated_for_it(real_data, tmp_path, sample):
    database = tmp_path / "sample.duckdb"
    assert main(["load", "--from", str(real_data / sample), *COMMANDS[sample], "--db", str(database)]) == 0
    with closing(duckdb.connect(str(database), read_only=True)) as con:
        every_row_is_accounted_for(con)
        for where, rows in STATED[sample]:
            assert con.execute(f"SELECT count(*) FROM {where}").fetchall() == [(rows,)], where


@pytest.fixture(scope="module")
def folder(real_data):
    return real_data / "all-maintenance"


@pytest.fixture(scope="module")
def database(folder, tmp_path_factory):
    db = tmp_path_factory.mktemp("real") / "maintenance.duckdb"
    files = ["--labs", str(folder / "labs.csv"), "--exposures", str(folder / "exposures.csv")]
    assert main(["load", *files, "--dose-unit", "mg/m2", "--db", str(db)]) == 0
    return db


@pytest.fixture(scope="module")
def store(database):
    return Store(database)


def one(store, query):
    with store.cursor() as cursor:
        return cursor.execute(query).fetchall()[0]


def test_every_count_and_every_dose_is_loaded(store):
    anc = one(store, "SELECT count(*), count(DISTINCT patient_id) FROM labs WHERE analyte = 'anc'")
    assert anc == (3097, 60)
    assert one(store, "SELECT count(*) FROM exposures") == (6853,)
    assert one(store, "SELECT list(DISTINCT dose_unit) FROM exposures") == (["mg/m2"],)
    assert store.view().rejected_rows().empty


@pytest.mark.parametrize(("cut", "counts"), [(500, 53), (750, 153), (1000, 296)])
def test_as_many_counts_stand_below_each_cut_as_in_the_publication(store, cut, counts):
    assert one(store, f"SELECT count(*) FROM labs WHERE analyte = 'anc' AND value < {cut}") == (counts,)


def evaluated(database, protocols, as_of=AS_OF):
    con = duckdb.connect()
    con.execute(f"ATTACH '{database.resolve()}' AS published (READ_ONLY)")
    for table in ("labs", "exposures"):
        con.execute(f"CREATE VIEW {table} AS FROM published.{table}")
    return leuko.evaluate(connection=con, protocols=protocols, as_of=as_of)


@pytest.mark.parametrize("resume", [">= 750", ">= 1000"])
def test_there_are_37_episodes_in_28_patients(database, tmp_path, resume):
    protocol = cohorts.MAINTENANCE | {"anc": {"hold": "< 500", "resume": resume}}
    cohorts.write_protocols([protocol], tmp_path)
    episodes = evaluated(database, leuko.load_protocols(tmp_path)).episodes
    assert (len(episodes), episodes["patient_id"].nunique()) == (37, 28)


def test_the_shipped_protocol_finds_the_same_episodes(database):
    episodes = evaluated(database, None).episodes
    assert (len(episodes), episodes["patient_id"].nunique()) == (37, 28)
    assert set(episodes["protocol"]) == {"mercaptopurine-anc"}


def test_51_of_the_60_are_on_the_drug_on_a_day_of_the_second_winter(store):
    view = store.view(as_of=date(2020, 12, 1))
    listed = view.worklist(WITH_COURSES, per_page=100)
    assert (view.patients(Filters()), (listed["dose_now_mg"] > 0).sum()) == (60, 51)
    assert set(listed["dose_unit"]) == {"mg/m2"}


def test_every_patient_has_a_page(store):
    view = store.view(as_of=date(2020, 12, 1))
    for patient in view.worklist(Filters(), per_page=100)["patient_id"].iloc[::10]:
        page = view.patient(patient)
        assert not page.counts.empty
        assert not page.doses.empty
        assert page.about["site"] is None
