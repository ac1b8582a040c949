"""The protocols page: every table with its sources and what is unverified, and the checker's answer on the page."""

import html
import re
from datetime import date

import pytest
from streamlit.testing.v1 import AppTest

import leuko
from leuko.publish import load_csv
from tests.serving import app_at

PAGE = "pages/protocols.py"
LABS = """patient_id,analyte,value,unit,collected_at
P1,anc,3.2,10*9/L,2026-01-05
"""
EXPOSURES = """patient_id,drug,dose_mg,start_on
P1,dasatinib,100,2026-01-02
"""
SHIPPED = {protocol.id: protocol for protocol in leuko.load_protocols()}
TRIED = {
    "part": "try",
    "try_counts": ["2026-01-01:3000:200000", "2026-01-20:400:60000", "2026-01-27:1200:60000"],
    "try_doses": ["2026-01-01:100", "2026-01-20:0"],
}


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    folder = tmp_path_factory.mktemp("protocols")
    for name, text in {"labs": LABS, "exposures": EXPOSURES}.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    files = {name: folder / f"{name}.csv" for name in ("labs", "exposures")}
    load_csv(folder / "small.duckdb", **files, as_of=date(2026, 3, 22))
    return folder / "small.duckdb"


@pytest.fixture
def draw(database, monkeypatch):
    """`draw(protocol="dasatinib-cp-us")` draws the page as its address asks; no exception may be shown."""
    monkeypatch.setenv("LEUKO_DB", str(database))

    def run(**address) -> AppTest:
        app = app_at(PAGE, address)
        app.run()
        assert not app.exception
        return app

    return run


def words_of(app: AppTest) -> str:
    """All that `st.html` shows, as a reader sees it: no tags, one blank between words."""
    shown = " ".join(element.proto.body for element in app.get("html"))
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", shown)).split())


def words_in(cell: str) -> str:
    return html.unescape(re.sub(r"<[^>]*>", "", cell)).replace("\xa0", " ")


def rows_of(app: AppTest, first: str) -> list[list[str]]:
    """The cells of the first table whose head begins with this word."""
    for body in (element.proto.body for element in app.get("html")):
        heads = re.findall(r"<th [^>]*>(.*?)</th>", body)
        if heads[:1] == [first]:
            found = re.findall(r"<tr>(.*?)</tr>", body.split("<tbody>")[1])
            cells = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in found]
            return [[words_in(cell) for cell in row] for row in cells]
    raise AssertionError(f"no table begins with {first}")


def plain(words: str) -> str:
    return " ".join(words.split())


# ---------------------------------------------------------------- every table can be read


@pytest.mark.parametrize("name", SHIPPED)
def test_every_protocol_shows_its_numbers_its_sources_and_what_is_not_verified(draw, name):
    protocol, app = SHIPPED[name], draw(protocol=name)
    shown = words_of(app)
    thresholds = {row[0]: row for row in rows_of(app, "Count")}
    for analyte, threshold in {"ANC": protocol.anc, "platelets": protocol.platelets}.items():
        if threshold:
            assert f"{threshold.hold.number:,g}" in thresholds[analyte][1]
            assert f"{threshold.resume.number:,g}" in thresholds[analyte][2]
            assert ("not verified" in thresholds[analyte]) == (not threshold.verified)
    assert set(thresholds) == {"ANC"} | ({"platelets"} if protocol.platelets else set())
    for source in protocol.source:
        assert plain(source.title) in shown
        assert plain(source.quote or "") in shown
    for row in (protocol.anc, protocol.platelets, *protocol.monitoring, *protocol.recovery, *protocol.during):
        assert plain(getattr(row, "why", None) or "") in shown
    for words in unverified(protocol):
        assert words in shown.split("Count Hold, cells")[0]


def unverified(protocol):
    """What must be named above the tables: each statement whose wording was not seen."""
    parts = {
        "clause {} at recovery": protocol.recovery,
        "decision {} at a draw": protocol.during,
        "line {} of the count schedule": protocol.monitoring,
    }
    for name, rows in parts.items():
        yield from (name.format(number) for number, row in enumerate(rows, start=1) if not row.verified)
    yield from (f"source: {plain(source.title)}" for source in protocol.source if not source.verified)


