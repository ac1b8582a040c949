"""The page "What changes if", drawn from a small ward that was worked out by hand.

All are on dasatinib 100 mg from 1 January 2026, held from the 12th; platelets are 200,000 throughout, and the day of
the file is 25 January. Under the guideline in force, and were the ELN table in its place:

| patient  | site  | ANC                                            | guideline           | ELN               |
|----------|-------|------------------------------------------------|---------------------|-------------------|
| slow     | North | 400 on the 11th, 450 on the 18th, 1,200 on the 25th | reduce to 80 mg | resume at 100 mg  |
| boundary | South | 400 on the 11th, 1,000 on the 15th             | resume at 100 mg    | keep holding      |
| above    | North | 400 on the 11th, 1,001 on the 15th             | resume at 100 mg    | resume at 100 mg  |
"""

import csv
import io
import re
from datetime import date

import pytest

import leuko
from leuko.difference import COLUMNS
from leuko.protocols import SHIPPED
from leuko.publish import load_csv
from tests.readers import reads_as
from tests.serving import app_at

ANC = {
    "slow": {1: 3000, 11: 400, 18: 450, 25: 1200},
    "boundary": {1: 3000, 11: 400, 15: 1000},
    "above": {1: 3000, 11: 400, 15: 1001},
}
SITES = {"slow": "North", "boundary": "South", "above": "North"}
ELN = "dasatinib-cp-eln"
GUIDELINE = (SHIPPED / "dasatinib-guideline.toml").read_bytes()


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    folder = tmp_path_factory.mktemp("changes")
    labs = [
        f"{patient},{analyte},{value},cells/uL,2026-01-{day:02d}T08:00"
        for patient, counts in ANC.items()
        for day, anc in counts.items()
        for analyte, value in (("anc", anc), ("platelets", 200_000))
    ]
    texts = {
        "labs": ["patient_id,analyte,value,unit,collected_at", *labs],
        "exposures": [
            "patient_id,drug,dose_mg,start_on,end_on",
            *(f"{patient},dasatinib,100,2026-01-01,2026-01-11" for patient in ANC),
        ],
        "patients": [
            "patient_id,name,site",
            *(f"{patient},=Name of <b>{patient}</b>,{site}" for patient, site in SITES.items()),
        ],
    }
    for name, lines in texts.items():
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    load_csv(folder / "ward.duckdb", **{name: folder / f"{name}.csv" for name in texts})
    return folder / "ward.duckdb"


@pytest.fixture
def open_page(database, monkeypatch):
    """`open_page(instead="dasatinib-cp-eln")` opens the page at this address; no exception may be shown."""
    monkeypatch.setenv("LEUKO_DB", str(database))

    def run(**address):
        app = app_at("dashboard.py", address, timeout=60)
        app.switch_page("pages/changes_if.py").run()
        assert not app.exception
        return app

    return run


def top(app):
    return app.subheader[0].value


def said(app):
    elements = (*app.markdown, *app.caption, *app.info, *app.warning, *app.error)
    return "\n".join(element.value for element in elements).replace("\\", "")


def html_of(app):
    return "\n".join(element.proto.body for element in app.get("html"))


def upload(app, content, name="mine.toml"):
    app.file_uploader[0].upload(name, content).run()
    assert not app.exception
    return app


# ---------------------------------------------------------------- choosing


def test_without_a_version_the_page_asks_for_one_and_says_how_many_courses_there_are(open_page):
    app = open_page()
    assert top(app) == "What if another table took the place of dasatinib-guideline, with 3 courses?"
    assert app.selectbox(key="changes_drug").value == "dasatinib"
    assert app.selectbox(key="protocol").value == "dasatinib-guideline"
    assert app.selectbox(key="instead").value is None
    assert not app.dataframe


def test_the_first_sentence_counts_statuses_holds_and_reductions(open_page):
    app = open_page(instead=ELN)
    assert top(app) == (
        "Of 3 courses under dasatinib-guideline, 2 would have another status or dose today; "
        "1 reduction fewer in the past."
    )
    assert "2 past decisions would have been different." in said(app)
    assert "Together with the statuses that concerns 2 patients." in said(app)


def test_a_choice_stands_in_the_address_and_shows_its_answer(open_page):
    app = open_page()
    app.selectbox(key="instead").select(ELN).run()
    assert not app.exception
    assert "2 would have another status or dose" in top(app)
    assert (app.query_params["instead"], app.query_params["protocol"]) == (ELN, "dasatinib-guideline")
    app.selectbox(key="changes_drug").select("imatinib").run()
    assert app.selectbox(key="instead").value is None
    assert re.match(r"What if another table took the place of imatinib-.*, with 0 courses\?", top(app))


def test_only_versions_of_the_same_drug_are_offered_and_never_the_one_in_force(open_page):
    offered = open_page().selectbox(key="instead").options
    same = [one for one in leuko.load_protocols() if one.drug == "dasatinib" and one.id != "dasatinib-guideline"]
    assert offered == [*(f"{one.id}: {one.setting}" for one in same), "A file of your own (TOML)"]


def test_an_address_that_names_no_version_is_passed_over(open_page):
    app = open_page(instead="no-such", protocol="none-either")
    assert top(app).startswith("What if another table took the place of dasatinib-guideline")


def test_a_table_without_courses_changes_nothing(open_page):
    app = open_page(protocol="dasatinib-cp-us", instead=ELN)
    assert top(app) == "Nothing would change: no course is under dasatinib-cp-us."


# ---------------------------------------------------------------- what it says


def test_clause_by_clause_with_what_each_asks(open_page):
    html = html_of(open_page(instead=ELN))
    assert "Clause 2: days of low ANC above 7: reduce, the next lower level" in html
    assert "Clause 4: otherwise: resume, the starting dose" in html
    assert "an episode is open (hold: ANC below 500 or platelets below 50,000; resume: ANC above 1,000" in html


