"""A dashboard that stays open while loads come and go: it follows the newest whole version and loses no choice."""

import os
from datetime import date
from pathlib import Path

import pytest
from playwright.sync_api import expect

from leuko import publish, sources
from pages.common import shared
from tests.serving import app_at

LABS = """patient_id,analyte,value,unit,collected_at
P1,anc,3200,cells/uL,2026-02-20T08:00
P2,anc,2500,cells/uL,2026-02-21T08:00
"""
NEXT_DAY = "patient_id,analyte,value,unit,collected_at\nP1,anc,430,cells/uL,2026-02-24T08:00\n"
EXPOSURES = """patient_id,drug,dose_mg,start_on
P1,dasatinib,100,2026-02-01
P2,imatinib,400,2026-02-01
"""
PATIENTS = "patient_id,name,site\nP1,Ida Kern,North\nP2,Ole Bang,South\n"
PAGE_OF_DISK = 262_144  # bytes of a block of the file


@pytest.fixture
def database(tmp_path, monkeypatch):
    files = {"labs": LABS, "exposures": EXPOSURES, "patients": PATIENTS}
    for name, text in files.items():
        (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
    db = tmp_path / "leuko.duckdb"
    publish.load_csv(db, **{name: tmp_path / f"{name}.csv" for name in files})
    monkeypatch.setenv("LEUKO_DB", str(db))
    yield db
    shared.unreadable().clear()


def add(db: Path, labs: str = NEXT_DAY) -> None:
    file = db.with_name("labs-next.csv")
    file.write_text(labs, encoding="utf-8")
    publish.add(db, lambda con: sources.read_csv(con, labs=file), files=[file])


def overwrite(db: Path, begin: int, end: int | None = None) -> None:
    """Fill a part of the newest version with bytes that mean nothing."""
    file = Path(os.path.realpath(db))
    content = bytearray(file.read_bytes())
    content[begin:end] = b"\xaa" * len(content[begin:end])
    file.unlink()  # those who have it open keep what they read
    file.write_bytes(bytes(content))


def said(app) -> str:
    return "\n".join(str(element.value) for element in [*app.subheader, *app.markdown, *app.caption, *app.warning])


def test_the_day_of_the_file_is_followed_by_whoever_looked_at_it(database):
    app = app_at("dashboard.py", {}, timeout=60).run()
    assert app.subheader[0].value.startswith("0 patients need a hold")
    assert app.date_input(key="as_of").value == date(2026, 2, 21)
    add(database)
    app.run()
    assert not app.exception
    assert app.date_input(key="as_of").value == date(2026, 2, 24)
    assert app.subheader[0].value.startswith("1 patient needs a hold")
    assert "as_of" not in app.query_params


def test_a_day_that_was_chosen_stays_chosen(database):
    add(database)
    app = app_at("dashboard.py", {"as_of": "2026-02-22"}, timeout=60).run()
    add(database, NEXT_DAY.replace("430", "2430").replace("02-24", "02-26"))
    app.run()
    assert app.date_input(key="as_of").value == date(2026, 2, 22)
    assert "2026-02-22" in app.query_params["as_of"]


def test_a_day_that_an_undo_took_away_gives_way_to_the_last_one(database):
    add(database)
    app = app_at("dashboard.py", {}, timeout=60).run()
    publish.undo(database)
    app.run()
    assert not app.exception
    assert app.date_input(key="as_of").value == date(2026, 2, 21)


def test_filters_stay_when_a_new_version_is_shown(database):
    app = app_at("dashboard.py", {"drug": "dasatinib"}, timeout=60).run()
    add(database)
    app.run()
    assert app.multiselect(key="drug").value == ["dasatinib"]


def test_what_is_new_is_told_with_the_count_that_changed_it(database):
    app = app_at("dashboard.py", {}, timeout=60).run()
    assert app.expander[0].label == "New with load 1: no patient has another status or dose."
    add(database)
    app.run()
    news = app.expander[0]
    assert news.label == "**New with load 2: 1 patient has another status or dose** (1 Hold)"
    (row,) = news.dataframe[0].value.to_dict("records")
    assert (row["Was"], row["New counts"]) == ("Continue", "ANC 430 cells/µL of 24 February 2026")
    assert [status for status in app.dataframe[1].value["Status"] if status.endswith(" · new")] == ["■ Hold · new"]


@pytest.mark.parametrize(
    ("since", "changed"), [("2026-02-23", True), ("2026-02-24", False)], ids=["the day before", "the same day"]
)
def test_what_is_new_can_be_asked_since_a_day(database, since, changed):
    add(database)
    add(database, NEXT_DAY.replace("430", "2430").replace("02-24T08:00", "02-24T20:00").replace("P1", "P2"))
    app = app_at("dashboard.py", {"since": since}, timeout=60).run()
    label = app.expander[0].label
    assert ("New since 23 February 2026: 1 patient" in label) == changed
    assert ("New with load 3" in label) == (not changed)


@pytest.mark.parametrize("begin", [0, PAGE_OF_DISK], ids=["its head", "all but its head"])
def test_where_the_newest_file_is_broken_the_version_before_it_is_shown_and_said(database, begin):
    add(database)
    overwrite(database, begin, 4096 if begin == 0 else None)
    app = app_at("dashboard.py", {}, timeout=60).run()
    assert not app.exception
    assert app.subheader[0].value.startswith("0 patients need a hold")
    assert "The newest data file cannot be read. This is load 1" in said(app)
    publish.undo(database)
    app.run()
    assert "cannot be read" not in said(app)


def test_where_no_version_can_be_read_one_line_says_so(database):
    overwrite(database, 0, 4096)
    app = app_at("dashboard.py", {}, timeout=60).run()
    assert not app.exception
    assert "load again" in app.error[0].value


@pytest.mark.browser
def test_an_open_page_shows_the_next_version_by_itself_and_keeps_what_was_chosen(server, database, browser_page):
    page = browser_page()
    page.goto(f"{server(database).url}/?drug=dasatinib")
    expect(page.get_by_role("heading", name="0 patients need a hold")).to_be_visible(timeout=60_000)
    add(database)
    expect(page.get_by_role("heading", name="1 patient needs a hold")).to_be_visible(timeout=20_000)
    expect(page.get_by_text("load 2,")).to_be_visible()
    assert "drug=dasatinib" in page.url
