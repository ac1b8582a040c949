"""What a sight leaves of the data: the relations themselves, whatever a query forgets to ask."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from leuko.access import EVERYTHING, Sight
from leuko.audit import Scope
from leuko.extract import extract
from leuko.publish import load_csv
from leuko.seen import RELATIONS, narrowed, quoted
from leuko.store import Filters, Store, View
from tests import wards

NORTH = Sight(("North",), True)
NAMELESS = Sight(None, False)
NOBODY = Sight((), True)
DAYS = (0, 20)  # before the day of the file: as published, and evaluated anew


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hospital")
    load_csv(folder / "leuko.duckdb", **wards.hospital(range(10)).write(folder))
    store = Store(folder / "leuko.duckdb")
    yield store
    store.close()


@pytest.fixture(scope="module")
def site_of(store):
    with store.cursor() as cursor:
        return dict(cursor.execute("SELECT patient_id, site FROM patients").fetchall())


def patients_of(cursor):
    """{relation: the patients in it} of every relation that has patients, as a query would name it."""
    names = {name for _, name, _ in cursor.execute(RELATIONS).fetchall() if not name.endswith("_of_everybody")}
    return {
        name: {patient for (patient,) in cursor.execute(f"SELECT DISTINCT patient_id FROM {quoted(name)}").fetchall()}
        for name in names
    }


WAYS = {
    "cursor": lambda view: view.cursor(),
    "the checks' cursor": lambda view: view.cursor(copied=("labs", "exposures", "events", "patients")),
    "day": lambda view: view.day(view.as_of),
    "audited": lambda view: view.audited(),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("before", DAYS)
def test_no_relation_holds_a_patient_of_another_site(store, site_of, way, before):
    view = store.view(NORTH, store.about.as_of - timedelta(days=before))
    with WAYS[way](view) as cursor:
        found = patients_of(cursor)
    assert len(found) >= 10 and found["labs"] and found["worklist"]
    assert {site_of.get(patient) for patients in found.values() for patient in patients} == {"North"}


@pytest.mark.parametrize("before", DAYS)
def test_who_sees_no_site_finds_nobody(store, before):
    with store.view(NOBODY, store.about.as_of - timedelta(days=before)).day(store.about.as_of) as cursor:
        assert set().union(*patients_of(cursor).values()) == set()


@pytest.mark.parametrize("before", DAYS)
def test_where_names_are_hidden_the_relations_have_none(store, before):
    as_of = store.about.as_of - timedelta(days=before)
    with store.view(NAMELESS, as_of).day(as_of) as cursor:
        assert cursor.execute("SELECT count(*) > 0, count(name) FROM patients").fetchall() == [(True, 0)]
        assert cursor.execute("SELECT count(*) > 0, count(raw_record) FROM rejected").fetchall() == [(True, 0)]
        assert cursor.execute("SELECT count(DISTINCT site) FROM patients").fetchall() == [(len(wards.SITES),)]
    view = store.view(NAMELESS, as_of)
    assert view.count(Filters()) > 0 == view.count(Filters(search="Name"))


@pytest.mark.parametrize("sight", [NORTH, NAMELESS, NOBODY])
def test_afterwards_the_worklist_that_others_read_is_whole_again(store, sight):
    as_of = store.about.as_of - timedelta(days=20)
    whole = store.view(EVERYTHING, as_of).count(Filters())
    store.view(sight, as_of).count(Filters())
    with store.day(as_of) as cursor:
        before = patients_of(cursor)
        with pytest.raises(ZeroDivisionError), narrowed(cursor, sight):
            raise ZeroDivisionError
        assert patients_of(cursor) == before
    assert store.view(EVERYTHING, as_of).count(Filters()) == whole


def test_readers_of_one_past_day_at_once_each_see_their_own(store, site_of):
    as_of = store.about.as_of - timedelta(days=20)
    sights = [Sight((site,), True) for site in wards.SITES] + [EVERYTHING, NAMELESS]
    alone = {sight: store.view(sight, as_of).count(Filters()) for sight in sights}
    asked = sights * 10
    with ThreadPoolExecutor(8) as readers:
        answers = list(readers.map(lambda sight: (sight, store.view(sight, as_of).worklist(Filters())), asked))
    for sight, worklist in answers:
        assert len(worklist) == min(alone[sight], 50)
        if sight.sites:
            assert {site_of[patient] for patient in worklist["patient_id"]} == {*sight.sites}
        assert sight.names or worklist["name"].isna().all()


@pytest.mark.parametrize("before", DAYS)
def test_not_even_a_query_that_forgets_the_sites_finds_another_patient(store, site_of, before, monkeypatch):
    """The second lock alone: the queries are told of no site."""
    monkeypatch.setattr(View, "sites", None)
    view = store.view(NORTH, store.about.as_of - timedelta(days=before))
    other = next(patient for patient, site in site_of.items() if site == "South")
    frames = [
        view.worklist(Filters(), per_page=1000), view.alerts(Filters()), view.changes(Filters()),
        view.changes(Filters(), view.as_of - timedelta(days=9)), view.cohort().courses,
        view.deviations(store.settings), view.audit_events(store.settings, Scope(), "routine_count"),
        view.rejected_rows(), view.unmatched_rows(), view.failing("anc_without_doses"),
        view.courses(Filters(), [other]),
    ]  # fmt: skip
    found = {patient for frame in frames for patient in frame["patient_id"].dropna()}
    assert found and {site_of.get(patient) for patient in found} == {"North"}
    assert view.patient(other) is None and view.known([other]) == set()
    with extract(view) as audited:
        assert {site_of.get(patient) for patient in audited.listed(1000)["patient_id"]} == {"North"}


def test_a_site_may_be_called_anything(tmp_path):
    hospital = wards.hospital(range(4))
    odd = "O'Hara\"; DROP TABLE labs; --"
    hospital.patients["site"] = hospital.patients["site"].replace({"North": odd})
    load_csv(tmp_path / "it's \"mine\".duckdb", **hospital.write(tmp_path))
    store = Store(tmp_path / "it's \"mine\".duckdb")
    found = store.view(Sight((odd,))).worklist(Filters())
    assert len(found) and {*found["site"]} == {odd}
    store.close()
