"""What opens in a spreadsheet: no text runs as a formula, days are days, and the numbers are those of the audit."""

import io
import re
import zipfile
from datetime import date, timedelta
from xml.etree import ElementTree

import pandas
import pytest

from leuko import audit
from leuko.audit import Scope
from leuko.extract import ENDINGS, extract
from leuko.measures import MEASURES
from leuko.settings import with_values
from leuko.store import Store
from leuko.workbook import RUNS, safe_cell, write_csv, write_workbook
from tests import hostile

MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
RELATED = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
EXCEL_DAY_0 = date(1899, 12, 30)
HEADS = [
    "patient", "name", "site", "clinician", "drug", "protocol", "episode", "ending", "reason", "due on", "happened on",
]  # fmt: skip
WORDS = {word: ending for ending, (word, _) in ENDINGS.items()}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    opened = Store(hostile.database(tmp_path_factory.mktemp("hostile")))
    yield opened
    opened.close()


def written(store, scope=audit.EVERYTHING, **changed):
    """The workbook of the audit as bytes."""
    settings = with_values(store.settings, changed, "a test")
    buffer = io.BytesIO()
    with extract(store.view(), settings, scope) as found:
        write_workbook(buffer, found)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def book(store):
    return written(store)


# ---- reading a workbook without a library ------------------------------------------------------


def parts(book):
    with zipfile.ZipFile(io.BytesIO(book)) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def sheets(book):
    """{name: the XML of the sheet} in the order of the workbook."""
    files = parts(book)
    links = ElementTree.fromstring(files["xl/_rels/workbook.xml.rels"])
    targets = {link.get("Id"): link.get("Target") for link in links}
    named = ElementTree.fromstring(files["xl/workbook.xml"]).iter(f"{MAIN}sheet")
    return {sheet.get("name"): files[f"xl/{targets[sheet.get(RELATED)]}"] for sheet in named}


def cells(book, name):
    """The rows of a sheet, each {column: (kind of cell, face, value)}."""
    shared = [
        re.sub("_x([0-9A-F]{4})_", lambda code: chr(int(code[1], 16)), "".join(item.itertext()))
        for item in ElementTree.fromstring(parts(book)["xl/sharedStrings.xml"])
    ]
    rows = []
    for row in ElementTree.fromstring(sheets(book)[name]).iter(f"{MAIN}row"):
        found = {}
        for cell in row:
            raw = cell.findtext(f"{MAIN}v")
            value = shared[int(raw)] if cell.get("t") == "s" else None if raw is None else float(raw)
            found[re.match("[A-Z]+", cell.get("r"))[0]] = (cell.get("t"), int(cell.get("s", 0)), value)
        rows.append(found)
    return rows


def values(book, name):
    """The rows of a sheet as lists of values, None where a cell is empty."""
    rows = cells(book, name)
    columns = sorted({column for row in rows for column in row}, key=lambda column: (len(column), column))
    return [[row.get(column, (None, 0, None))[2] for column in columns] for row in rows]


def measure_rows(book):
    """The table of measures on the first sheet, by title."""
    rows = values(book, "Definitions")
    start = next(place for place, row in enumerate(rows) if row[0] == "measure")
    return {row[0]: dict(zip(rows[start], row, strict=True)) for row in rows[start + 1 : start + 1 + len(MEASURES)]}


def day_of(number):
    return EXCEL_DAY_0 + timedelta(days=number)


# ---- cells of CSV files ------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1+1", hostile.FORMULA])
def test_a_text_that_begins_like_a_formula_gets_an_apostrophe(text):
    assert safe_cell(text) == f"'{text}"


@pytest.mark.parametrize("value", ["", "SIM-001", "1-1", "a=1", " text", "'=1", 0, -1, 0.5, None])
def test_any_other_cell_stays_as_it_is(value):
    assert safe_cell(value) == value


def test_a_csv_file_has_iso_days_plain_numbers_and_nothing_for_none():
    frame = pandas.DataFrame({
        "text": ["=1", 'a "b", c', None],
        "day": pandas.to_datetime(["2026-03-31", None, "1600-01-02"]).astype("datetime64[us]"),
        "number": [0.1, 1e-7, None],
        "whole": pandas.array([-3, None, 1_000_000_000_000], dtype="Int64"),
    })  # fmt: skip
    file = io.StringIO()
    write_csv(file, frame)
    assert file.getvalue() == (
        "text,day,number,whole\n'=1,2026-03-31,0.1,-3\n\"a \"\"b\"\", c\",,0.0000001,\n,1600-01-02,,1000000000000\n"
    )


