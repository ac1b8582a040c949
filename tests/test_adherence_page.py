"""The adherence page, drawn from a small ward whose holds were counted by hand.

Each of P01 to P12 has an ANC of 430 on 2 February 2026, while dasatinib is given, and 1,300 two weeks later:

| patients | site  | last dose  | days to the hold | hold given within 1 day, within 3 days |
|----------|-------|------------|------------------|----------------------------------------|
| P01–P06  | East  | 2 February | 1                | met, met                               |
| P07, P08 | East  | 4 February | 3                | not met, met                           |
| P09      | East  | none       | never held       | not met, not met                       |
| P10      | East  | 4 February | 3                | cannot tell (a dose row was set aside), met |
| P11      | North | 2 February | 1                | met, met                               |
| P12      | North | 4 February | 3                | not met, met                           |
| P13      | North | none       | ANC 430 on the day of the file | excluded: not yet due    |

So 13 events: 7 met, 4 not met, 1 excluded, 1 cannot tell; within 3 days 11 met and 1 not met.
"""

import csv
import io
import json
import re
from datetime import date

import pytest
from streamlit.testing.v1 import AppTest

from leuko.access import EVERYTHING
from leuko.audit import Scope
from leuko.measures import MEASURES
from leuko.publish import load_csv
from leuko.settings import default_settings
from leuko.store import Store
from pages.common import files
from pages.common.cards import CARDS, passed
from pages.common.measure import Asked, graces_around
from tests.serving import ROOT, app_at

ENDINGS = ("met", "not_met", "excluded", "cannot_tell")
HELD = {f"P{number:02d}": "2026-02-02" for number in (1, 2, 3, 4, 5, 6, 11)} | {
    f"P{number:02d}": "2026-02-04" for number in (7, 8, 10, 12)
}
NEVER_HELD = ("P09", "P13")
EAST = [f"P{number:02d}" for number in range(1, 11)]
NORTH = ["P11", "P12", "P13"]


def csv_text(head, rows):
    return "\n".join([head, *rows]) + "\n"


def ward():
    days = {"2026-01-26": 3200, "2026-02-02": 430, "2026-02-16": 1300}
    labs = [
        f"{patient},anc,{anc},cells/uL,{day}T08:00"
        for patient in [*EAST, "P11", "P12"]
        for day, anc in days.items()
    ]
    labs += ["P13,anc,3200,cells/uL,2026-02-20T08:00", "P13,anc,430,cells/uL,2026-03-02T08:00"]
    doses = [f"{patient},dasatinib,100,mg,2026-01-02,{last}" for patient, last in HELD.items()]
    doses += [f"{patient},dasatinib,100,mg,2026-02-18," for patient in HELD]
    doses += [f"{patient},dasatinib,100,mg,2026-01-02," for patient in NEVER_HELD]
    doses += ["P10,dasatinib,a lot,mg,2026-02-02,2026-02-03"]
    patients = [f"{patient},Name of {patient},East,Dr Corvane" for patient in EAST]
    patients += [f"{patient},Name of {patient},North,Dr Adeyn" for patient in NORTH]
    return {
        "labs": csv_text("patient_id,analyte,value,unit,collected_at", labs),
        "exposures": csv_text("patient_id,drug,dose_mg,dose_unit,start_on,end_on", doses),
        "patients": csv_text("patient_id,name,site,clinician", patients),
    }


def load(folder, texts):
    for name, text in texts.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    load_csv(folder / "ward.duckdb", **{name: folder / f"{name}.csv" for name in texts})
    return folder / "ward.duckdb"


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    return load(tmp_path_factory.mktemp("adherence"), ward())


@pytest.fixture
def open_page(database, monkeypatch):
    """`open_page(site="East")` opens the page at this address; no exception may be shown."""
    monkeypatch.setenv("LEUKO_DB", str(database))

    def run(**address) -> AppTest:
        app = app_at("dashboard.py", address, timeout=60)
        app.switch_page("pages/adherence.py").run()
        assert not app.exception
        return app

    return run


