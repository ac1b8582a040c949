"""The data page: what was read adds up, a check opens its rows, and a file is tried without anything being written.

The file has ten rows: five results, of which one has no unit and one is no number; three doses, of which one has a drug
without a protocol; two patients. A value of 0.5 ×10⁹/L may lie on either side of the guideline's hold below 500.
"""

import html
import os
import re
from datetime import date

import pytest
import streamlit
from hypothesis import given, settings
from hypothesis import strategies as st

from leuko import access_log, checks
from leuko.dry_run import dry_run
from leuko.publish import load_csv
from leuko.sources import SourceError
from pages.common import shared
from tests.readers import reads_as
from tests.serving import app_at

LABS = """patient_id,analyte,value,unit,collected_at
N1,anc,0.5,10*9/L,2026-01-05
N1,anc,3.2,10*9/L,2026-01-12
S1,anc,2.0,10*9/L,2026-01-05
S1,anc,0.4,,2026-01-09
S1,anc,<b>clotted</b>,10*9/L,2026-01-10
"""
EXPOSURES = """patient_id,drug,dose_mg,start_on
N1,dasatinib,100,2026-01-02
S1,dasatinib,100,2026-01-02
S1,aspirin,100,2026-01-02
"""
PATIENTS = """patient_id,name,site
N1,Nora *North*,North
S1,Sam South,South
"""
FAULTLESS = {
    "labs": "patient_id,analyte,value,unit,collected_at\nN1,anc,3200,cells/uL,2026-01-05\n",
    "exposures": "patient_id,drug,dose_mg,start_on\nN1,dasatinib,100,2026-01-02\n",
}
TRIED = b"""patient_id,analyte,value,unit,collected_at
N1,anc,1.2,10*9/L,2026-02-05
New [one],anc,1.2,10*9/L,2026-02-05
N1,anc,1.2,,2026-02-06
N1,anc,1.2,10*9/L,2026-02-30
"""


def publish(folder, texts):
    for name, text in texts.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    load_csv(folder / "small.duckdb", **{name: folder / f"{name}.csv" for name in texts}, as_of=date(2026, 3, 31))
    return folder / "small.duckdb"


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    texts = {"labs": LABS, "exposures": EXPOSURES, "patients": PATIENTS}
    return publish(tmp_path_factory.mktemp("data"), texts)


@pytest.fixture
def open_page(database, monkeypatch):
    """`open_page(check="low_resolution")` opens the page at this address; no exception may be shown."""
    monkeypatch.setenv("LEUKO_DB", str(database))
    streamlit.cache_data.clear()  # one test shows what another file would hold

    def run(**address):
        app = app_at("dashboard.py", address, timeout=60)
        app.switch_page("pages/data.py").run()
        assert not app.exception
        return app

    return run


def words_of(app):
    shown = " ".join(element.proto.body for element in app.get("html"))
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", shown)).split())


def rows_of(app, first):
    """The rows of the table whose head begins with this word, each as {head: cell}."""
    for body in (element.proto.body for element in app.get("html")):
        rows = [re.findall(r"<t[hd] [^>]*>(.*?)</t[hd]>", row) for row in re.findall(r"<tr>(.*?)</tr>", body)]
        heads = re.findall(r"<th [^>]*>(.*?)</th>", body)
        if heads[:1] == [first]:
            return [dict(zip(heads, map(html.unescape, row), strict=True)) for row in rows if row != heads]
    raise AssertionError(f"no table begins with {first}")


def captions(app):
    return " ".join(element.value for element in app.caption)


def frame_with(app, column):
    return next(frame.value for frame in app.dataframe if column in frame.value.columns)


# ---------------------------------------------------------------- what was read


def test_the_first_sentence_says_what_was_used_and_what_failed(open_page):
    said = open_page().subheader[0].value
    assert re.fullmatch(
        r"Loaded on \d+ \w+ \d{4} at \d\d:\d\d UTC: 8 of 10 rows used, 2 set aside; "
        r"2 of 13 checks failed, 1 of them dangerous\.",
        said,
    )