@pytest.mark.parametrize("name", SHIPPED)
def test_every_row_of_every_table_is_there_in_its_order(draw, name):
    protocol, app = SHIPPED[name], draw(protocol=name)
    for part, first in (("recovery", "Clause"), ("during", "Decision"), ("monitoring", "Line")):
        rows = getattr(protocol, part)
        if rows:
            found = rows_of(app, first)
            assert [row[0] for row in found] == [str(number) for number in range(1, len(rows) + 1)]
            assert [row[-2] == "not verified" for row in found] == [not row.verified for row in rows]


def test_one_sentence_says_it_after_three_seconds(draw):
    assert words_of(draw(protocol="dasatinib-guideline")).startswith(
        "Hold dasatinib when ANC is below 500, until ANC is at least 1,000 cells/µL; 3 clauses decide at recovery;"
    )


def test_the_sentence_of_a_table_that_asks_for_the_cause_first_names_no_hold(draw):
    shown = words_of(draw(protocol="dasatinib-advanced-us"))
    assert shown.startswith("Find the cause before changing dasatinib when ANC is below 500 (not verified) or")
    assert "Consider escalating, 180 mg" in shown


def test_whom_a_table_is_for_stands_in_its_sentence(draw):
    assert "only where a Duffy-null status is recorded" in words_of(draw(protocol="clozapine-us-ben"))
    assert "any patient" in words_of(draw(protocol="clozapine-us"))


def test_conditions_and_doses_are_said_as_on_the_patients_page(draw):
    app = draw(protocol="dasatinib-cp-us")
    assert [row[1:3] for row in rows_of(app, "Clause")] == [
        ["episode at least 3", "Review"],
        ["lowest measured platelet count below 25,000", "Reduce, 80 mg"],
        ["episode exactly 2 and days of low ANC above 7", "Reduce, 80 mg"],
        ["days to recovery at most 7", "Resume, the starting dose"],
        ["otherwise", "Review"],
    ]
    clozapine = [row[1:3] for row in rows_of(draw(protocol="clozapine-us"), "Line")]
    assert clozapine[0] == ["the first ANC below 1,500", "1 day"]
    assert clozapine[3] == [
        "ANC at least 1,500, less than 28 days after the return from ANC below 1,000", "7 days"
    ]  # fmt: skip
    assert clozapine[-1] == ["otherwise", "30 days"]


def test_a_table_without_a_schedule_says_that_no_count_is_due(draw):
    captions = [caption.value for caption in draw(protocol="mercaptopurine-anc").caption]
    assert "No published schedule: no count is ever due." in captions


# ---------------------------------------------------------------- choosing


def test_the_choice_stands_in_the_address(draw):
    app = draw(protocol="dasatinib-cp-eu")
    assert app.selectbox(key="protocol_drug").value == "dasatinib"
    assert app.selectbox(key="protocol").value == "dasatinib-cp-eu"
    app.selectbox(key="protocol").select("dasatinib-cp-us").run()
    assert app.query_params["protocol"] == "dasatinib-cp-us"
    app.selectbox(key="protocol_drug").select("clozapine").run()
    assert not app.exception
    assert app.query_params["protocol"] == "clozapine-us"
    assert "Hold clozapine" in words_of(app)


def test_an_unknown_protocol_in_the_address_is_said(draw):
    app = draw(protocol="<b>nothing*")
    assert [warning.value.replace("\\", "") for warning in app.warning] == [
        "“<b>nothing*” is no protocol of this file. Choose one below."
    ]
    assert "Hold abemaciclib" in words_of(app)
    assert not draw().warning


# ---------------------------------------------------------------- the checker


