"""Reading a published database: nobody sees another's patients, a past day shows what was known that day."""

import errno
import os
import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pandas
import pytest

import leuko
from leuko import rules
from leuko.access import Sight
from leuko.evaluation import COLUMNS
from leuko.publish import load_csv
from leuko.store import MOST_ROWS, REPLAYS, Filters, Store, StoreError
from tests import wards
from tests.cohort_wards import Ward
from tests.without_rights import not_to_be_written

USERS = 20
PAST = (date(2024, 1, 4), date(2024, 1, 20), date(2024, 2, 15))


@pytest.fixture(scope="module")
def hospital():
    return wards.hospital(range(24))


@pytest.fixture(scope="module")
def database(hospital, tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    load_csv(folder / "hospital.duckdb", **hospital.write(folder), origin={"title": "A hospital"})
    return folder / "hospital.duckdb"


@pytest.fixture
def store(database):
    opened = Store(database)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def site_of(hospital):
    """The site of every patient, None for those who stand in no patient list."""
    everybody = {*hospital.labs["patient_id"], *hospital.exposures["patient_id"]}
    listed = dict(zip(hospital.patients["patient_id"], hospital.patients["site"], strict=True))
    return {patient: listed.get(patient) for patient in sorted(everybody | listed.keys())}


def rows(frame, columns=None):
    """The rows of a frame as comparable tuples, None where missing."""
    chosen = frame if columns is None else frame[list(columns)]
    return [
        tuple(None if pandas.isna(cell) else cell for cell in row)
        for row in chosen.astype(object).itertuples(index=False)
    ]


# ---- concurrent users --------------------------------------------------------------------------


def read_many(store, hospital, patient, site, day, times):
    """One user's session: the own patient, by id and in the worklist, over and over; what came wrong."""
    own = hospital.labs.loc[hospital.labs["patient_id"] == patient]
    tomorrow = pandas.Timestamp(day or store.about.as_of) + timedelta(days=1)
    own_values = {value for value in pandas.to_numeric(own["value"], errors="coerce") if pandas.notna(value)}
    view = store.view(Sight((site,)), day)
    wrong = []
    for _ in range(times):
        found = view.patient(patient)
        listed = view.worklist(Filters(search=patient))
        measured = found.counts[~found.counts["derived"]]
        if found.about["patient_id"] != patient or found.about["site"] != site:
            wrong.append(found.about)
        if not set(measured["value"].dropna()) <= own_values or not (measured["drawn_on"] < tomorrow).all():
            wrong.append(measured)
        if len(listed) != view.count(Filters(search=patient)) or set(listed["site"]) - {site}:
            wrong.append(listed)
        if any(patient not in other for other in listed["patient_id"]):
            wrong.append(listed)
    return wrong


@pytest.mark.parametrize(("day", "times"), [(None, 5), (PAST[1], 1)], ids=["the last day", "a past day"])
def test_twenty_users_at_once_never_get_another_patients_rows(store, hospital, site_of, day, times):
    patients = [patient for patient, site in site_of.items() if site][:USERS]
    with ThreadPoolExecutor(USERS) as users:
        sessions = [
            users.submit(read_many, store, hospital, patient, site_of[patient], day, times)
            for patient in patients
        ]
        wrong = [answer for session in sessions for answer in session.result()]
    assert len(patients) == USERS
    assert wrong == []


def test_users_of_different_past_days_each_get_their_own_day(store):
    days = [PAST[0] + timedelta(days=number) for number in range(REPLAYS + 1)]
    alone = {day: rows(store.view(as_of=day).worklist(Filters()), COLUMNS["worklist"]) for day in days}
    with ThreadPoolExecutor(8) as users:
        asked = [random.Random(number).choice(days) for number in range(8)]
        answers = users.map(lambda day: (day, store.view(as_of=day).worklist(Filters())), asked)
        for day, answer in answers:
            assert rows(answer, COLUMNS["worklist"]) == alone[day]


def test_only_few_past_days_stay_in_memory(store):
    for number in range(REPLAYS + 1):
        store.view(as_of=PAST[0] + timedelta(days=number)).count(Filters())
    assert len(store._replays) == REPLAYS
    assert PAST[0] not in store._replays


# ---- sites -------------------------------------------------------------------------------------


def patients_shown(view):
    """Every patient that any function of a view lets through."""
    listed = view.worklist(Filters(), per_page=MOST_ROWS)
    aside = view.rejected_rows()["patient_id"], view.unmatched_rows()["patient_id"]
    return {*listed["patient_id"], *aside[0], *aside[1]}


@pytest.mark.parametrize("day", [None, PAST[1]], ids=["the last day", "a past day"])
@pytest.mark.parametrize("sites", [("North",), ("East", "West"), ("North", "South", "East", "West")])
def test_no_function_shows_a_patient_of_another_site(store, site_of, sites, day):
    view = store.view(Sight(sites), day)
    allowed = {patient for patient, site in site_of.items() if site in sites}
    listed = view.worklist(Filters(), per_page=MOST_ROWS)
    assert set(listed["site"]) <= set(sites)
    assert patients_shown(view) <= allowed
    assert set(view.choices()["site"]) <= set(sites)
    assert view.count(Filters()) == len(listed) == view.statuses(Filters())["courses"].sum()
    assert view.patients(Filters()) == listed["patient_id"].nunique()
    hidden = sorted(site_of.keys() - allowed)
    for patient in hidden[:4]:
        assert view.patient(patient) is None
        found = sum(patient in other for other in listed["patient_id"])
        assert view.count(Filters(search=patient)) == found


def test_all_sites_together_show_everybody(store, hospital, site_of):
    view = store.view()
    assert set(view.worklist(Filters(), per_page=MOST_ROWS)["patient_id"]) <= set(site_of)
    assert view.choices()["site"] == ["", *sorted(wards.SITES)]
    with_doses = set(hospital.exposures["patient_id"])
    assert with_doses <= set(view.worklist(Filters(), per_page=MOST_ROWS)["patient_id"])


def test_a_patient_without_a_site_is_seen_only_with_all_sites(store, site_of):
    without = next(patient for patient, site in site_of.items() if site is None)
    assert store.view().patient(without).about["site"] is None
    assert store.view(Sight(wards.SITES)).patient(without) is None
    assert store.view().count(Filters(site=("",))) > 0
    assert store.view(Sight(wards.SITES)).count(Filters(site=("",))) == 0


@pytest.mark.parametrize("day", [None, PAST[1]], ids=["the last day", "a past day"])
def test_no_site_at_all_sees_nothing(store, site_of, day):
    view = store.view(Sight(()), day)
    assert view.count(Filters()) == view.patients(Filters()) == view.statuses(Filters())["courses"].sum() == 0
    assert view.worklist(Filters()).empty
    assert view.rejected_rows().empty
    assert view.unmatched_rows().empty
    assert view.choices() == {"site": [], "clinician": [], "drug": [], "diagnosis": []}
    assert all(view.patient(patient) is None for patient in list(site_of)[:4])


# ---- the worklist: pages, filters, search ------------------------------------------------------


def test_pages_have_no_gaps_and_no_doubles(store):
    view = store.view()
    whole = rows(view.worklist(Filters(), per_page=MOST_ROWS), COLUMNS["worklist"])
    paged = []
    for page in range(1, len(whole) // 7 + 2):
        paged += rows(view.worklist(Filters(), page=page, per_page=7), COLUMNS["worklist"])
    assert paged == whole
    assert view.worklist(Filters(), page=len(whole)).empty


def test_the_most_urgent_come_first_and_among_them_the_longest_waiting(store):
    listed = store.view().worklist(Filters(), per_page=MOST_ROWS)
    order = [
        (row.urgency, pandas.isna(row.since), row.since if pandas.notna(row.since) else 0, row.patient_id)
        for row in listed.itertuples()
    ]
    assert order == sorted(order)


def test_a_screen_has_at_most_a_thousand_rows(tmp_path):
    labs = pandas.DataFrame({
        "patient_id": [f"P{number:04}" for number in range(MOST_ROWS + 50)], "analyte": "anc", "value": 1.2,
        "unit": "K/uL", "collected_at": "2024-01-01",
    })  # fmt: skip
    labs.loc[len(labs)] = ["P0000", "anc", 1, "furlongs", "2024-01-01"]
    labs.to_csv(tmp_path / "labs.csv", index=False)
    (tmp_path / "exposures.csv").write_text("patient_id,drug,dose_mg,start_on\n")
    load_csv(tmp_path / "wide.duckdb", labs=tmp_path / "labs.csv", exposures=tmp_path / "exposures.csv")
    view = Store(tmp_path / "wide.duckdb").view()
    assert view.count(Filters()) == MOST_ROWS + 50
    assert len(view.worklist(Filters(), per_page=10_000)) == MOST_ROWS
    assert len(view.worklist(Filters(), page=2, per_page=10_000)) == 50
    assert len(view.worklist(Filters(), page=0, per_page=0)) == 1
    assert len(view.rejected_rows(limit=10**9)) == 1


@pytest.mark.parametrize("name", ["site", "clinician", "drug", "status"])
def test_each_filter_leaves_its_rows_and_no_others(store, name):
    view = store.view()
    whole = view.worklist(Filters(), per_page=MOST_ROWS)
    values = whole[name].fillna("")
    for value in values.unique():
        kept = view.worklist(Filters(**{name: (value,)}), per_page=MOST_ROWS)
        assert rows(kept, COLUMNS["worklist"]) == rows(whole[values == value], COLUMNS["worklist"])
        assert view.count(Filters(**{name: (value,)})) == len(kept)
    two = tuple(values.unique()[:2])
    assert view.count(Filters(**{name: two})) == values.isin(two).sum()


def test_the_counts_of_statuses_follow_every_filter_but_that_of_the_status(store):
    view = store.view()
    counted = view.statuses(Filters(site=("North",), status=("hold",)))
    whole = view.worklist(Filters(site=("North",)), per_page=MOST_ROWS)
    assert len(counted) == 15
    assert counted["urgency"].tolist() == list(range(1, 16))
    for status in counted.itertuples():
        own = whole[whole["status"] == status.status]
        assert (status.courses, status.patients) == (len(own), own["patient_id"].nunique())


@pytest.mark.parametrize(("search", "finds"), [
    ("s7-p1", {"S7-P1"}), ("  S7-P1 ", {"S7-P1"}), ("%", set()), ("S_-P1", set()), ("'", set()),
])  # fmt: skip
def test_search_finds_a_part_of_the_id_in_any_case_and_reads_no_pattern(store, search, finds):
    assert set(store.view().worklist(Filters(search=search))["patient_id"]) == finds


def test_search_finds_a_part_of_the_name(store, hospital):
    named = hospital.patients.loc[hospital.patients["name"] == "Name 7", "patient_id"]
    found = store.view().worklist(Filters(search="nAME 7"))
    assert not found.empty
    assert set(found["patient_id"]) <= set(named)


@pytest.mark.parametrize("day", [None, PAST[1]], ids=["the last day", "a past day"])
@pytest.mark.parametrize("names", [True, False], ids=["with names", "without names"])
def test_a_search_finds_whose_id_has_the_words_and_where_names_are_seen_whose_name(store, hospital, names, day):
    name_of = dict(zip(hospital.patients["patient_id"], hospital.patients["name"], strict=True)) if names else {}
    view = store.view(Sight(None, names), day)
    everybody = {*view.worklist(Filters(), per_page=MOST_ROWS)["patient_id"]}
    for words in ("S7-p1", "p1", "7", "nAME 7", "name 1", "me 1", "p1name", "P1 Name", "1\x1fname", "nobody"):
        expected = {
            patient for patient in everybody
            if words.lower() in patient.lower() or words.lower() in name_of.get(patient, "").lower()
        }  # fmt: skip
        assert {*view.worklist(Filters(search=words), per_page=MOST_ROWS)["patient_id"]} == expected, words


def test_nothing_is_found_that_spans_the_id_and_the_name(store):
    view = store.view()
    named = view.worklist(Filters()).dropna(subset="name").iloc[0]
    assert view.count(Filters(search=named["patient_id"])) > 0 < view.count(Filters(search=named["name"]))
    for between in ("", " ", "\x1f"):
        assert view.count(Filters(search=named["patient_id"] + between + named["name"])) == 0, between


def test_letters_beyond_english_are_found_in_any_case(tmp_path):
    ward = Ward()
    ward.add("Ö1", {0: 3000}, name="Åsa ÖSTRÖM")
    ward.add("P2", {0: 3000}, name="Élodie Petit")
    with closing(ward.open(tmp_path)) as opened:
        finds = {"åsa öström": {"Ö1"}, "ÅSA": {"Ö1"}, "ö1": {"Ö1"}, "ÉLOD": {"P2"}, "oström": set()}
        for words, patients in finds.items():
            assert {*opened.view().worklist(Filters(search=words))["patient_id"]} == patients, words


def test_no_frame_of_a_page_has_the_text_that_a_search_looks_through(store):
    view = store.view()
    listed = view.worklist(Filters())
    patient = view.patient(listed["patient_id"].iloc[0])
    for frame in (listed, view.courses(Filters(), [patient.about["patient_id"]]), patient.worklist):
        assert len(frame) and not [column for column in frame if frame[column].astype(str).str.contains("\x1f").any()]


def test_a_filter_is_told_in_words():
    filters = Filters(site=("North", ""), status=("hold",), search=" x ")
    assert filters.words == "site North or not recorded, status hold, “x” in the name or id"
    assert Filters().words == ""


def test_the_sparkline_shows_the_lowest_anc_of_each_of_the_last_twelve_days(store):
    view = store.view()
    for row in view.worklist(Filters(), per_page=12).itertuples():
        counts = view.patient(row.patient_id).counts
        used = counts[counts["used"] & (counts["analyte"] == "anc")]
        expected = used.groupby("drawn_on")["value"].min().tolist()[-12:]
        shown = [] if isinstance(row.recent_anc, float) else list(row.recent_anc)
        assert shown == expected


# ---- a past day --------------------------------------------------------------------------------


@pytest.mark.parametrize("day", PAST)
def test_a_replayed_panel_is_the_rule_on_what_was_known_that_day(store, hospital, day):
    expected = leuko.evaluate(**hospital.known_by(day), as_of=day)
    shown = store.view(as_of=day).worklist(Filters(), per_page=MOST_ROWS)
    assert len(shown) > 20
    assert sorted(rows(shown, COLUMNS["worklist"]), key=str) == sorted(rows(expected.worklist), key=str)


def test_a_replayed_patient_is_the_rule_on_what_was_known_that_day(store, hospital, site_of):
    day = PAST[1]
    expected = leuko.evaluate(**hospital.known_by(day), as_of=day)
    known = hospital.known_by(day)["labs"]
    for patient in list(site_of)[::10]:
        shown = store.view(as_of=day).patient(patient)
        for table in ("worklist", "episodes", "recommendations"):
            whole = getattr(expected, table)
            own = whole[whole["patient_id"] == patient]
            columns = [name for name in own.columns if name != "patient_id"]
            frame = getattr(shown, table)
            assert sorted(rows(frame, columns), key=str) == sorted(rows(own, columns), key=str), patient
        usable = known["unit"].notna() & (known["value"] != "haemolysed")
        assert (~shown.counts["derived"]).sum() == (usable & (known["patient_id"] == patient)).sum()


def test_the_last_day_is_the_rule_on_everything(store, hospital):
    expected = leuko.evaluate(**vars(hospital))
    assert store.about.as_of == expected.as_of
    shown = store.view().worklist(Filters(), per_page=MOST_ROWS)
    assert rows(shown, COLUMNS["worklist"]) == rows(expected.worklist)


@pytest.fixture(scope="module")
def late(tmp_path_factory):
    """One patient: a low count reported two days late, then a death."""
    folder = tmp_path_factory.mktemp("late")
    (folder / "labs.csv").write_text(
        "patient_id,analyte,value,unit,collected_at,reported_at\n"
        "L1,anc,1800,cells/uL,2024-03-01T08:00,2024-03-01T09:00\n"
        "L1,anc,300,cells/uL,2024-03-08T08:00,2024-03-10T00:00\n"
        "L1,anc,700,cells/uL,2024-03-01T08:00,2024-03-12T09:00\n"
    )
    (folder / "exposures.csv").write_text(
        "patient_id,drug,dose_mg,start_on,end_on,end_reason\n"
        "L1,dasatinib,100,2024-02-01,2024-03-14,held\nL1,dasatinib,0,2024-03-15,,\n"
    )
    (folder / "patients.csv").write_text("patient_id,name,died_on\nL1,Late Report,2024-03-20\nL2,No Count,\n")
    (folder / "events.csv").write_text("patient_id,kind,occurred_at\nL1,fever,2024-03-11T05:00\n")
    paths = {path.stem: path for path in folder.glob("*.csv")}
    load_csv(folder / "late.duckdb", **paths, as_of=date(2024, 3, 31))
    return Store(folder / "late.duckdb")


def anc_shown(store, day):
    counts = store.view(as_of=day).patient("L1").counts
    return list(zip(counts["value"], counts["used"], strict=True))


def test_a_report_that_was_not_yet_in_is_not_shown(late):
    assert anc_shown(late, date(2024, 3, 9)) == [(1800, True)]
    assert late.view(as_of=date(2024, 3, 9)).worklist(Filters())["status"].tolist() == ["continue"]
    assert anc_shown(late, date(2024, 3, 10)) == [(1800, True), (300, True)]
    assert late.view(as_of=date(2024, 3, 10)).worklist(Filters())["status"].tolist() == ["hold"]
    assert late.view(as_of=date(2024, 3, 9)).worklist(Filters())["recent_anc"].iat[0].tolist() == [1800]


def test_an_older_version_stays_visible_and_says_that_it_is_not_used(late):
    assert anc_shown(late, date(2024, 3, 12)) == [(1800, False), (700, True), (300, True)]


def test_doses_events_and_the_death_of_later_days_are_not_shown(late):
    before = late.view(as_of=date(2024, 3, 10)).patient("L1")
    after = late.view().patient("L1")
    assert (len(before.doses), len(after.doses)) == (1, 2)
    assert (len(before.events), len(after.events)) == (0, 1)
    assert before.doses[["end_on", "end_reason"]].isna().all(axis=None)
    assert after.doses["end_reason"].iat[0] == "held"
    assert (before.about["died_on"], after.about["died_on"]) == (None, date(2024, 3, 20))
    assert before.worklist["status"].tolist() == ["hold"]
    assert after.worklist["status"].tolist() == ["off_drug"]


def test_results_reported_later_are_counted_where_they_are_not_read(late):
    assert late.view().reported_later() == 0
    later = [late.view(as_of=day).reported_later() for day in (date(2024, 3, 9), date(2024, 3, 10), late.about.as_of)]
    assert max(later) > 0
    assert late.view(Sight(())).reported_later() == 0
    assert late.view().dated_after(late.about.last_on) == 0
    assert late.view().dated_after(date(2000, 1, 1)) > 0


def test_a_day_before_all_data_shows_an_empty_panel(late):
    view = late.view(as_of=date(2000, 1, 1))
    assert view.count(Filters()) == 0
    assert view.worklist(Filters()).empty
    assert view.patient("L1").counts.empty


def test_a_patient_of_the_list_has_a_page_without_counts_and_an_unknown_one_has_none(late):
    assert late.view().patient("L2").about["name"] == "No Count"
    assert late.view().patient("L2").worklist.empty
    assert late.view().patient("L3") is None
    assert late.view().patient("' OR 1=1 --") is None


# ---- what is stored ----------------------------------------------------------------------------


def test_the_day_of_the_file_is_read_and_not_evaluated(store, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("evaluated")

    monkeypatch.setattr(rules, "run", refuse)
    view = store.view()
    listed = view.worklist(Filters())
    assert view.patient(listed["patient_id"].iat[0]) is not None
    assert view.statuses(Filters())["courses"].sum() == view.count(Filters())
    with pytest.raises(AssertionError, match="evaluated"):
        store.view(as_of=PAST[0]).count(Filters())


def test_the_file_says_what_it_is(store, database):
    assert store.about.title == "A hospital"
    assert store.about.simulated is False
    assert ".duckdb.v1-" in store.path
    assert store.about.number == 1
    assert len(store.about.protocols_version) == 12
    assert type(store.about.as_of) is date


def test_draws_are_the_lowest_counts_of_a_patients_day(store, site_of):
    with store.cursor() as cursor:
        draws = cursor.execute("SELECT * FROM draws ORDER BY patient_id, drawn_on").df()
    assert list(draws.columns) == ["patient_id", "drawn_on", "anc", "platelets"]
    for patient in list(site_of)[::5]:
        counts = store.view().patient(patient).counts
        used = counts[counts["used"] & counts["analyte"].isin(["anc", "platelets"])]
        expected = used.pivot_table(index="drawn_on", columns="analyte", values="value", aggfunc="min")
        own = draws[draws["patient_id"] == patient].set_index("drawn_on")
        for analyte in expected.columns:
            assert own[analyte].dropna().to_dict() == expected[analyte].dropna().to_dict(), patient
        assert len(own) == len(expected)


# ---- what the connection refuses ---------------------------------------------------------------


@pytest.mark.parametrize(("statement", "reason"), [
    ("SELECT * FROM read_text('{here}')", "disabled"), ("FROM read_csv('{here}')", "disabled"),
    ("COPY labs TO '{here}.csv'", "disabled"), ("ATTACH '{here}.duckdb'", "disabled"),
    ("INSTALL httpfs", "disabled"), ("LOAD httpfs", "disabled"),
    ("SET enable_external_access = true", "locked"), ("SET threads = 1", "locked"),
    ("DELETE FROM labs", "read-only"), ("CREATE TABLE mine AS SELECT 1", "read-only"),
])  # fmt: skip
def test_the_connection_refuses_files_extensions_settings_and_writing(store, statement, reason):
    with store.cursor() as cursor, pytest.raises(duckdb.Error, match=reason):
        cursor.execute(statement.format(here=__file__))


@pytest.mark.parametrize("place", ["{file}", "{file}.wal", "{link}", "{own}", "{own}.wal"])
@pytest.mark.parametrize("how", ["", "(USE_TMP_FILE false)", "(FORMAT parquet, USE_TMP_FILE false)"])
def test_no_query_writes_over_the_file_that_it_reads(store, database, place, how):
    """DuckDB by itself lets a query write to the path of a database that it opened read-only."""
    before, beside = Path(store.path).read_bytes(), sorted(database.parent.iterdir())
    with store.cursor() as cursor:
        (own,) = cursor.execute("SELECT path FROM duckdb_databases() WHERE path IS NOT NULL").fetchone()
        written = place.format(file=store.path, link=database, own=own)
        copy = f"COPY (SELECT 1) TO '{written}' {how}"
        for statement in (copy, f"WITH copied AS ({copy}) SELECT 1"):
            with pytest.raises(duckdb.Error):
                cursor.execute(statement)
    assert Path(store.path).read_bytes() == before and sorted(database.parent.iterdir()) == beside
    assert store.view().count(Filters()) > 0


def test_a_file_that_cannot_have_a_second_name_is_refused_in_one_line(database, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "link", full)
    with pytest.raises(StoreError, match="so that nothing can write to it: No space left on device") as refused:
        Store(database)
    assert "\n" not in str(refused.value)


def test_a_file_that_this_account_may_not_write_is_opened_where_it_stands(database):
    with not_to_be_written(database) as file, closing(Store(file)) as store, store.cursor() as cursor:
        (own,) = cursor.execute("SELECT path FROM duckdb_databases() WHERE path IS NOT NULL").fetchone()
        assert own == str(file) and store.view().count(Filters()) > 0
        with pytest.raises(duckdb.IOException, match="Permission denied"):
            cursor.execute(f"COPY (SELECT 1) TO '{file}' (USE_TMP_FILE false)")


def test_a_missing_file_a_folder_a_text_and_a_foreign_database_are_refused_in_one_line(tmp_path):
    (tmp_path / "text.duckdb").write_text("patient_id,name\n")
    (tmp_path / "folder.duckdb").mkdir()
    (tmp_path / "dangling.duckdb").symlink_to("gone.duckdb.v1")
    for name, statement in {
        "foreign": "CREATE TABLE cats (name TEXT)",
        "other_about": "CREATE TABLE about (author TEXT)",
        "empty_about": "CREATE TABLE about (as_of DATE, first_day DATE, title TEXT, simulated BOOLEAN, "
        "note TEXT, protocols_version TEXT, number INTEGER)",
    }.items():
        with duckdb.connect(str(tmp_path / f"{name}.duckdb")) as con:
            con.execute(statement)
    for name in ("none", "text", "folder", "dangling", "foreign", "other_about", "empty_about"):
        with pytest.raises(StoreError) as refused:
            Store(tmp_path / f"{name}.duckdb")
        assert "\n" not in str(refused.value)
        assert str(tmp_path) in str(refused.value)