def test_a_file_without_fault_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("LEUKO_DB", str(publish(tmp_path, FAULTLESS)))
    app = app_at("dashboard.py", {}, timeout=60)
    app.switch_page("pages/data.py").run()
    assert not app.exception
    assert app.subheader[0].value.endswith(": 2 of 2 rows used, 0 set aside; none of 13 checks failed.")
    assert not [button for button in app.button if button.key.startswith("open_")]
    assert not [box for box in app.selectbox if box.key == "reason"]


def test_every_file_is_listed_and_adds_up(open_page):
    app = open_page()
    files = {row["File"]: row for row in rows_of(app, "File")}
    assert files["labs.csv"] == {
        "File": "labs.csv", "Rows read": "5", "Loaded": "3", "Set aside": "2",
        "Why": "not a number 1, unit missing 1", "Holds": "labs",
    }  # fmt: skip
    assert {name: row["Set aside"] for name, row in files.items()} == {
        "labs.csv": "2", "exposures.csv": "0", "patients.csv": "0", "All files": "2",
    }  # fmt: skip
    for row in files.values():
        assert int(row["Loaded"]) + int(row["Set aside"]) == int(row["Rows read"])
    assert "8 loaded + 2 set aside = 10 read, and so in every file." in captions(app)


def test_doses_that_no_protocol_fits_are_named_and_not_counted_as_set_aside(open_page):
    said = captions(open_page())
    assert "1 loaded exposure fits no protocol and is judged by none: no protocol for aspirin 1" in said


def test_a_reason_opens_its_rows_as_they_came(open_page):
    app = open_page(reason="unit missing")
    rows = frame_with(app, "Record")
    assert rows[["Kind", "Source", "Reason"]].values.tolist() == [["labs", "labs.csv row 4", "unit missing"]]
    assert '"value":"0.4"' in rows["Record"].iat[0]
    app.selectbox(key="reason").set_value("no protocol for aspirin").run()
    assert app.query_params["reason"] == "no protocol for aspirin"
    assert frame_with(app, "Record")["Source"].tolist() == ["exposures.csv row 3"]


def test_a_note_of_the_reader_stands_under_the_files(open_page, monkeypatch):
    def checks_anew(view):
        with view.cursor() as cursor:
            return checks.run(cursor, date(2026, 3, 31))

    monkeypatch.setattr("leuko.store.View._checks", checks_anew)
    real = shared.store_at(shared.database_path()).view().data()
    noted = real.notes.reindex([0])
    noted.loc[0] = ["labs.csv", "decimal *comma*"]
    monkeypatch.setattr("leuko.store.View.data", lambda view: type(real)(**{**vars(real), "notes": noted}))
    app = open_page()
    assert r"labs\.csv: decimal \*comma\*" in captions(app)


def test_rows_that_do_not_add_up_are_said_loudly(open_page, monkeypatch):
    real = shared.store_at(shared.database_path()).view().data()
    lost = real.files.assign(loaded=real.files["loaded"] - 1)
    monkeypatch.setattr("leuko.store.View.data", lambda view: type(real)(**{**vars(real), "files": lost}))
    app = open_page()
    assert "That is a defect" in app.warning[0].value


# ---------------------------------------------------------------- the checks


def test_every_check_says_its_result_in_a_word(open_page):
    said = words_of(open_page())
    assert "■ failed Units missing" in said
    assert "1 of 4 results" in said
    assert "◆ failed Values printed too coarsely near a cut" in said
    assert "✓ passed Doses and no ANC" in said
    assert "– not applicable ANC above the white cell count" in said
    for check in checks.CHECKS.values():
        assert check["title"] in said
        assert check["means"] in said


def test_red_is_only_for_what_failed_and_is_dangerous(open_page):
    red = shared.tone_colour("danger", "light")
    bodies = [element.proto.body for element in open_page().get("html")]
    titles = [re.search(r'font-weight:600">([^<]+)</div><div style="font', body)[1] for body in bodies if red in body]
    assert titles == ["Units missing"]


def test_what_failed_stands_first(open_page):
    said = words_of(open_page())
    titles = ("Units missing", "Values printed too", "Jumps by a", "ANC above the white")
    places = [said.index(title) for title in titles]
    assert places == sorted(places)


