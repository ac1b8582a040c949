"""The panel, drawn from a small published database: what a reader sees, and what bad input gives."""

import json
import re
import tomllib
from datetime import date

import pytest
from streamlit.testing.v1 import AppTest

from leuko.facts import read_rows
from leuko.publish import load_csv
from leuko.store import Filters, Store
from pages.common import shared
from tests.serving import ROOT, app_at, type_into

LABS = """patient_id,analyte,value,unit,comparator,collected_at,status
P1,anc,3200,cells/uL,,2026-02-20T08:00,final
P1,anc,430,cells/uL,,2026-03-02T08:00,final
P2,anc,410,cells/uL,,2026-02-02T08:00,final
P2,anc,1300,cells/uL,,2026-02-06T08:00,final
P3,anc,3100,cells/uL,,2026-03-01T08:00,final
P4,anc,100,cells/uL,<,2026-03-01T08:00,final
P5,anc,2.1,,,2026-03-01T08:00,final
P6,anc,2100,cells/uL,,2026-03-01T08:00,final
"""
EXPOSURES = """patient_id,drug,setting,dose_mg,dose_unit,start_on,end_on,end_reason
P1,dasatinib,,100,mg,2026-01-02,,
P2,dasatinib,,100,mg,2026-01-02,2026-02-01,held
P3,dasatinib,,100,mg,2026-01-02,,
P3,mercaptopurine,,50,mg/m2,2026-01-02,,
P4,mercaptopurine,,50,mg/m2,2026-01-02,,
P5,dasatinib,,100,mg,2026-02-25,,
"""
PATIENTS = """patient_id,name,birth_date,sex,site,clinician,diagnosis
P1,Ada Haldanito,1980-03-09,female,East,Dr Corvane,CML
P2,Bram Ostrandi,1981-03-09,male,East,Dr Dumail,CML
P3,Chiara *Imarov*,1982-03-09,female,North,Dr Adeyn,CML
P4,Deniz Lorwen,1983-03-09,male,North,Dr Brask,ALL
"""
TONES = {row["tone"] for row in read_rows("statuses")}
ORIGIN = {"title": "A small ward", "simulated": True, "note": "Nobody is real."}


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    folder = tmp_path_factory.mktemp("panel")
    files = {"labs": LABS, "exposures": EXPOSURES, "patients": PATIENTS}
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    load_csv(folder / "ward.duckdb", **{name: folder / f"{name}.csv" for name in files}, origin=ORIGIN)
    return folder / "ward.duckdb"


@pytest.fixture
def open_panel(database, monkeypatch):
    """`open_panel(site="East")` opens the dashboard at this address; no exception may be shown."""
    monkeypatch.setenv("LEUKO_DB", str(database))

    def run(**address) -> AppTest:
        app = app_at("dashboard.py", address)
        app.run()
        assert not app.exception
        return app

    return run


@pytest.fixture
def view(database):
    store = Store(database)
    yield store.view()
    store.close()


def table(app):
    return app.dataframe[0].value


def patients(app):
    return sorted({words.split(", ")[-1] for words in table(app)["Patient"]})


def said(app):
    """All sentences on the page."""
    elements = (*app.subheader, *app.caption, *app.info, *app.markdown, *app.error)
    return "\n".join(element.value for element in elements)


def test_the_first_sentence_counts_patients(open_panel, view):
    holds = view.patients(Filters(status=("hold",)))
    unknown = view.patients(Filters(status=("no_result", "cannot_tell", "overdue", "no_protocol")))
    assert holds == 2
    assert open_panel().subheader[0].value == (
        f"2 patients need a hold, 0 a dose reduction; {unknown} cannot be told."
    )


def test_the_worklist_is_in_order_of_urgency_and_says_what_to_do(open_panel, view):
    shown, stored = table(open_panel()), view.worklist(Filters())
    assert list(shown["Status"]) == list(stored["icon"] + " " + stored["word"])
    assert shown["What to do"][0] == stored["to_do"][0]
    assert shown["What to do"][0].startswith("Hold ")


def test_every_status_button_says_courses_and_patients(open_panel, view):
    buttons = {button.key: button.label for button in open_panel().button}
    for row in view.statuses(Filters()).itertuples():
        assert (f"status_{row.status}" in buttons) == (row.courses > 0)
        if row.courses:
            patients = f"{row.patients}\xa0patient{'' if row.patients == 1 else 's'}"
            label = buttons[f"status_{row.status}"]
            assert f"{row.word} **{patients}**" in label
            assert (f" · {row.courses}\xa0course" in label) == (row.courses != row.patients)