def test_an_empty_frame_is_its_heads():
    file = io.StringIO()
    write_csv(file, pandas.DataFrame(columns=["a", "b"]))
    assert file.getvalue() == "a,b\n"


# ---- nothing in the workbook runs --------------------------------------------------------------


def test_no_cell_is_a_formula_and_nothing_is_a_link(book):
    files = parts(book)
    assert not any("vba" in name.lower() or "external" in name.lower() for name in files)
    for name, xml in sheets(book).items():
        tags = {element.tag.removeprefix(MAIN) for element in ElementTree.fromstring(xml).iter()}
        assert not tags & {"f", "hyperlink", "hyperlinks", "oleObjects", "legacyDrawing"}, name
        kinds = {kind for row in cells(book, name) for kind, _, _ in row.values()}
        assert kinds <= {"s", None}, name


def test_hostile_names_are_there_as_they_are(book):
    names = {row[column] for name in MEASURES for row in values(book, name)[2:] for column in range(4)}
    assert {hostile.FORMULA, hostile.SCRIPT, "=S8", "=1+1", "+Dr Zero"} <= names
    assert any(str(name).startswith(RUNS) for name in names)


def test_a_text_longer_than_a_cell_is_cut(store, tmp_path):
    path = hostile.database(tmp_path, range(2), note="x" * 40_000)
    opened = Store(path)
    said = [row[0] for row in values(written(opened), "Definitions")]
    opened.close()
    assert len(next(text for text in said if text and "xxx" in text)) == 32_767


# ---- what is in it -----------------------------------------------------------------------------


def test_the_definitions_come_first_then_a_sheet_a_measure_then_the_settings(book):
    assert list(sheets(book)) == ["Definitions", *MEASURES, "Settings"]


def test_the_first_sheet_says_what_was_read_and_what_each_measure_counts(book, store):
    rows = values(book, "Definitions")
    said = {row[0]: row[1] for row in rows}
    assert said["As known on"] == f"{store.about.as_of.day} {store.about.as_of:%B %Y}"
    assert said["Data"] == "A <b>trial</b>"
    assert said["Protocols"] == f"version {store.about.protocols_version}"
    assert re.fullmatch(r"leuko \d+\.\d+\.\d+", said["Software"])
    assert any(str(row[0]).startswith("Simulated data") for row in rows)
    assert any("never replaces it" in str(row[0]) for row in rows)
    for measure in MEASURES.values():
        row = measure_rows(book)[measure.title]
        told = [row[head] for head in ("population", "exclusions", "numerator", "one event is", "standard")]
        assert told == [measure.population, measure.exclusions, measure.numerator, measure.grain, measure.standard]
    assert dict(ENDINGS.values()) == {word: said[word] for word in WORDS}


def test_the_numbers_are_those_of_the_view(book, store):
    counted = store.view().measures(store.settings).set_index("measure")
    assert counted["population"].sum() > 0
    for name, measure in MEASURES.items():
        row = measure_rows(book)[measure.title]
        expected = counted.loc[name]
        assert row["events"] == expected["population"]
        assert [row[word] for word in WORDS] == [expected[ending] for ending in WORDS.values()]
        assert sum(row[word] for word in WORDS) == row["events"]
        days = [None if pandas.isna(value) else value for value in expected[["median_days", "p90_days"]]]
        assert [row["median"], row["90th percentile"]] == days


@pytest.mark.parametrize("name", MEASURES)
def test_a_sheet_has_every_event_of_its_measure(book, store, name):
    title, heads, *rows = values(book, name)
    assert heads == [*HEADS, MEASURES[name].unit]
    assert MEASURES[name].title in title[0]
    known = store.view().audit_events(store.settings, audit.EVERYTHING, name)
    listed = pandas.DataFrame(rows, columns=heads)
    found = listed.assign(ending=listed["ending"].map(WORDS))
    for column, source in {"patient": "patient_id", "name": "name", "site": "site", "ending": "ending"}.items():
        assert sorted(found[column].dropna()) == sorted(known[source].dropna())
    for column, source in {"due on": "due_on", "happened on": "happened_on"}.items():
        days = sorted(day_of(number) for number in found[column].dropna())
        assert days == sorted(day.date() for day in known[source].dropna())
    assert sorted(found[MEASURES[name].unit].dropna()) == sorted(known["days"].dropna())
    worst = ["not_met", "cannot_tell", "excluded", "met"]
    assert found["ending"].map(worst.index).is_monotonic_increasing