def test_a_check_opens_its_rows_and_closes_again(open_page):
    app = open_page()
    assert not [frame for frame in app.dataframe if "Found" in frame.value.columns]
    app.button(key="open_low_resolution").click().run()
    assert app.query_params["check"] == "low_resolution"
    rows = frame_with(app, "Found")
    assert rows.values.tolist() == [[
        "Nora *North*, N1", "5 January 2026",
        "ANC 0.5 × 10*9/L may be 450 to 549 cells/µL; dasatinib-guideline holds below 500", "labs.csv row 1",
    ]]  # fmt: skip
    app.button(key="open_low_resolution").click().run()
    assert "check" not in app.query_params
    assert not [frame for frame in app.dataframe if "Found" in frame.value.columns]


def test_the_address_opens_a_check(open_page):
    assert frame_with(open_page(check="units_missing"), "Found")["Patient"].tolist() == ["Sam South, S1"]


def test_what_the_address_asks_for_and_is_not_known_is_said(open_page):
    app = open_page(check="no[such]", reason="none")
    assert r"Not known here and ignored: Check “no\[such\]”, Reason “none”" in captions(app)


def test_a_check_that_could_not_run_shows_its_line(open_page, monkeypatch):
    def checks_anew(view):
        with view.cursor() as cursor:
            return checks.run(cursor, date(2026, 3, 31))

    monkeypatch.setattr("leuko.store.View._checks", checks_anew)
    monkeypatch.setitem(checks.TEXTS, "after_death", "SELECT\n    no_such_column\nFROM labs")
    app = open_page()
    assert "; 1 could not run." in app.subheader[0].value
    said = words_of(app)
    assert "? could not run Results after death" in said
    assert "LINE 2: no_such_column" in said


def test_only_the_sites_that_may_be_seen_are_checked(open_page, monkeypatch):
    reads_as(monkeypatch, "admin", ("North",))
    app = open_page(check="low_resolution", reason="unit missing")
    assert frame_with(app, "Found")["Patient"].tolist() == ["Nora *North*, N1"]
    assert "1 of 13 checks failed." in app.subheader[0].value
    assert frame_with(app, "Record").empty
    assert "0 of 1: those that you may see" in captions(app)


# ---------------------------------------------------------------- a file is tried


def tried(app, content, name="may.csv"):
    app.file_uploader[0].upload(name, content).run()
    assert not app.exception
    return app


def test_a_file_is_tried_and_nothing_is_written(open_page, database):
    def beside():
        """Every file beside the database but the log of who looks at it."""
        files = (path for path in database.parent.iterdir() if path.name != access_log.FILE)
        return sorted((path.name, path.stat().st_mtime_ns) for path in files)

    before = beside()
    app = tried(open_page(), TRIED)
    (said,) = [element.value for element in app.markdown if "would be used" in element.value]
    assert "2 of 4 rows would be used, 2 set aside; 2 patients, 1 of them new" in said.replace("\\", "")
    assert {row["Set aside because"]: row["Rows"] for row in rows_of(app, "Set aside because")} == {
        "no date": "1", "unit missing": "1",
    }  # fmt: skip
    assert frame_with(app, "Record")["Source"].tolist() == ["labs.csv row 3", "labs.csv row 4"]
    assert frame_with(app, "Here").values.tolist() == [["New [one]", "new", 1], ["N1", "known", 1]]
    assert app.code[0].value == "python -m leuko load --labs may.csv --exposures EXPOSURES.csv --db DATABASE.duckdb"
    assert beside() == before


@pytest.mark.parametrize(("kind", "content", "words"), [
    ("exposures", EXPOSURES, "3 of 3 rows would be used, 0 set aside; 2 patients, 0 of them new"),
    ("patients", "patient_id,birth_date\nN1,1960-01-01\nP2,1960-13-01\n", "1 of 2 rows would be used, 1 set aside;"),
    ("events", "patient_id,kind,occurred_at\nN1,fever,2026-01-03\n", "1 of 1 row would be used, 0 set aside;"),
    ("labs", "patient_id,analyte,value,collected_at\n", "0 of 0 rows would be used, 0 set aside; 0 patients"),
])  # fmt: skip
def test_every_kind_of_file_can_be_tried(open_page, kind, content, words):
    app = open_page()
    app.segmented_control(key="try_kind").set_value(kind).run()
    said = " ".join(element.value for element in tried(app, content.encode()).markdown).replace("\\", "")
    assert f"may.csv as {kind}: {words}" in said