def test_a_status_button_filters_and_writes_the_address_and_a_second_click_undoes_it(open_panel):
    app = open_panel()
    app.button(key="status_hold").click().run()
    assert all("Hold" in status for status in table(app)["Status"])
    assert app.query_params["status"] == "hold"
    app.button(key="status_hold").click().run()
    assert "status" not in app.query_params
    assert len(table(app)) == 7


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ({"site": "East"}, ["P1", "P2"]),
        ({"site": ["East", "North"]}, ["P1", "P2", "P3", "P4"]),
        ({"site": ""}, ["P5", "P6"]),
        ({"clinician": "Dr Brask"}, ["P4"]),
        ({"drug": "mercaptopurine"}, ["P3", "P4"]),
    ],
)
def test_filters_are_read_from_the_address(open_panel, address, expected):
    assert patients(open_panel(**address)) == expected


@pytest.mark.parametrize(
    ("words", "address", "expected"),
    [("p3", {}, ["P3"]), ("OSTRANDI", {}, ["P2"]), ("a", {"site": "East", "drug": "dasatinib"}, ["P1", "P2"])],
)
def test_a_search_finds_ids_and_names_and_stands_in_no_address(open_panel, words, address, expected):
    app = type_into(open_panel(**address), "search", words)
    assert patients(app) == expected and dict(app.query_params) == address
    links = [link.proto.query_string for link in app.get("page_link")]
    assert links and not any("search" in link for link in links)


def test_searched_words_in_an_address_are_passed_over_and_taken_out_of_it(open_panel):
    app = open_panel(search="p3", site="East")
    assert patients(app) == ["P1", "P2"] and dict(app.query_params) == {"site": "East"}
    assert "a search, which stands in no address" in said(app) and "p3" not in said(app)


def test_what_the_address_asks_and_is_not_known_is_ignored_and_said(open_panel):
    app = open_panel(site="Nowhere", status="hold", as_of="yesterday", page="-3")
    assert "Site “Nowhere”" in said(app)
    assert "As of “yesterday”" in said(app)
    assert all("Hold" in status for status in table(app)["Status"])
    assert dict(app.query_params) == {"status": "hold"}


def test_an_earlier_day_shows_what_was_known_then_and_says_so(open_panel):
    app = open_panel(as_of="2026-02-28")
    assert "This is 28 February 2026" in said(app)
    assert app.subheader[0].value.startswith("0 patients need a hold")
    assert "2 days before 2 March 2026" in said(app)
    next(button for button in app.button if button.label == "Show 2 March 2026").click().run()
    assert "as_of" not in app.query_params
    assert app.subheader[0].value.startswith("2 patients need a hold")


@pytest.mark.parametrize("address", [{}, {"as_of": "2026-02-28"}])
def test_rows_set_aside_are_those_of_the_load_on_whatever_day(open_panel, address):
    labels = [expander.label for expander in open_panel(**address).expander]
    assert "1 row was set aside at the load: unit missing 1" in labels


LATE_LABS = """patient_id,analyte,value,unit,collected_at,reported_at
P1,anc,3200,cells/uL,2026-02-20T08:00,
P1,anc,430,cells/uL,2026-03-02T08:00,2026-03-04T08:00
"""


