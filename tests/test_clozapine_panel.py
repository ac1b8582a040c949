"""A psychiatrist's clozapine panel on the same two pages: bands, Duffy-null by record, and who does not fit."""

import json
from datetime import date

import pytest
from streamlit.testing.v1 import AppTest

from leuko.publish import load_csv
from leuko.store import Filters, Store
from tests.serving import app_at

BEN = "benign ethnic neutropenia, Duffy-null (US label)"
LABS = """patient_id,analyte,value,unit,collected_at
MILD,anc,3.1,10*9/L,2026-01-05
MILD,anc,1.25,10*9/L,2026-03-02
MODERATE,anc,3000,cells/uL,2026-02-23
MODERATE,anc,999,cells/uL,2026-03-02
SEVERE,anc,3000,cells/uL,2026-02-23
SEVERE,anc,800,cells/uL,2026-02-28
SEVERE,anc,499,cells/uL,2026-03-01
SEVERE,anc,720,cells/uL,2026-03-02
BACK,anc,900,cells/uL,2026-02-20
BACK,anc,1600,cells/uL,2026-03-01
DUFFY,anc,700,cells/uL,2026-03-02
DUFFYLOW,anc,480,cells/uL,2026-03-02
UNRECORDED,anc,700,cells/uL,2026-03-02
"""
EXPOSURES = f"""patient_id,drug,setting,dose_mg,start_on,end_on
MILD,clozapine,,300,2026-01-02,
MODERATE,clozapine,,300,2026-01-02,
SEVERE,clozapine,,350,2026-01-02,2026-02-28
BACK,clozapine,,250,2026-01-02,2026-02-20
DUFFY,clozapine,,200,2026-01-02,
DUFFYLOW,clozapine,,200,2026-01-02,
UNRECORDED,clozapine,"{BEN}",200,2026-01-02,
"""
PATIENTS = """patient_id,name,site,diagnosis,duffy_null
MILD,Ada Haldanito,Ward 3,schizophrenia,
MODERATE,Bram Ostrandi,Ward 3,schizophrenia,false
SEVERE,Chiara Imarov,Ward 3,schizophrenia,
BACK,Deniz Lorwen,Ward 3,schizophrenia,
DUFFY,Esi Caldervey,Ward 3,schizophrenia,true
DUFFYLOW,Femi Dorvane,Ward 3,schizophrenia,true
UNRECORDED,Gul Eskeluna,Ward 3,schizophrenia,
"""


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clozapine")
    files = {"labs": LABS, "exposures": EXPOSURES, "patients": PATIENTS}
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    load_csv(folder / "clozapine.duckdb", **{name: folder / f"{name}.csv" for name in files})
    return folder / "clozapine.duckdb"


@pytest.fixture
def open_page(database, monkeypatch):
    """`open_page("pages/patient.py", patient="MILD")` draws a page; no exception may be shown."""
    monkeypatch.setenv("LEUKO_DB", str(database))

    def run(page="dashboard.py", **address) -> AppTest:
        app = app_at(page, address)
        app.run()
        assert not app.exception
        return app

    return run


def page_of(open_page, patient):
    app = open_page("pages/patient.py", patient=patient)
    return app, "\n".join(element.proto.body for element in app.get("html"))


def figure_words(app):
    figure = json.loads(app.get("plotly_chart")[0].proto.spec)
    return [note["text"] for note in figure["layout"]["annotations"]]


@pytest.mark.parametrize(
    ("patient", "protocol", "status", "dose", "next_count"),
    [
        ("MILD", "clozapine-us", "continue", None, date(2026, 3, 3)),  # a first one below 1500: confirm
        ("MODERATE", "clozapine-us", "hold", 0, date(2026, 3, 3)),
        ("SEVERE", "clozapine-us", "discontinue", None, date(2026, 3, 3)),  # 720 by now: daily until 1000
        ("BACK", "clozapine-us", "review", None, date(2026, 3, 8)),  # weekly for 4 weeks after the dip
        ("DUFFY", "clozapine-us-ben", "continue", None, date(2026, 3, 3)),
        ("DUFFYLOW", "clozapine-us-ben", "discontinue", None, date(2026, 3, 3)),
        ("UNRECORDED", "clozapine-us-ben", "review", None, date(2026, 3, 3)),
    ],
)
def test_each_band_has_its_status_and_its_next_count(database, patient, protocol, status, dose, next_count):
    store = Store(database)
    (row,) = store.view().worklist(Filters(search=patient)).query("patient_id == @patient").to_dict("records")
    store.close()
    assert (row["protocol"], row["status"], row["next_lab_due_on"].date()) == (protocol, status, next_count)
    assert row["dose_mg"] == dose or (dose is None and row["dose_mg"] != row["dose_mg"])


def test_the_panel_says_who_needs_what(open_page):
    app = open_page()
    assert app.subheader[0].value == (
        "1 patient needs a hold, 2 the drug stopped, 0 a dose reduction, 2 another decision; 0 cannot be told."
    )
    assert app.dataframe[0].value["Drug"].unique().tolist() == ["clozapine"]
    assert app.dataframe[0].value["What to do"][0].startswith("Hold clozapine: ANC 999 on 2 March 2026 is below 1,000.")


def test_a_severe_count_is_discontinued_at_once_and_the_row_of_the_table_stands_on_the_page(open_page):
    app, html = page_of(open_page, "SEVERE")
    assert "Discontinue clozapine: ANC 499 on 1 March 2026 is below 500." in html
    assert "Decision at a draw" in html
    assert "1 March 2026" in html
    assert {"Hold below 1,000", "Discontinue below 500"} <= set(figure_words(app))


def test_restarting_after_a_dip_is_a_review_because_the_table_gives_no_dose(open_page):
    _, html = page_of(open_page, "BACK")
    assert "Review clozapine" in html
    assert "titrated" in html


def test_a_duffy_null_patient_goes_on_at_700_by_record(open_page):
    _, html = page_of(open_page, "DUFFY")
    assert "Go on with clozapine" in html
    assert "Duffy-null on record" in html


def test_a_protocol_that_does_not_fit_what_is_recorded_is_a_mismatch_with_the_one_that_would(open_page):
    _, html = page_of(open_page, "UNRECORDED")
    assert "clozapine-us-ben is for patients with a Duffy-null status, which is not what is recorded of this" in html
    assert "clozapine-us would fit." in html
