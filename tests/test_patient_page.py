"""The patient's page, drawn from a small published database: what must be on it, and what bad input gives."""

import json
import re
from datetime import date

import pytest
from streamlit.testing.v1 import AppTest

from leuko.publish import load_csv
from leuko.store import Store
from tests.readers import reads_as
from tests.serving import app_at

PAGE = "pages/patient.py"
LABS = """patient_id,analyte,value,unit,comparator,collected_at,reported_at,status
P1,anc,3.2,10*9/L,,2026-01-05T08:00,,final
P1,anc,0.43,10*9/L,,2026-02-02T08:00,,final
P1,anc,1.2,10*9/L,,2026-02-06T08:00,,final
P1,anc,430,cells/uL,,2026-03-02T08:00,2026-03-02T12:00,final
P1,anc,510,cells/uL,,2026-03-02T08:00,2026-03-02T10:00,preliminary
P1,anc,0.2,10*9/L,<,2026-03-09T08:00,,final
P1,platelets,90,10*9/L,,2026-03-09T08:00,,final
P1,anc,0.9,,,2026-03-10T08:00,,final
P2,anc,2.1,10*9/L,,2026-03-22T08:00,,final
P3,anc,2.1,10*9/L,,2026-03-01T08:00,,final
P4,anc,0.4,10*9/L,,2026-02-02T08:00,,final
P4,platelets,90,10*9/L,,2026-02-02T08:00,,final
P4,anc,1.4,10*9/L,,2026-02-06T08:00,,final
P5,anc,1.9,10*9/L,,2026-03-21T08:00,2026-03-24T08:00,final
P6,anc,0.3,10*9/L,,2026-02-10T08:00,,final
P6,wbc,1.2,10*9/L,,2026-02-10T08:00,,final
P8,anc,0.3,10*9/L,,2026-02-10T08:00,,final
P7,wbc,2.0,10*9/L,,2026-02-02T08:00,,final
P7,segs_pct,20,%,,2026-02-02T08:00,,final
P7,wbc,4.0,10*9/L,,2026-02-12T08:00,,final
P7,segs_pct,40,%,,2026-02-12T08:00,,final
"""
EXPOSURES = """patient_id,drug,setting,dose_mg,dose_unit,start_on,end_on,end_reason
P1,dasatinib,,100,mg,2026-01-02,,
P3,dasatinib,dasatinib-advanced-us,140,mg,2026-01-02,,
P4,dasatinib,dasatinib-cp-us,70,mg,2026-01-02,,
P6,dasatinib,dasatinib-advanced-us,140,mg,2026-01-02,,
P7,dasatinib,,100,mg,2026-01-02,,
P8,dasatinib,dasatinib-advanced-us,140,mg,2026-01-02,2026-02-16,discontinued
"""
PATIENTS = """patient_id,name,birth_date,sex,site,clinician,diagnosis,left_on
P1,Ada *Haldanito* <b>,1980-03-09,female,East,Dr Corvane,"CML, chronic phase",
P2,Bea Ostrandi,,,West,,,2026-03-20
P6,Fay Undari,,,East,,"CML, accelerated phase",
P7,Gil Brandalo,,,East,,Kidney transplant,
"""
EVENTS = """patient_id,kind,value,occurred_at
P1,fever,38.6,2026-03-09T18:00
P6,cytopenia_cause,malignancy,2026-02-15
P6,cytopenia_cause,viral,2026-02-20
P8,cytopenia_cause,disease,2026-02-15
P7,gcsf,filgrastim 300 ug,2026-02-09
P7,gcsf,filgrastim 300 ug,2026-02-13
P7,heart_failure,NYHA II,2025-06-01
P7,albumin,28 g/L,2026-01-15
"""


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    folder = tmp_path_factory.mktemp("patient")
    files = {"labs": LABS, "exposures": EXPOSURES, "patients": PATIENTS, "events": EVENTS}
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    load_csv(folder / "small.duckdb", **{name: folder / f"{name}.csv" for name in files}, as_of=date(2026, 3, 22))
    return folder / "small.duckdb"


@pytest.fixture
def draw(database, monkeypatch):
    """`draw(patient="P1")` draws the page as its address asks; no exception may be shown."""
    monkeypatch.setenv("LEUKO_DB", str(database))

    def run(**address) -> AppTest:
        app = app_at(PAGE, address)
        app.run()
        assert not app.exception
        return app

    return run


def html_of(app: AppTest) -> str:
    """What is read of it: without the names of columns that only a narrow screen shows."""
    shown = "\n".join(element.proto.body for element in app.get("html"))
    shown = shown.replace("\xa0", " ").replace("\u2011", "-")
    return re.sub(' data-name="[^"]*"', "", shown)