def test_typed_counts_give_the_answer_of_the_rule(draw):
    app = draw(protocol="dasatinib-cp-us", **TRIED)
    shown = words_of(app)
    assert "Resume dasatinib at 100 mg: Recovered on 27 January 2026 from ANC 400 on 20 January 2026" in shown
    assert [row[:4] for row in rows_of(app, "Day")] == [
        ["20 January 2026", "Hold", "0 mg", "–"],
        ["27 January 2026", "Resume", "100 mg", "clause 4"],
    ]
    clauses = {(row[0], row[1]): row[3] for row in rows_of(app, "Clause")}
    assert clauses["4 ▶ decides", "days to recovery at most 7"] == "yes"
    assert clauses["2", "lowest measured platelet count below 25,000"] == "no"
    assert any("An imagined patient" in info.value for info in app.info)


def test_the_same_counts_are_asked_of_another_version(draw):
    late = {"try_counts": [*TRIED["try_counts"][:2], "2026-01-28:1200:60000"]}
    app = draw(protocol="dasatinib-cp-us", **TRIED | late)
    assert "Review dasatinib" in words_of(app)
    app.selectbox(key="protocol").select("dasatinib-cp-eu").run()
    assert not app.exception
    assert "Resume dasatinib at 100 mg" in words_of(app)
    assert app.query_params["try_counts"][2] == "2026-01-28:1200:60000"


def test_a_cause_and_a_day_can_be_named(draw):
    app = draw(protocol="dasatinib-advanced-us", **TRIED, try_day="2026-01-22")
    assert "Find the cause before changing dasatinib: ANC 400" in words_of(app)
    assert any("Not read: 1 row of a later day." in caption.value for caption in app.caption)
    app.selectbox(key="try_cause").select("disease").run()
    assert [warning.value.splitlines()[-1].replace("\\", "") for warning in app.warning] == [
        "- Cause, “disease”: no date."
    ]
    app.date_input(key="try_cause_on").set_value(date(2026, 1, 21)).run()
    assert "Consider escalating dasatinib to 180 mg" in words_of(app)
    assert app.query_params["try_cause_on"] == "2026-01-21"


def test_without_platelets_in_the_table_none_are_asked_for(draw):
    with_platelets, without = (draw(protocol=name, **TRIED) for name in ("dasatinib-cp-us", "dasatinib-guideline"))
    assert "platelets" in {row[1] for row in counts_of(with_platelets)}
    assert {row[1] for row in counts_of(without)} == {"ANC"}


def counts_of(app: AppTest) -> list[list[str]]:
    """The table of what each count met: the second that begins with a day."""
    bodies = [element.proto.body for element in app.get("html") if ">After that day<" in element.proto.body]
    rows = re.findall(r"<tr>(.*?)</tr>", bodies[0].split("<tbody>")[1])
    return [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in rows]


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        ({"try_counts": [":400:"]}, "Counts, row 1, ANC “400”: no date."),
        ({"try_counts": ["2026-01-01:many:"]}, "Counts, row 1, ANC “many”: not a number."),
        ({"try_counts": ["2026-01-01:-4:"]}, "Counts, row 1, ANC “-4”: negative."),
        ({"try_counts": ["2026-01-01:%3Cb%3E:"]}, "Counts, row 1, ANC “<b>”: not a number."),
        ({"try_doses": [":100"]}, "Doses, row 1, “100”: no date."),
        ({"try_doses": ["nonsense"]}, "Doses: none typed. A course begins with its first dose"),
    ],
)
def test_what_cannot_be_read_is_said_and_nothing_is_answered(draw, typed, line):
    app = draw(protocol="dasatinib-cp-us", **TRIED | typed)
    (warning,) = [warning.value.replace("\\", "") for warning in app.warning]
    assert warning.startswith("Nothing was asked")
    assert f"- {line}" in warning
    assert "Decision" not in words_of(app)


@pytest.mark.parametrize("name", ["abemaciclib", "clozapine-us-ben", "mercaptopurine-anc", "lenalidomide-us"])
def test_a_first_patient_stands_there_and_is_not_written_into_the_address(draw, name):
    app = draw(protocol=name, part="try")
    assert rows_of(app, "Day")
    assert set(app.query_params) == {"protocol", "part"}