@pytest.fixture
def store(database):
    opened = Store(database)
    yield opened
    opened.close()


def said(app):
    """All sentences on the page."""
    elements = (*app.subheader, *app.caption, *app.info, *app.markdown, *app.warning)
    return "\n".join(element.value for element in elements).replace("\\", "").replace("\xa0", " ")


def html_of(app):
    return "\n".join(element.proto.body for element in app.get("html"))


def card(app, measure):
    """The words of a card: its title, number, interval and sum, then its four counts by ending."""
    title = f"<h3>{MEASURES[measure].title}</h3>"
    (words,) = [element.proto.body for element in app.get("html") if element.proto.body.startswith(title)]
    labels = {ending: app.button(key=f"open_{ending}_{measure}").label for ending in ENDINGS}
    counts = {ending: int(re.match(r"\*\*([\d,]+)\*\*", label)[1].replace(",", "")) for ending, label in labels.items()}
    return re.sub(r"<[^>]+>", "\n", words).replace("\xa0", " "), counts


def address(app):
    return {name: value if isinstance(value, str) else list(value) for name, value in app.query_params.items()}


# Numbers


def test_the_first_sentence_says_both_directions_in_counts(open_page):
    app = open_page()
    assert app.subheader[0].value.replace("\xa0", " ") == (
        "Of 11 holds that the counts asked for, 7 were given in time (64 %) and 4 were not; 1 more cannot be told."
    )
    other = "The other way round: of 11 holds and reductions that were made, the counts supported 11 (100 %)."
    assert other in said(app)


def test_a_card_has_its_counts_before_its_rate_and_its_interval_and_sum_in_words(open_page):
    words, counts = card(open_page(), "hold_given")
    assert counts == {"met": 7, "not_met": 4, "excluded": 1, "cannot_tell": 1}
    assert "7 of 11 (64 %)" in words
    assert "95 % interval 35 to 85 %" in words  # Wilson: 0.354 to 0.848
    assert "median 1 day, 90th percentile 3 days" in words
    assert "7 + 4 + 1 + 1 = 13 events" in words


def test_every_measure_has_one_card_and_its_numbers_add_up(open_page, store):
    app = open_page()
    assert sorted(name for names in CARDS.values() for name in names) == sorted(MEASURES)
    counted = store.view().measures(store.settings).set_index("measure")
    for name in MEASURES:
        words, counts = card(app, name)
        assert counts == counted.loc[name, list(ENDINGS)].to_dict(), name
        assert sum(counts.values()) == counted.loc[name, "population"], name
        added = " + ".join(str(count) for count in counts.values())
        assert f"{added} = {counted.loc[name, 'population']} event" in words, name


def test_too_few_to_judge_is_said_and_no_rate_is_shown(open_page):
    app = open_page(site="North")
    words, _ = card(app, "hold_given")
    assert "1 of 2" in words
    assert "too few to judge (fewer than 10)" in words
    assert "%" not in words
    assert app.subheader[0].value.replace("\xa0", " ") == (
        "Of 2 holds that the counts asked for, 1 was given in time and 1 was not; too few to judge."
    )
    assert "50 %" not in said(app)


def test_the_least_that_is_judged_is_a_setting_in_the_address(open_page):
    assert "1 of 2 (50 %)" in card(open_page(site="North", minimum_denominator="2"), "hold_given")[0]
    assert "%" not in card(open_page(minimum_denominator="12"), "hold_given")[0]


# From a number to the patients


def test_a_count_of_a_card_opens_its_patients_and_goes_into_the_address(open_page):
    app = open_page()
    app.button(key="open_not_met_hold_given").click().run()
    assert address(app) == {"measure": "hold_given", "ending": "not_met"}
    events = app.dataframe[0].value
    assert sorted(patient.split(", ")[1] for patient in events["Patient"]) == ["P07", "P08", "P09", "P12"]
    assert "**4 events not met**: done too late 3; not done 1" in said(app)
    late = events[events["Patient"].eq("Name of P07, P07")].iloc[0]
    assert (late["Due"].date(), late["Happened"].date(), late["Days"]) == (date(2026, 2, 2), date(2026, 2, 5), 3)
    assert late["Reason"] == "done 3 days after it was due"
    app.button(key="open_not_met_hold_given").click().run()
    assert address(app) == {}
    assert not app.dataframe