def figure_of(app: AppTest) -> dict:
    return json.loads(app.get("plotly_chart")[0].proto.spec)


def test_the_recommendation_stands_first_in_words(draw):
    shown = html_of(draw(patient="P1"))
    assert "Hold dasatinib: ANC 430 on 2 March 2026 is below 500." in shown
    assert shown.index("Hold dasatinib") < shown.index("Clause")
    assert "Firm" in shown
    assert "last ANC &lt;200 cells/µL on 9 March 2026" in shown


def test_who_it_is_with_text_from_the_record_as_it_is(draw):
    shown = html_of(draw(patient="P1"))
    assert "Ada *Haldanito* &lt;b&gt;" in shown
    for piece in ("P1", "East", "Dr Corvane", "CML, chronic phase", "born 9 March 1980"):
        assert piece in shown


def test_leaving_shows_from_its_day_on(draw):
    assert "· left 20 March 2026" in html_of(draw(patient="P2"))
    assert "· left" not in html_of(draw(patient="P2", as_of="2026-03-10"))


def test_every_condition_says_what_was_found_and_whether_it_holds(draw):
    app = draw(patient="P1")
    shown = html_of(app)
    assert "days to recovery at most 7" in shown
    assert {"yes", "not known"} <= {word for word in ("yes", "no", "not known") if f">{word}<" in shown}
    assert "1 ▶ decides" in shown
    assert "resumed at the original starting dose" in shown
    titles = [expander.label for expander in app.expander]
    assert any("episode 2" in title and "open" in title for title in titles)


def test_what_is_not_verified_is_marked(draw):
    shown = html_of(draw(patient="P3"))
    for analyte in ("ANC", "platelets"):
        thresholds = shown.split(f"<li>Thresholds of {analyte}: ")[1].split("</li>")[0]
        assert thresholds.startswith("Below ")
        assert thresholds.endswith("<strong>Not verified.</strong>")
    assert "<strong>Not verified.</strong>" in shown


def test_links_lead_only_to_the_web(draw):
    shown = html_of(draw(patient="P1"))
    addresses = [piece.split('"')[0] for piece in shown.split('href="')[1:]]
    assert addresses and all(address.startswith(("http://", "https://")) for address in addresses)


def test_every_clause_names_its_source_with_a_link_where_it_has_an_address(draw):
    shown = html_of(draw(patient="P4"))
    for address in ("https://www.drugs.com/dosage/dasatinib.html", "http://preview-www.nature.com/"):
        assert address in shown.split("Episodes")[0]
    assert ">www.drugs.com</a></td>" in shown
    assert '>www.sprycel-hcp.com</a></li>' in shown


def test_a_quote_stands_under_its_own_title_and_section(draw):
    shown = html_of(draw(patient="P4")).split("Clause 4 decides.")[1].split("</ul>")[0]
    assert shown.count("<blockquote") == 3
    for piece in shown.split("<blockquote")[:-1]:
        assert "Dasatinib dosage, drugs.com</a>. Dose adjustments, chronic phase CML" in piece.rpartition("<li>")[2]
    assert "What this protocol quotes from that source:" in shown


def test_the_first_dose_stands_beside_that_of_the_table(draw):
    assert "first dose 100 mg (the table starts at 100 mg)" in html_of(draw(patient="P1"))
    assert "first dose 70 mg (the table starts at 100 mg)" in html_of(draw(patient="P4"))


def test_rows_set_aside_are_told_beside_the_recommendation(draw):
    line = "1 row of this patient was set aside and is not read."
    assert any(words.value.endswith(line) for words in draw(patient="P1").markdown)
    past = "1 row of this patient was set aside and is not read. It is of the whole file, whatever day is shown."
    assert any(words.value.endswith(past) for words in draw(patient="P1", as_of="2026-03-09").markdown)
    assert not any("set aside" in words.value for words in draw(patient="P3").markdown)


def test_scale_is_in_the_address(draw):
    assert figure_of(draw(patient="P1"))["layout"]["yaxis"].get("type") is None
    assert figure_of(draw(patient="P1", scale="log"))["layout"]["yaxis"]["type"] == "log"


def test_numbers_of_the_figure_stand_in_a_table_with_what_is_not_used(draw):
    app = draw(patient="P1")
    counts = app.dataframe[0].value
    assert sorted(counts["cells/µL"]) == [200, 430, 430, 510, 1200, 3200, 90_000]
    assert counts.loc[counts["cells/µL"].eq(510), "Used"].tolist() == ["not used: a later report replaced it"]
    assert any("Set aside: 1 row" in expander.label for expander in app.expander)