@pytest.fixture
def open_late(tmp_path, monkeypatch):
    """`open_late(labs)` is the dashboard on a file of the day before its last result was reported."""

    def prepare(labs=LATE_LABS) -> AppTest:
        files = {"labs": labs, "exposures": EXPOSURES.split("P2")[0]}
        for name, text in files.items():
            (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
        paths = {name: tmp_path / f"{name}.csv" for name in files}
        load_csv(tmp_path / "late.duckdb", **paths, as_of=date(2026, 3, 3))
        monkeypatch.setenv("LEUKO_DB", str(tmp_path / "late.duckdb"))
        return AppTest.from_file(ROOT / "dashboard.py", default_timeout=30)

    return prepare


@pytest.fixture
def late(open_late):
    return open_late()


def test_results_reported_after_the_day_shown_are_told(late):
    assert "1 result collected by this day was reported later and is not read here." in said(late.run())
    assert late.subheader[0].value.startswith("0 patients need a hold")


def test_days_up_to_the_last_report_can_be_shown(late):
    late.query_params["as_of"] = "2026-03-04"
    words = said(late.run())
    assert not late.exception
    assert late.subheader[0].value.startswith("1 patient needs a hold")
    assert "reported later" not in words
    assert "This is 4 March 2026**, 1 day after 3 March 2026" in words


@pytest.mark.parametrize("day", ["2026-01-01", "2026-03-05", "1900-01-01", "20260304x"])
def test_days_outside_the_data_are_not_known(late, day):
    late.query_params["as_of"] = day
    assert f"As of “{day}”" in said(late.run()).replace("\\", "")
    assert not late.exception


def test_results_dated_in_the_future_are_flagged_in_the_header(open_panel, open_late):
    assert "in the future" not in said(open_panel())
    slip = "P1,anc,3200,cells/uL,2199-02-20T08:00,2026-02-20T09:00\n"
    assert "1 result is dated in the future." in said(open_late(LATE_LABS + slip).run())


def test_who_is_first_is_said_below_the_first_sentence(open_panel):
    app = open_panel()
    assert [words.value for words in app.markdown if words.value.startswith("First: ")] == [
        "First: **Deniz Lorwen, P4**, hold since 1 March 2026."
    ]


def test_where_nobody_waits_nobody_is_first(open_panel):
    assert "First: " not in said(type_into(open_panel(drug="dasatinib"), "search", "P3"))


def test_the_header_names_the_load_and_the_protocols(open_panel, database):
    store = Store(database)
    loaded = re.search(r"load 1, \d+ \w+ \d{4} at \d\d:\d\d UTC · protocols (\w+)", said(open_panel()))
    assert loaded[1] == store.about.protocols_version
    store.close()


@pytest.mark.parametrize(
    ("days", "written"), [(1.0, "1 day"), (0.0, "0 days"), (1200.0, "1,200 days"), (float("nan"), "–")]
)
def test_one_day_is_one_day(days, written):
    assert shared.days(days) == written


@pytest.mark.parametrize(
    ("words", "length", "cut"),
    [
        ("Hold dasatinib: ANC 430 is below 500.", 37, "Hold dasatinib: ANC 430 is below 500."),
        ("Hold dasatinib: ANC 430 on 2 March 2026 is below 500.", 38, "Hold dasatinib …"),
        ("Go on with dasatinib and watch the counts", 20, "Go on with …"),
        ("Review the drug (lowest measured 20,000) and ask", 38, "Review the drug …"),
        ("Review the drug (lowest measured 20,000) and ask", 46, "Review the drug (lowest measured 20,000) and …"),
    ],
)
def test_a_long_sentence_is_never_cut_in_a_number_or_a_bracket(words, length, cut):
    assert shared.cut_short(words, length) == cut
    assert len(cut) <= length


def test_nothing_found_says_which_filter_leaves_nothing(open_panel):
    app = type_into(open_panel(site="East"), "search", "lorwen")
    assert not [frame for frame in app.dataframe if "Status" in frame.value]
    assert "without the filter Site: 1 course" in said(app)
    assert "without the filter Search: 2 courses" in said(app)


def test_how_many_are_shown_of_how_many(open_panel):
    assert "Showing 1–2 of 2 courses in 2 patients (of 7 courses)" in said(open_panel(site="East"))


@pytest.mark.parametrize(
    ("words", "whole"),
    [
        ("7 of 11 (64 %)", "7 of 11 (64\xa0%)"),
        ("95 % interval 35 to 85 %", "95\xa0% interval 35 to 85\xa0%"),
        ("100 mg, ANC 430 cells/µL or 0.43 ×10⁹/L", "100\xa0mg, ANC 430\xa0cells/µL or 0.43\xa0×10⁹/L"),
        ("No G-CSF dose; GM-CSF, patient G-CSFX-1", "No G\u2011CSF dose; GM-CSF, patient G-CSFX-1"),
        ("64% of 7 mgs in 2 days, some % more", "64% of 7 mgs in 2 days, some % more"),
    ],
)
def test_no_line_ends_between_a_number_and_its_unit_nor_within_a_short_name(words, whole):
    assert shared.unbroken(words) == whole


@pytest.mark.parametrize(
    ("words", "cut"),
    [
        ("three lines of seven", "three lines of seven"),  # three / lines / of seven
        ("three lines of seven words", "three lines of seven …"),
    ],
)
def test_a_sentence_is_cut_where_its_lines_are_full(words, cut):
    assert shared.in_lines(words, 8, 3) == cut


def test_one_count_alone_draws_no_trend(open_panel):
    shown = table(open_panel()).set_index("Patient")["Last 12 ANC"]
    assert list(shown["Ada Haldanito, P1"]) == [3200, 430]
    assert shown.isna()["Deniz Lorwen, P4"], "a line of one point is a stroke"


@pytest.mark.parametrize(
    ("name", "cut"),
    [
        ("Anna-Maria Overgaard", "Anna-Maria Overgaard"),
        ("Anna-Maria Overgaard Lindqvist", "Anna-Maria Overgaard L…"),
        ("ADA IMAROV", "ADA IMAROV"),
        ("ANNA-MARIA OVERGAARD", "ANNA-MARIA OV…"),  # eight capitals are as wide as a line of twelve small letters
        ("Ö" * 90, "Ö" * 15 + "…"),
    ],
)
def test_a_name_in_capitals_is_cut_earlier_so_that_the_id_below_it_stays_in_sight(name, cut):
    assert shared.name_in_lines(name, 12) == cut


def test_a_page_beyond_the_last_is_the_last(open_panel):
    assert "Showing 1–7 of 7 courses" in said(open_panel(page="99"))


def test_rows_set_aside_are_counted_with_their_reason_and_listed(open_panel):
    app = open_panel()
    assert "1 row was set aside at the load: unit missing 1" in [expander.label for expander in app.expander]
    assert list(app.dataframe[-1].value["Reason"]) == ["unit missing"]


def test_no_column_that_is_not_shown_reaches_the_browser(open_panel):
    assert not {"birth_date", "name", "patient_id", "protocol", "course"} & set(table(open_panel()))
    assert "1980" not in table(open_panel()).to_csv()


def test_the_header_says_what_data_these_are_and_what_the_dashboard_is_not(open_panel):
    words = said(open_panel())
    assert "Simulated data" in words
    assert "Nobody is real." in words
    assert "Data up to 2 March 2026 (" in words
    assert "Supports clinical judgement and never replaces it." in words


def test_a_missing_database_is_told_in_one_line(monkeypatch, tmp_path):
    monkeypatch.setenv("LEUKO_DB", str(tmp_path / "nothing.duckdb"))
    app = AppTest.from_file(ROOT / "dashboard.py", default_timeout=30).run()
    assert not app.exception
    assert "there is no database here" in app.error[0].value


def test_what_cannot_be_told_is_never_green(view):
    """Green stands for nothing to do; what cannot be told has a tone of its own."""
    statuses = view.statuses(Filters()).set_index("status")["tone"]
    assert set(statuses[["no_result", "cannot_tell", "overdue", "no_protocol"]]) == {"unknown"}
    assert set(statuses) == TONES


def luminance(colour):
    channels = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    """As WCAG 2.2 defines it, 1 to 21."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("surface", ["backgroundColor", "secondaryBackgroundColor"])
def test_every_tone_can_be_read_on_both_surfaces(theme, surface):
    background = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())["theme"][theme][surface]
    for tone in TONES:
        assert contrast(shared.tone_colour(tone, theme), background) >= 4.5, tone


@pytest.mark.parametrize(
    ("value", "unit", "sign", "written"),
    [
        (1250.0, "", "", "1,250"),
        (0.0, "mg", "", "0 mg"),
        (62.5, "mg", None, "62.5 mg"),
        (499.9999999, "", "", "499.9999999"),
        (100.0, "", "<", "<100"),
        (None, "mg", "", "–"),
        (float("nan"), "mg", float("nan"), "–"),
    ],
)
def test_numbers_are_written_as_they_are_and_never_rounded_over_a_threshold(value, unit, sign, written):
    assert shared.number(value, unit, sign) == written


@pytest.mark.parametrize(
    ("column", "widest"), [("Dose now", "134.31 mg/m2"), ("Last ANC", "499.999999"), ("Days", "1,200 days")]
)
def test_no_number_of_the_worklist_loses_its_first_digits(open_panel, column, widest):
    # a number too wide for its column is cut on the left: 34.31 would be read as 4.31
    widths = json.loads(open_panel().dataframe[0].proto.columns)
    letter, padding = 7, 18  # pixels
    assert widths[column]["width"] >= letter * len(widest) + padding


def test_the_guide_on_simulated_data_goes_when_it_is_dismissed_and_stays_away(open_panel):
    app = open_panel()
    assert "New here?" in said(app)
    app.button(key="dismiss_guide").click().run()
    assert "New here?" not in said(app)
    assert "off" in app.query_params["guide"]
    assert "New here?" not in said(open_panel(guide="off"))