@pytest.mark.parametrize("ending", ENDINGS)
def test_every_number_of_every_card_is_as_many_events(open_page, ending):
    app = open_page()
    for name in MEASURES:
        _, counts = card(app, name)
        if counts[ending]:
            listed = open_page(measure=name, ending=ending).dataframe[0].value
            assert len(listed) == counts[ending], name


def test_excluded_and_not_told_say_why(open_page):
    assert "**1 event excluded**: not yet due 1" in said(open_page(measure="hold_given", ending="excluded"))
    untold = open_page(measure="hold_given", ending="cannot_tell")
    assert "a dose row of this patient was set aside 1" in said(untold)
    assert list(untold.dataframe[0].value["Patient"]) == ["Name of P10, P10"]


def test_a_measure_without_an_ending_lists_all_its_events_with_their_endings(open_page):
    events = open_page(measure="hold_given").dataframe[0].value
    assert events["Ending"].value_counts().to_dict() == {"met": 7, "not met": 4, "excluded": 1, "cannot tell": 1}


def test_nothing_reaches_the_browser_that_is_not_shown(open_page):
    events = open_page(measure="hold_given").dataframe[0].value
    assert set(events) == {
        "Patient", "Ending", "Due", "Happened", "Days", "Reason", "Drug", "Episode", "Site, clinician",
    }  # fmt: skip


# Settings, filters, day


def test_a_grace_period_in_the_address_moves_the_rate_and_is_told(open_page):
    app = open_page(hold_grace_days="3")
    words, counts = card(app, "hold_given")
    assert counts == {"met": 11, "not_met": 1, "excluded": 1, "cannot_tell": 0}
    assert "11 of 12 (92 %)" in words
    assert app.expander[0].label.replace("\\", "") == "Settings: hold_grace_days 3 instead of 1"
    assert address(app) == {"hold_grace_days": "3"}


def test_a_setting_changed_on_the_page_goes_into_the_address_and_its_default_leaves_it(open_page):
    app = open_page()
    app.number_input(key="hold_grace_days").set_value(3).run()
    assert "11 of 12 (92 %)" in card(app, "hold_given")[0]
    assert address(app) == {"hold_grace_days": "3"}
    app.number_input(key="hold_grace_days").set_value(1).run()
    assert address(app) == {}
    assert "7 of 11 (64 %)" in card(app, "hold_given")[0]


def test_every_setting_is_listed_with_default_meaning_and_source(open_page):
    shown = html_of(open_page())
    for setting in default_settings().values():
        for words in (setting.name, setting.what, setting.source):
            assert words in shown


def test_filters_and_period_are_read_from_the_address(open_page):
    assert card(open_page(site="East"), "hold_given")[1] == {
        "met": 6, "not_met": 3, "excluded": 0, "cannot_tell": 1,
    }  # fmt: skip
    assert sum(card(open_page(clinician="Dr Adeyn"), "hold_given")[1].values()) == 3
    assert sum(card(open_page(drug="dasatinib"), "hold_given")[1].values()) == 13
    march = open_page(start="2026-03-01", end="2026-03-02")
    assert card(march, "hold_given")[1] == {"met": 0, "not_met": 0, "excluded": 1, "cannot_tell": 0}
    assert "Only from 1 March 2026, to 2 March 2026" in said(march)
    assert sum(card(open_page(end="2026-03-01"), "hold_given")[1].values()) == 12


def test_a_filter_that_leaves_nothing_says_so(open_page):
    app = open_page(start="2026-03-02", end="2026-03-01")
    assert "No event fits: from 2 March 2026, to 1 March 2026. The period ends before it begins." in said(app)
    assert app.subheader[0].value == "The counts asked for no hold here."