def test_a_past_day_shows_what_was_known_then(draw):
    app = draw(patient="P1", as_of="2026-03-02")
    assert "last ANC 430 cells/µL on 2 March 2026" in html_of(app)
    assert any("2 March 2026" in notice.value for notice in [*app.info, *app.warning])
    early = draw(patient="P1", as_of="2026-01-20")
    assert "Go on with dasatinib" in html_of(early)


def test_a_day_before_anything_was_known(draw):
    app = draw(patient="P2", as_of="2026-02-01")
    assert any("nothing was known" in notice.value for notice in app.info)
    assert figure_of(app)["layout"]["shapes"]


@pytest.mark.parametrize("day", ["2020-01-01", "2026-03-25"])
def test_a_day_outside_the_data_is_told_and_not_shown(draw, day):
    app = draw(patient="P1", as_of=day)
    assert any("from 2 January 2026 to 24 March 2026" in warning.value for warning in app.warning)
    assert "Hold dasatinib" in html_of(app)


def test_results_still_on_their_way_on_the_day_shown_are_told(draw):
    line = "1 result (of all patients) collected by this day was reported later and is not read here."
    assert any(words.value.endswith(line) for words in draw(patient="P1").markdown)
    assert not any(words.value.endswith(line) for words in draw(patient="P1", as_of="2026-03-24").markdown)


def test_a_patient_without_a_course_has_a_page(draw):
    assert "No rule to apply" in html_of(draw(patient="P2"))


def test_an_unknown_patient_and_an_unreadable_day_get_a_clear_message(draw):
    assert any("no patient" in error.value for error in draw(patient="nobody").error)
    app = draw(patient="P1", as_of="2026-13-45")
    assert any("is not a day" in warning.value for warning in app.warning)
    assert "Hold dasatinib" in html_of(app)


def test_a_patient_is_found_by_name_or_id(draw):
    app = draw()
    app.text_input[0].input("haldan").run()
    assert not app.exception
    app.button[0].click().run()
    assert not app.exception
    assert "Hold dasatinib" in html_of(app)


def test_a_search_shows_the_status_of_the_day(draw):
    for day, status in (("2026-01-20", "Continue"), ("2026-03-09", "Hold")):
        app = draw(as_of=day)
        app.text_input[0].input("P1").run()
        assert not app.exception
        (found,) = [button for button in app.button if button.key == "open_P1"]
        assert status in found.label


def test_a_search_says_how_many_more_there_are(draw, monkeypatch):
    monkeypatch.setattr("leuko.store.View.patients", lambda self, filters: 1204)
    app = draw()
    app.text_input[0].input("p").run()
    assert any("most urgent of 1,204 patients" in caption.value for caption in app.caption)


def test_a_search_that_finds_nobody_says_so(draw):
    app = draw()
    app.text_input[0].input("nobody at all").run()
    assert any("No patient" in notice.value for notice in app.info)


def test_sites_that_may_not_be_seen_have_no_page(draw, monkeypatch):
    reads_as(monkeypatch, "clinician", ("West",))
    assert any("no patient" in error.value for error in draw(patient="P1").error)


def lines_at(app: AppTest, day: str) -> list[str]:
    """The words beside the upright lines of the figure at a day."""
    layout = figure_of(app)["layout"]
    here = [shape for shape in layout["shapes"] if shape["type"] == "line" and shape.get("x0") == day]
    return [note["text"] for note in layout["annotations"] if here and note.get("x") == day]


def test_a_day_in_the_address_is_marked_in_the_figure_and_in_words(draw):
    app = draw(patient="P1", mark="2026-02-02", mark_words="Hold given: not met")
    assert "<b>Hold given: not met</b>" in lines_at(app, "2026-02-02")
    (told,) = [element.value for element in app.markdown if "Marked" in element.value]
    assert told.replace("\\", "").endswith("Marked in the figure: **2 February 2026**, “Hold given: not met”.")


def test_words_of_a_mark_are_cut_and_never_markup(draw):
    app = draw(patient="P1", mark="2026-02-02", mark_words="<b>Hold</b> " + "and so on " * 50)
    (text,) = [words for words in lines_at(app, "2026-02-02") if "Hold" in words]
    assert "&lt;b&gt;Hold" in text
    assert len(text) < 100


@pytest.mark.parametrize("day", ["soon", "1900-01-01", "2999-01-01"])
def test_a_mark_that_is_no_day_of_the_data_is_said_and_not_drawn(draw, day):
    app = draw(patient="P1", mark=day, mark_words="Hold given")
    assert f"“{day}” is not a day" in app.warning[0].value.replace("\\", "")
    assert "Hold given" not in json.dumps(figure_of(app)["layout"])


def test_a_mark_goes_with_its_patient(draw):
    app = draw(patient="P1", mark="2026-02-02", mark_words="Hold given: not met")
    next(button for button in app.button if button.label == "Another patient").click().run()
    assert "mark" not in app.query_params
    assert "mark_words" not in app.query_params