def test_each_patient_is_listed_before_and_after_with_both_reasons(open_page):
    statuses, decisions = (table.value for table in open_page(instead=ELN).dataframe)
    listed = {row["Patient"].split(", ")[1]: row for row in statuses.to_dict("records")}
    assert listed.keys() == {"slow", "boundary"}
    slow = listed["slow"]
    assert (slow["Before"], slow["After"]) == ("▼ Reduce, 80 mg", "▷ Resume, 100 mg")
    assert "days of low ANC 14 (above 7)" in slow["The old table says"]
    assert slow["The new table says"].startswith("Resume dasatinib at 100 mg")
    assert slow["Last decision that differs"] == "25 January 2026, at the recovery: clause 2 → clause 4"
    assert listed["boundary"]["After"] == "‖ Keep holding"
    (alone,) = [row for row in decisions.to_dict("records") if "boundary" in row["Patient"]]
    assert alone["Decided on"] == "15 January 2026"
    assert (alone["Before"], alone["After"]) == ("▷ Resume, 100 mg", "– No new decision")


def test_on_an_earlier_day_only_what_was_known_then_is_compared(open_page):
    app = open_page(instead=ELN, as_of="2026-01-15")
    assert "1 would have another status or dose on 15 January 2026" in top(app)
    assert "This is 15 January 2026" in said(app)


def test_only_the_sites_that_the_reader_may_see(open_page, monkeypatch):
    reads_as(monkeypatch, "quality", ("South",))
    app = open_page(instead=ELN)
    assert top(app).startswith("Of 1 course under dasatinib-guideline, 1 would have another status")
    assert "slow" not in "".join(table.value.to_string() for table in app.dataframe)


def test_the_files_are_those_of_the_command(open_page, monkeypatch):
    made = {}
    monkeypatch.setattr(
        "streamlit.download_button", lambda label, data, file_name, *_, **__: made.setdefault(file_name, data())
    )
    open_page(instead=ELN)
    assert made.keys() == {f"2026-01-25-{name}.csv" for name in COLUMNS}
    rows = list(csv.DictReader(io.StringIO(made["2026-01-25-diff.csv"].decode())))
    assert tuple(rows[0]) == COLUMNS["diff"]
    assert {row["patient_id"]: (row["status_before"], row["status_after"]) for row in rows} == {
        "slow": ("reduce", "resume"),
        "boundary": ("resume", "keep_holding"),
    }


# ---------------------------------------------------------------- a file of one's own


def test_a_table_that_says_the_same_changes_nothing(open_page):
    app = upload(open_page(instead="upload"), GUIDELINE.replace(b'id = "dasatinib-guideline"', b'id = "mine"'))
    assert top(app) == "Nothing would change."
    assert "Every status and dose, and 6 past decisions, would be the same." in said(app)
    assert not app.dataframe


def test_an_uploaded_table_takes_the_place(open_page):
    stricter = GUIDELINE.replace(b'resume = ">= 1000"', b'resume = "> 1000"')
    app = upload(open_page(instead="upload"), stricter)
    assert top(app) == (
        "Of 3 courses under dasatinib-guideline, 1 would have another status or dose today; "
        "as many holds and reductions in the past."
    )


BAD = {
    "a fault of content": (GUIDELINE.replace(b'"< 500"', b'"> 500"'), "a hold is for low counts: use < or <=, not >"),
    "no TOML": (b"<html>", "is not valid TOML"),
    "no text": (b"\xff\xfe\x00\x01", "is not UTF-8 text"),
    "a number of thousands of digits": (b"id = " + b"9" * 5000, "is not valid TOML"),
    "brackets without end": (b"id = " + b"[" * 15_000, "is not valid TOML"),
    "another drug": ((SHIPPED / "clozapine-us.toml").read_bytes(), "drug: is clozapine, but dasatinib-guideline"),
    "days beyond the calendar": (GUIDELINE.replace(b"days = 14", b"days = 99999999999"), "cannot be applied"),
    "too long": (GUIDELINE + b"#" * 20_000, "is too long for a protocol"),
    "empty": (b"", "is missing"),
}


@pytest.mark.parametrize(("content", "words"), BAD.values(), ids=BAD)
def test_a_file_that_cannot_be_read_is_refused_in_words(open_page, content, words):
    app = upload(open_page(instead="upload"), content, name="bad_[x](y).toml")
    (refused,) = app.error
    assert words in refused.value.replace("\\", "")
    assert top(app).startswith("What if another table") and not app.dataframe


def test_of_many_faults_the_first_are_shown(open_page):
    many = GUIDELINE + b"\n" + b'[[recovery]]\naction = "dance"\n' * 60
    (refused,) = upload(open_page(instead="upload"), many).error
    assert refused.value.count("\n- ") == 21 and "- and 40 more" in refused.value


# ---------------------------------------------------------------- kept


def test_what_was_computed_is_kept_by_file_day_and_version(open_page, monkeypatch):
    asked = []
    original = leuko.store.View.difference
    monkeypatch.setattr(
        "leuko.store.View.difference", lambda view, *rest: asked.append(view.as_of) or original(view, *rest)
    )
    app = open_page(instead="dasatinib-cp-eu", as_of="2026-01-24")
    app.run()
    open_page(instead="dasatinib-cp-eu", as_of="2026-01-24")
    assert asked == [date(2026, 1, 24)]
    open_page(instead="dasatinib-cp-eu", as_of="2026-01-23")
    open_page(instead="dasatinib-cp-us", as_of="2026-01-23")
    assert len(asked) == 3
