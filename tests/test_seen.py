"""What a sight leaves of the data: the relations themselves, whatever a query forgets to ask."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import duckdb
import pytest

from leuko import checks, inputs, sources
from leuko.access import EVERYTHING, Sight
from leuko.audit import Scope
from leuko.extract import extract
from leuko.facts import read_rows
from leuko.journal import Journal
from leuko.publish import add, load, load_csv
from leuko.seen import IN_PLACE, RELATIONS, narrowed, quoted
from leuko.sources.notes import keep
from leuko.store import NARROWED, Filters, Store, View
from tests import wards

NORTH = Sight(("North",), True)
NAMELESS = Sight(None, False)
NOBODY = Sight((), True)
A_NAME = re.compile(r"name \d", re.IGNORECASE)
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
    return {
        name: {patient for (patient,) in cursor.execute(f"SELECT DISTINCT patient_id FROM {quoted(name)}").fetchall()}
        for name, columns in relations_of(cursor).items()
        if "patient_id" in columns
    }


def relations_of(cursor):
    """{relation: its columns} of every relation that speaks of patients or of files."""
    found = cursor.execute(RELATIONS).fetchall()
    return {name: columns for _, name, columns in found if not name.endswith("_of_everybody")}


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


def temporary(cursor):
    """The temporary tables and views of a cursor."""
    return {
        name
        for (name,) in cursor.execute(
            "SELECT table_name FROM duckdb_columns() WHERE database_name = 'temp' AND NOT internal"
        ).fetchall()
    }


@pytest.mark.parametrize("before", DAYS)
def test_where_names_are_hidden_the_relations_have_none(store, before):
    as_of = store.about.as_of - timedelta(days=before)
    with store.view(NAMELESS, as_of).day(as_of) as cursor:
        assert cursor.execute("SELECT count(*) > 0, count(name) FROM patients").fetchall() == [(True, 0)]
        assert cursor.execute("SELECT count(*) > 0, count(raw_record) FROM rejected").fetchall() == [(True, 0)]
        assert cursor.execute("SELECT count(DISTINCT site) FROM patients").fetchall() == [(len(wards.SITES),)]
    view = store.view(NAMELESS, as_of)
    assert view.count(Filters()) > 0 == view.count(Filters(search="Name"))
    assert view.count(Filters(search="s1-P")) == store.view(EVERYTHING, as_of).count(Filters(search="s1-P")) > 0


@pytest.mark.parametrize("before", DAYS)
def test_where_names_are_hidden_no_text_of_any_relation_has_one(store, before):
    as_of = store.about.as_of - timedelta(days=before)
    with store.view(EVERYTHING, as_of).day(as_of) as cursor:
        assert {name for name, _ in told_by(cursor, A_NAME)} >= {"patients", "listed"}
    with store.view(NAMELESS, as_of).day(as_of) as cursor:
        assert told_by(cursor, A_NAME) == {}


@pytest.mark.parametrize("sight", [NORTH, NAMELESS, NOBODY])
def test_afterwards_the_worklist_that_others_read_is_whole_again(store, sight):
    as_of = store.about.as_of - timedelta(days=20)
    whole = store.view(EVERYTHING, as_of).count(Filters())
    store.view(sight, as_of).count(Filters())
    with store.day(as_of) as cursor:
        before = patients_of(cursor)
        with pytest.raises(ZeroDivisionError), narrowed(cursor, sight, store.files):
            raise ZeroDivisionError
        assert patients_of(cursor) == before
    assert store.view(EVERYTHING, as_of).count(Filters()) == whole


@pytest.mark.parametrize("before", DAYS)
def test_readers_of_one_day_at_once_each_see_their_own(store, site_of, before):
    as_of = store.about.as_of - timedelta(days=before)
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


@pytest.mark.parametrize("sight", [EVERYTHING, NORTH, NAMELESS], ids=str)
def test_whatever_is_asked_leaves_the_next_reader_of_the_same_sight_what_was_published(store, sight, tmp_path):
    """Cursors are kept for the next reader, who must find no table on them that a question wrote."""
    view = store.view(sight)
    with store.cursor() as fresh, narrowed(fresh, sight, store.files):
        as_published = temporary(fresh)
    patient = view.worklist(Filters())["patient_id"].iloc[0]
    for ask in (
        view.cohort, view.cohort_choices, view.protocols, view.data, lambda: view.patient(patient),
        lambda: view.changes(Filters(), view.as_of - timedelta(days=9)), lambda: view.changes(Filters()),
        lambda: view.deviations(store.settings), lambda: view.failing("duplicates"),
        lambda: view.waited(Journal(tmp_path / "journal.duckdb").answers()), lambda: view.returned([patient]),
    ):  # fmt: skip
        ask()
        with view.cursor() as cursor:
            assert temporary(cursor) == as_published


def test_a_cursor_whose_question_failed_is_kept_for_nobody(store):
    with pytest.raises(duckdb.Error), store.view(NORTH).cursor() as failed:
        failed.execute("SELECT 1 / 'one'")
    with store.view(NORTH).cursor() as cursor:
        assert cursor is not failed and patients_of(cursor)["labs"]


def test_no_more_cursors_are_kept_than_a_ward_has_readers(store):
    for number in range(NARROWED + 1):
        with store.view(Sight((f"no site {number}",))).cursor() as cursor:
            assert cursor.execute("SELECT count(*) FROM labs").fetchall() == [(0,)]
    assert len(store._narrowed) == NARROWED


@pytest.mark.parametrize("before", DAYS)
def test_where_an_alert_comes_from_is_told_to_everybody(store, before):
    as_of = store.about.as_of - timedelta(days=before)
    told = {sight: store.view(sight, as_of).alerts(Filters()) for sight in (EVERYTHING, NORTH, NAMELESS)}
    sources = {(row["kind"], row["source"]) for row in told[EVERYTHING].to_dict("records")}
    assert sources and all(url.startswith("http") for url in told[EVERYTHING]["url"].dropna())
    for sight in (NORTH, NAMELESS):
        assert len(told[sight]) and {*zip(told[sight]["kind"], told[sight]["source"], strict=True)} <= sources


def test_a_site_may_be_called_anything(tmp_path):
    hospital = wards.hospital(range(4))
    odd = "O'Hara\"; DROP TABLE labs; --"
    hospital.patients["site"] = hospital.patients["site"].replace({"North": odd})
    load_csv(tmp_path / "it's \"mine\".duckdb", **hospital.write(tmp_path))
    store = Store(tmp_path / "it's \"mine\".duckdb")
    found = store.view(Sight((odd,))).worklist(Filters())
    assert len(found) and {*found["site"]} == {odd}
    store.close()


# ---------------------------------------------------------------- files and reasons that name somebody

TOLD = re.compile("kern|ida", re.IGNORECASE)
FILE = r"file \d of load \d( \(CSV\))?"
SOURCE = re.compile(rf"{FILE} (row|line) \d+(; {FILE} (row|line) \d+)*")
RAW = "Kern, Ida"  # in a record of a patient of the site South


@pytest.fixture(scope="module")
def naming(tmp_path_factory):
    """Files called after a patient, and reasons and notes with words of his record; a second load adds to the first."""
    folder = tmp_path_factory.mktemp("naming")
    hospital = wards.hospital(range(4))
    south = hospital.patients.loc[hospital.patients["site"].eq("South"), "patient_id"].iloc[0]
    result = hospital.labs.iloc[0].to_dict() | {"patient_id": south}
    dose = hospital.exposures.iloc[0].to_dict() | {"patient_id": south}
    hospital.labs.loc[len(hospital.labs)] = result | {"value": RAW}
    hospital.labs.loc[len(hospital.labs)] = result | {"value": RAW, "status": "cancelled", "specimen": "9"}
    hospital.labs.loc[len(hospital.labs)] = result | {"value": f"1 {RAW}", "unit": None}
    hospital.exposures.loc[len(hospital.exposures)] = dose | {"drug": RAW}
    hospital.exposures.loc[len(hospital.exposures)] = dose | {"drug": "dasatinib", "setting": RAW}
    files = hospital.write(folder)
    files["labs"] = files["labs"].rename(folder / "labs of Ida Kern; 1.csv")

    def read(con, **_):
        sources.read_csv(con, **files)
        reasons = [f"no blood test of {RAW}", "duplicate of labs of Ida Kern, 1.csv row 3", f"status {RAW}",
                   f"not used: {RAW}", "another row with this id stands in Ida Kern.csv row 1 part 2"]  # fmt: skip
        for number, reason in enumerate(reasons, start=900):
            row = f"labs of Ida Kern, 1.csv row {number}; labs of Ida Kern, 1.csv row {number + 100}"
            con.execute("INSERT INTO rejected VALUES (?, '{}', ?, ?, 'labs')", [row, reason, south])
        keep(con, [(folder.name, "not read: Ida Kern.csv"), ("labs of Ida Kern, 1.csv", f"semicolon, {RAW}")])

    load(folder / "leuko.duckdb", read, files=[*files.values()], as_of=date(2024, 6, 1))
    hospital.labs.head(40).assign(collected_at="2024-05-30").to_csv(folder / "Ida Kern again.csv", index=False)
    more = inputs.of_files({"labs": folder / "Ida Kern again.csv"}, "mg")
    add(folder / "leuko.duckdb", more.read, files=more.files)
    store = Store(folder / "leuko.duckdb")
    yield store
    store.close()


def told_by(cursor, name_of_somebody=TOLD):
    """{relation and column: the texts in it that name somebody}."""
    found = {}
    for name, columns in relations_of(cursor).items():
        for column in columns:
            texts = cursor.execute(f'SELECT DISTINCT CAST("{column}" AS TEXT) FROM {quoted(name)}').fetchall()
            named = {text for (text,) in texts if text and name_of_somebody.search(text)}
            if named:
                found[name, column] = named
    return found


def all_frames(view):
    """What a page can ask of a load, and of the rows of one patient."""
    data = view.data()
    patients = [view.patient(patient) for patient in {*view.worklist(Filters(), per_page=2)["patient_id"]}]
    frames = [view.loads(), data.files, data.notes, data.reasons, data.unmatched, data.checks, view.rejected_rows()]
    frames += [view.unmatched_rows(), *(view.failing(name) for name in ("duplicates", "units_missing"))]
    frames += [view.set_aside(reason) for reason in {*data.reasons["reason"], *data.unmatched["reason"]}]
    return frames + [getattr(patient, part) for patient in patients for part in ("counts", "doses", "events")]


def test_the_walk_over_relations_would_find_a_name(naming):
    with naming.view().cursor() as cursor:
        found = {name for name, _ in told_by(cursor)}
    assert found >= {"load_report", "load_files", "load_notes", "labs", "rejected", "unmatched", "check_failures"}
    assert any(TOLD.search(frame.to_csv()) for frame in all_frames(naming.view()))


@pytest.mark.parametrize("before", DAYS)
@pytest.mark.parametrize("sight", [NAMELESS, Sight(("North", "South"), False), NORTH], ids=str)
def test_no_file_and_no_reason_names_anybody_to_whoever_sees_less_than_everything(naming, sight, before):
    view = naming.view(sight, naming.about.as_of - timedelta(days=before))
    free = {("exposures", "drug"), ("exposures", "setting"), ("doses", "drug"), ("doses", "setting"),
            *((name, column) for name in ("worklist", "listed") for column in ("drug", "why", "to_do"))}  # fmt: skip
    with view.day(view.as_of) as cursor:
        assert {*told_by(cursor)} <= free
    with view.cursor(copied=checks.READ) as cursor:
        assert {*told_by(cursor)} <= free


@pytest.mark.parametrize("sight", [NAMELESS, Sight(("North", "South"), False), NORTH], ids=str)
def test_no_frame_of_a_page_names_anybody_by_a_file_or_a_reason(naming, sight):
    for frame in all_frames(naming.view(sight)):
        text = frame.drop(columns=["drug", "setting"], errors="ignore").to_csv()
        assert not TOLD.search(text), frame


def test_files_are_told_by_number_the_same_in_every_place(naming):
    view = naming.view(NAMELESS)
    data, loads = view.data(), view.loads()
    assert {name for files in loads["files"] for name in files.split(", ")} == {*data.files["file"]}
    assert all(re.fullmatch(FILE, name) for name in data.files["file"]) and data.files["file"].is_unique
    rows = [*view.rejected_rows()["source"], *view.unmatched_rows()["source"]]
    assert rows and all(SOURCE.fullmatch(row) for row in rows)
    assert {row.split(" row ")[0] for row in rows} <= {*data.files["file"]}
    whole = naming.view().data()
    assert data.accounts == whole.accounts and data.files["set_aside"].sum() == whole.files["set_aside"].sum()
    assert data.reasons["rows"].sum() == whole.reasons["rows"].sum()
    assert not len(data.notes) and len(whole.notes) == 2


def test_two_files_of_one_name_are_told_apart_by_number_and_keep_their_type(tmp_path):
    files = wards.hospital(range(2)).write(tmp_path)
    for kind in ("labs", "exposures"):
        (tmp_path / kind).mkdir()
        files[kind] = files[kind].rename(tmp_path / kind / "Ida Kern.csv")
    load_csv(tmp_path / "leuko.duckdb", **files)
    store = Store(tmp_path / "leuko.duckdb")
    told = store.view(NAMELESS).data().files
    assert told["file"].is_unique and all(re.fullmatch(r"file \d of load 1 \(CSV\)", name) for name in told["file"])
    assert {"Ida Kern.csv (labs)", "Ida Kern.csv (exposures)"} <= {*store.view().data().files["file"]}
    store.close()


def test_who_sees_everything_sees_files_and_reasons_as_they_are(naming):
    view = naming.view()
    assert "Ida Kern again.csv" in view.loads()["files"].iloc[0]
    assert f"no blood test of {RAW}" in {*view.data().reasons["reason"]}
    assert any("Ida Kern" in source for source in view.rejected_rows()["source"])


def test_the_rows_of_a_reason_are_found_by_the_words_in_which_it_is_told(naming):
    for sight in (NAMELESS, Sight(("South",), True), EVERYTHING):
        view = naming.view(sight)
        asked = {*view.data().reasons["reason"]}
        found = {reason for reason in asked if len(view.set_aside(reason))}
        assert {reason for reason in found if "another reason" in reason or "blood" in reason}
    assert view.set_aside("duplicate")["reason"].str.startswith("duplicate of").all()


def test_the_reasons_of_every_reader_are_told_by_the_table():
    """Every text that a step gives as a reason: it begins one of the table."""
    texts = "\n".join(path.read_text(encoding="utf-8") for path in sources.HERE.rglob("*.sql"))
    no_reasons = {"total", "segs", "temperature", "snomed", "loinc", "percentage", "patients", "other cells", "male",
                  "female", "labs", "exposures", "events", "count", "concept ", "intent "}  # fmt: skip
    given = {*re.findall(r"THEN '([a-zA-Z][^']+)'", texts)} - no_reasons
    given |= {*re.findall(r"(?:coalesce\(|SELECT place, |ELSE )'([a-z][^']+ )'", texts)}
    begins = [row["begins"] for row in read_rows("set_aside_reasons")]
    assert len(given) > 40
    assert {reason for reason in given if not reason.startswith(tuple(begins))} == set()
    assert all(row["shown"] for row in read_rows("set_aside_reasons"))


@pytest.mark.parametrize(("reason", "told"), [
    ("stopped for another reason: Ida Kern\nasked", "stopped for another reason"),
    ("held for another reason: Ida Kern", "held for another reason"),
    ("planned off-days", "planned off-days"), (None, None),
])  # fmt: skip
def test_why_an_event_was_left_out_is_told_without_the_words_of_the_record(reason, told):
    for column, words in IN_PLACE["audit_events"].items():
        rows = duckdb.execute(f"SELECT {words} FROM (SELECT $reason::VARCHAR AS {column})", {"reason": reason})
        assert rows.fetchall() == [(told,)]


def test_only_two_checks_speak_of_rows_that_were_set_aside():
    """Their words are those of a record, and `leuko.seen` has others for them."""
    raw = {name for name, text in checks.TEXTS.items() if "raw_record" in text or "rejected" in text}
    assert {name for name in raw if "reason" in checks.TEXTS[name]} == {"duplicates", "units_missing"}
