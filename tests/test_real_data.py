"""Real children in ALL maintenance: one command loads them, and the rule finds what was counted apart."""

from datetime import date

import duckdb
import pytest

import leuko
from leuko.__main__ import main
from leuko.store import Filters, Store
from tests import cohorts

AS_OF = date(2022, 1, 1)
WITH_COURSES = Filters(drug=("mercaptopurine",))


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