def test_what_the_address_asks_and_is_not_known_is_ignored_and_said(open_page):
    app = open_page(
        site="Nowhere", start="1999-01-01", end="soon", as_of="yesterday", measure="luck", ending="maybe", show="all",
        hold_grace_days="-1", restart_within_days="0", dose_mean_days="7", minimum_denominator="9" * 5000,
    )  # fmt: skip
    words = said(app)
    for part in (
        "Site “Nowhere”", "From “1999-01-01”", "To “soon”", "As of “yesterday”", "Measure “luck”", "Ending “maybe”",
        "Show “all”", "hold_grace_days “-1”, not a whole number from 0 to 3,650", "restart_within_days “0”",
        "dose_mean_days “7”, which is read when the data are loaded",
    ):  # fmt: skip
        assert part in words
    assert address(app) == {}
    assert card(app, "hold_given")[1]["met"] == 7


def test_another_day_judges_what_was_known_then_and_stays_in_the_address(open_page):
    app = open_page(as_of="2026-02-03")
    assert card(app, "hold_given")[1] == {"met": 7, "not_met": 0, "excluded": 5, "cannot_tell": 0}
    assert "This is 3 February 2026" in said(app)
    app.button(key="open_excluded_hold_given").click().run()
    assert address(app) == {"as_of": "2026-02-03", "measure": "hold_given", "ending": "excluded"}
    assert len(app.dataframe[0].value) == 5


def test_settings_beside_the_database_hold_and_are_told(tmp_path, monkeypatch):
    database = load(tmp_path, ward())
    (tmp_path / "settings.toml").write_text("hold_grace_days = 3\n", encoding="utf-8")
    monkeypatch.setenv("LEUKO_DB", str(database))
    app = AppTest.from_file(ROOT / "dashboard.py", default_timeout=60).switch_page("pages/adherence.py").run()
    assert card(app, "hold_given")[1]["met"] == 11
    assert app.expander[0].label.replace("\\", "") == "Settings: hold_grace_days 3 instead of 1"
    assert address(app) == {}


# One measure from near


def test_the_definition_stands_in_words_and_the_four_endings_add_up(open_page):
    shown = html_of(open_page(measure="hold_given"))
    measure = MEASURES["hold_given"]
    for words in (measure.population, measure.exclusions, measure.numerator, measure.grain, measure.standard):
        assert words in shown
    assert "1 day (hold_grace_days, as by default)" in shown
    assert "13 events: 7 met + 4 not met + 1 excluded + 1 cannot tell" in shown


def test_by_site_a_table_and_a_funnel_without_a_rate_of_too_few(open_page):
    app = open_page(measure="hold_given", show="site", minimum_denominator="3")
    groups = app.dataframe[0].value.set_index("Site")
    assert groups.loc["East", ["Met", "Not met", "Excluded", "Cannot tell", "In all"]].tolist() == [6, 3, 0, 1, 10]
    assert groups.loc["East", "Rate"] == pytest.approx(6 / 9)
    assert groups["Rate"].isna().tolist() == [False, True]
    assert groups.loc["North", "95 % interval"] == "too few to judge"
    traces = [trace for chart in app.get("plotly_chart") for trace in json.loads(chart.proto.spec)["data"]]
    points = [point for trace in traces for point in trace.get("customdata", [])]
    assert {group for _, group in points} == {"East", "North"}


def test_by_clinician_and_by_drug(open_page):
    clinicians = open_page(measure="hold_given", show="clinician").dataframe[0].value
    assert dict(zip(clinicians["Clinician"], clinicians["In all"], strict=True)) == {"Dr Adeyn": 3, "Dr Corvane": 10}
    drugs = open_page(measure="hold_given", show="drug").dataframe[0].value
    assert drugs["In all"].tolist() == [13]