def test_days_are_days_heads_stay_and_the_endings_can_be_filtered(book):
    faces = ElementTree.fromstring(parts(book)["xl/styles.xml"])
    formats = {int(each.get("numFmtId")): each.get("formatCode") for each in faces.iter(f"{MAIN}numFmt")}
    used = [formats.get(int(each.get("numFmtId"))) for each in faces.find(f"{MAIN}cellXfs")]
    for name in MEASURES:
        rows = cells(book, name)
        days = [cell for row in rows[2:] for column, cell in row.items() if column in "JK"]
        assert all(used[face] == "yyyy-mm-dd" for _, face, _ in days)
        sheet = ElementTree.fromstring(sheets(book)[name])
        pane = next(sheet.iter(f"{MAIN}pane"))
        assert (pane.get("ySplit"), pane.get("xSplit"), pane.get("state")) == ("2", "1", "frozen")
        assert next(sheet.iter(f"{MAIN}autoFilter")).get("ref").startswith("A2:L")
        assert len(list(sheet.iter(f"{MAIN}col"))) == 12


def test_too_few_to_judge_have_no_per_cent(store):
    many = measure_rows(written(store, minimum_denominator=1_000_000))
    assert all(row["rate"].endswith("too few to judge") for row in many.values())
    assert all(row["95 % interval"] is None for row in many.values())
    assert not any("%" in row["rate"] for row in many.values())


def test_settings_are_listed_and_the_changed_ones_marked(store):
    heads, *rows = values(written(store, hold_grace_days=4), "Settings")
    assert [row[0] for row in rows] == list(store.settings)
    listed = {row[0]: dict(zip(heads, row, strict=True)) for row in rows}
    assert {name for name, row in listed.items() if row["changed"] == "changed"} == {"hold_grace_days"}
    assert listed["hold_grace_days"]["in force"] == 4
    assert listed["hold_grace_days"]["default"] == 1
    for name, setting in store.settings.items():
        assert (listed[name]["what it means"], listed[name]["source"]) == (setting.what, setting.source)


def test_a_changed_grace_period_changes_the_endings(store):
    before, after = (measure_rows(written(store, hold_grace_days=days))["Hold given"] for days in (0, 3650))
    assert before["events"] == after["events"]
    assert before["not met"] > after["not met"]


def test_it_is_narrowed_as_asked(store):
    book = written(store, Scope(site=("=1+1",)))
    sites = {row[2] for name in MEASURES for row in values(book, name)[2:]}
    assert sites == {"=1+1"}
    assert {row[0]: row[1] for row in values(book, "Definitions")}["Counted"] == "events only site =1+1"


def test_the_same_audit_gives_the_same_bytes(book, store):
    assert written(store) == book


def test_a_path_serves_as_well_as_a_buffer(book, store, tmp_path):
    with extract(store.view()) as found:
        write_workbook(tmp_path / "audit.xlsx", found)
    assert (tmp_path / "audit.xlsx").read_bytes() == book


def test_more_events_than_a_sheet_takes_are_said(store, monkeypatch):
    monkeypatch.setattr("leuko.workbook.MOST_ROWS", 3)
    title, _, *rows = values(written(store), "follow_up_count")
    assert len(rows) == 3
    assert title[0].endswith("The first 3 are listed, what was not met before all others.")


def test_a_day_that_excel_has_no_number_for_is_text(tmp_path):
    from leuko.workbook import Book

    opened = Store(hostile.database(tmp_path, range(2)))
    buffer = io.BytesIO()
    with extract(opened.view()) as found:
        made = Book(buffer, found)
        made.line(made.sheet("Days", [10]), 0, [pandas.Timestamp("1850-06-01"), pandas.Timestamp("1900-03-01")])
        made.workbook.close()
    opened.close()
    ((first, second),) = values(buffer.getvalue(), "Days")
    assert (first, day_of(second)) == ("1850-06-01", date(1900, 3, 1))