# ---- what must be known, causes, derived counts, growth factors


def test_an_escalation_says_what_must_be_known_first(draw):
    shown = html_of(draw(patient="P6"))
    first = shown.split("Must be known first:</strong> ")[1].split("</div>")[0]
    for piece in ("marrow", "accelerated or blast phase", "for lack of response", "its words were not read"):
        assert piece in first
    assert shown.index("Consider escalating dasatinib to 180 mg") < shown.index("Must be known first:")


@pytest.mark.parametrize(
    ("patient", "day"), [("P6", "2026-02-12"), ("P8", "2026-03-22"), ("P3", "2026-03-22"), ("P1", "2026-03-22")]
)
def test_nothing_must_be_known_first_where_nothing_is_escalated(draw, patient, day):
    assert "Must be known first" not in html_of(draw(patient=patient, as_of=day))


def test_what_must_be_known_first_comes_with_the_cause(database):
    store = Store(database)
    before, after = (
        store.view(as_of=date(2026, 2, day)).patient("P6").known_first["protocol"].tolist() for day in (12, 16)
    )
    store.close()
    assert (before, after) == ([], ["dasatinib-advanced-us"])


def test_causes_stand_in_the_events_with_what_they_decide(draw):
    events = draw(patient="P6").dataframe[2].value
    assert dict(zip(events["Words"], events["Decides"], strict=True)) == {
        "malignancy": "taken as the disease",
        "viral": "not a listed cause: decides nothing",
    }
    assert draw(patient="P1").dataframe[2].value["Decides"].isna().all()


def test_a_derived_anc_says_so_in_sentences_and_tables(draw):
    app = draw(patient="P7")
    shown = html_of(app)
    assert "last ANC 1,600 cells/µL (derived) on 12 February 2026" in shown
    assert ">400 (derived)</td>" in shown.split("G-CSF before recovery")[1]
    counts = app.dataframe[0].value
    assert dict(zip(counts["Count"], counts["Derived"], strict=False)) == {"ANC": "derived", "WBC": "measured"}
    assert "(derived)" not in html_of(draw(patient="P1"))


def episodes_of(app: AppTest) -> str:
    """The table of episodes and what stands beneath it."""
    return html_of(app).split("G-CSF before recovery")[1].split("Growth factor")[0].split("Last growth")[0]


def test_the_days_from_the_last_growth_factor_stand_beside_the_recovery(draw):
    shown = episodes_of(draw(patient="P7"))
    assert "3 days before" in shown
    assert "may not be marrow recovery. Source:" in shown


def test_a_recovery_without_growth_factor_says_so_and_has_no_remark(draw):
    shown = episodes_of(draw(patient="P4"))
    assert "none recorded" in shown
    assert "marrow recovery" not in html_of(draw(patient="P4"))


def test_an_open_episode_has_no_days_from_a_growth_factor(draw):
    shown = episodes_of(draw(patient="P6"))
    assert "before" not in shown
    assert "none recorded" not in shown


def test_growth_factor_notes_show_what_the_record_has_and_no_other_number(draw):
    shown = html_of(draw(patient="P7")).split("Last growth factor dose: ")[1].split("The numbers")[0]
    shown = shown.split("dasatinib-guideline")[0]
    assert shown.startswith("filgrastim 300 ug on 13 February 2026, 37 days before 22 March 2026.")
    assert "Kidney transplant: G-CSF is used" in shown
    assert "no score is made" in shown
    rows = {row.split("<")[0]: row for row in shown.split('1px solid #8884">') if row.strip()}
    assert {"Heart failure (independent)", "Low albumin (associated)", "High G-CSF dose (associated)"} <= set(rows)
    assert not any("chemotherapy courses" in row or "radiotherapy (" in row for row in rows)
    said = re.sub(r"<[^>]*>", " ", shown)
    recorded = {"300", "13", "2026", "37", "22", "1", "2025", "28", "15", "2"}
    source = {"6", "4588600"}
    assert set(re.findall(r"\d+", said)) <= recorded | source
    assert said.count("cannot tell: no cut-off was published in what could be read") == 2
    assert "Contradicting data" in said and "pmc.ncbi.nlm.nih.gov" in shown


def test_a_patient_without_any_of_it_has_no_growth_factor_notes(draw):
    headings = [heading.value for heading in draw(patient="P1").subheader]
    assert "Growth factors" not in headings
    assert "Growth factors" in [heading.value for heading in draw(patient="P7").subheader]


def test_a_later_growth_factor_is_not_known_before(draw):
    shown = html_of(draw(patient="P7", as_of="2026-02-12"))
    assert "filgrastim 300 ug on 9 February 2026, 3 days before 12 February 2026." in shown
    assert "13 February 2026" not in shown