def test_by_month_a_run_chart_and_a_table(open_page):
    app = open_page(measure="hold_given", show="month")
    months = app.dataframe[0].value
    assert months["Month"].tolist() == ["2026-03", "2026-02"]
    assert months["95 % interval"].tolist()[0] == "nothing to judge"
    assert "Only February 2026 has a rate: 7 of 11 (64 %)." in "".join(
        chart.proto.alt for chart in app.get("plotly_chart")
    )


def test_the_sensitivity_table_marks_the_grace_period_in_force_and_agrees_with_the_card(open_page):
    app = open_page(measure="hold_given", show="grace", hold_grace_days="3")
    table = app.dataframe[0].value
    assert table["Grace period"].tolist() == [
        "0 days", "1 day", "2 days", "3 days", "5 days", "7 days", "14 days",
    ]  # fmt: skip
    assert table[""].tolist() == ["", "default", "", "▶ in force", "", "", ""]
    assert table["Met"].tolist() == [0, 7, 7, 11, 11, 11, 11]
    in_force = table[table[""].eq("▶ in force")].iloc[0]
    counts = card(app, "hold_given")[1]
    assert in_force[["Met", "Not met", "Excluded", "Cannot tell"]].tolist() == list(counts.values())
    assert table["In all"].eq(13).all()


def test_a_measure_without_a_grace_period_says_so(open_page):
    assert "No grace period" in said(open_page(measure="supported_hold", show="grace"))


def test_the_grace_periods_compared_are_those_a_setting_may_have():
    settings = default_settings()
    assert graces_around(settings["restart_within_days"], "days") == (1, 2, 3, 5, 7, 14)
    assert {30, 60, 120} <= set(graces_around(settings["antibiotics_within_minutes"], "minutes"))
    assert min(graces_around(settings["antibiotics_within_minutes"], "minutes")) == 15


# Files


def asked(database, **scope):
    values = tuple((name, setting.value) for name, setting in default_settings().items())
    return Asked(str(database.resolve()), EVERYTHING, date(2026, 3, 2), values, Scope(**scope))


def read_csv(made):
    return list(csv.DictReader(io.StringIO(made.decode())))


def test_the_deviations_are_those_of_the_page_with_its_filters(database):
    rows = [row for row in read_csv(files.csv_file(asked(database))) if row["measure"] == "hold_given"]
    assert sorted(row["patient_id"] for row in rows) == ["P07", "P08", "P09", "P10", "P12", "P13"]
    rows = read_csv(files.csv_file(asked(database, site=("North",))))
    assert {row["patient_id"] for row in rows} <= set(NORTH)


def test_no_cell_of_the_deviations_runs_as_a_formula(tmp_path):
    texts = {name: text.replace("P07", "=1+1").replace("P08", "@SUM(1)") for name, text in ward().items()}
    database = load(tmp_path, texts)
    cells = {cell for row in read_csv(files.csv_file(asked(database))) for cell in row.values()}
    assert {"'=1+1", "'@SUM(1)"} <= cells
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


def test_workbook_and_report_are_made(database):
    assert files.excel_file(asked(database)).startswith(b"PK")
    assert b"7 of 11 (64 %)" in files.report_file(asked(database))


def test_three_files_are_offered(open_page):
    labels = [button.proto.label for button in open_page().get("download_button")]
    assert labels == ["Deviations (CSV)", "Every event (Excel)", "Report (HTML, prints to PDF)"]


def test_what_only_an_event_has_can_be_filtered_by(open_page, store):
    """Fevers have no drug: `drug=` with nothing behind it asks for those."""
    app = open_page()
    for name in ("site", "clinician", "drug"):
        groups = store.view().measures(store.settings, by=name)["group"]
        offered = set(app.multiselect(key=name).options)
        assert set(groups) <= offered, name


@pytest.mark.parametrize(("days", "words"), [(-2, "2 days early"), (-1, "1 day early"), (0, "0 days"), (1, "1 day")])
def test_what_was_done_before_it_was_due_is_called_early(days, words):
    assert passed(days, "day") == words