@pytest.mark.parametrize(("content", "name", "words"), [
    (b"", "may.csv", "no column names in the first line"),
    (b"PK\x03\x04\x14\x00\xff\xfe\x00", "may.csv", "the first line is not UTF-8 text"),
    (b"\x00" * 300, "may.csv", "required column patient_id is missing"),
    (b"{\"resourceType\": \"Patient\"}", "may.csv", "required column patient_id is missing"),
    (EXPOSURES.encode(), "may.csv", "required column analyte is missing"),
    (TRIED.decode().encode("utf-16"), "may.csv", "the first line is not UTF-8 text"),
    (b"patient_id,an\ralyte\nN1,2\n", "may.csv", "the first line is not a line of a CSV file"),
    (TRIED.replace(b"\n", b"\r\n", 2), "may.csv", "its lines end in different ways"),
    (TRIED, "may.xlsx", "its name does not end in .csv"),
    (TRIED, "evil_[x](y).pdf", "evil_[x](y).pdf is no CSV file"),
    (b"x" * 5_000_001, "may.csv", "has more than 5 MB"),
])  # fmt: skip
def test_what_is_no_such_file_is_refused_in_one_line(open_page, content, name, words):
    app = tried(open_page(), content, name)
    (refused,) = app.error
    assert words in refused.value.replace("\\", "")
    assert "\n" not in refused.value
    assert not app.code


def test_the_name_of_a_file_is_quoted_in_the_command(open_page):
    app = tried(open_page(), TRIED, "may; rm -rf $(x).csv")
    assert app.code[0].value.startswith("python -m leuko load --labs 'may; rm -rf $(x).csv' --exposures")


def test_whether_a_patient_is_new_is_told_only_of_the_sites_that_may_be_seen(open_page, monkeypatch):
    reads_as(monkeypatch, "admin", ("South",))
    assert frame_with(tried(open_page(), TRIED), "Here")["Here"].tolist() == ["new", "new"]


def test_the_same_file_is_read_once_and_again_as_another_kind(open_page, monkeypatch):
    read = []

    def watched(kind, content, on_step):
        read.append(kind)
        return dry_run(kind, content)

    monkeypatch.setattr("pages.common.tried.dry_run", watched)
    app = tried(open_page(), TRIED)
    app.run()
    assert read == ["labs"]
    app.segmented_control(key="try_kind").set_value("patients").run()
    assert read == ["labs", "patients"]


# ---------------------------------------------------------------- the library behind it


def test_a_dry_run_accounts_for_every_row_and_leaves_no_file(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    steps = []
    found = dry_run("labs", TRIED, on_step=steps.append)
    assert (found.rows_read, found.loaded, found.set_aside) == (4, 2, 2)
    assert len(found.rejected) == found.set_aside
    assert found.patients.values.tolist() == [["N1", 1], ["New [one]", 1]]
    assert steps == sorted(steps)
    assert steps[-1] == 1
    assert os.listdir(tmp_path) == []


def test_a_derived_anc_is_no_row_of_a_file():
    content = TRIED.splitlines()[0] + b"\nP,wbc,4,10*9/L,2026-01-01\nP,neutrophils_pct,50,%,2026-01-01\n"
    assert dry_run("labs", content).patients.values.tolist() == [["P", 2]]


def test_a_refused_file_leaves_nothing_either(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(SourceError):
        dry_run("labs", b"")
    assert os.listdir(tmp_path) == []


@settings(max_examples=40)
@given(changed=st.lists(st.tuples(st.integers(0, len(TRIED) - 1), st.integers(0, 255)), min_size=1, max_size=8))
def test_a_file_with_broken_bytes_is_accounted_for_or_refused_in_one_line(changed):
    content = bytearray(TRIED)
    for place, byte in changed:
        content[place] = byte
    try:
        found = dry_run("labs", bytes(content))
    except SourceError as refused:
        assert "\n" not in str(refused)
    else:
        assert found.loaded + found.set_aside == found.rows_read
        assert found.patients["rows"].sum() == found.loaded
