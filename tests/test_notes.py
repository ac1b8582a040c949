"""Notes beside the record: who has what is noted of growth factors, who has not, and what a recorded cause decides."""

import re
from datetime import date

import duckdb
import pandas
import pytest

from leuko import notes
from leuko.facts import read_rows
from leuko.publish import load_csv
from leuko.rules import STEPS
from leuko.store import Filters, Store

NOTES = read_rows("notes")
COURSES = ["2025-01-01", "2025-01-22", "2025-02-12", "2025-03-05"]


def events(*rows):
    """Events of a patient as the store gives them: kind, day, words."""
    made = pandas.DataFrame(rows, columns=["kind", "occurred_at", "value"])
    return made.assign(occurred_at=pandas.to_datetime(made["occurred_at"]), value=made["value"].astype("str"))


def doses(*rows):
    """Growth factor doses of a patient as the store gives them: day, words."""
    made = pandas.DataFrame(rows, columns=["given_on", "words"])
    return made.assign(given_on=pandas.to_datetime(made["given_on"]))


def found(*rows, given=()):
    """What is noted of a poor response: the association's first word, and whether it is certain."""
    noted = notes.poor_response(events(*rows), doses(*given))
    return [(each.note.split(" (")[0], each.certain) for each in noted]


# ---------------------------------------------------------------- poor response


def test_three_chemotherapy_courses_are_not_noted_and_four_are():
    courses = [("chemo_course", day, "") for day in COURSES]
    assert found(*courses[:3]) == []
    assert found(*courses) == [("Four or more chemotherapy courses", True)]


def test_a_course_that_is_recorded_twice_on_a_day_counts_once():
    courses = [("chemo_course", day, "") for day in [*COURSES[:3], COURSES[2]]]
    assert found(*courses) == []


@pytest.mark.parametrize(
    ("kind", "note"), [("heart_failure", "Heart failure"), ("radiotherapy", "Earlier radiotherapy")]
)
def test_one_event_is_enough_and_another_kind_is_not(kind, note):
    assert found((kind, "2020-05-01", "")) == [(note, True)]
    assert found(("fever", "2020-05-01", "38.6"), ("infection", "2020-05-02", "heart failure")) == []


@pytest.mark.parametrize("words", ["no", "No", " none ", "absent", "ruled out"])
def test_an_event_that_only_denies_is_not_noted(words):
    assert found(("heart_failure", "2025-05-01", words)) == []
    assert found(("heart_failure", "2025-05-01", f"NYHA II, {words} oedema")) == [("Heart failure", True)]


@pytest.mark.parametrize("words", ["no heart failure", "Heart failure ruled out", "echo: without heart failure"])
def test_an_event_that_denies_its_own_kind_is_not_noted(words):
    assert found(("heart_failure", "2025-05-01", words)) == []


@pytest.mark.parametrize(
    ("words", "noted"),
    [
        ("low", [("Low albumin", True)]),
        ("Low, 28 g/L", [("Low albumin", True)]),
        ("28 g/L", [("Low albumin", False)]),
        ("1 g/L", [("Low albumin", False)]),
        ("below the range", [("Low albumin", False)]),
        ("normal", []),
        ("not low", []),
    ],
)
def test_albumin_is_noted_by_the_words_of_the_record_and_never_by_a_number(words, noted):
    assert found(("albumin", "2025-05-01", words)) == noted


def test_the_last_albumin_counts():
    before, after = ("albumin", "2025-05-01", "low"), ("albumin", "2025-06-01", "normal")
    assert found(before, after) == []
    assert found(before) == [("Low albumin", True)]


@pytest.mark.parametrize(
    ("words", "noted"), [("filgrastim 300 ug", False), ("filgrastim 5000 ug", False), ("high dose filgrastim", True)]
)
def test_a_dose_of_growth_factor_is_high_only_where_the_record_says_so(words, noted):
    assert found(given=[("2025-05-01", words)]) == [("High G-CSF dose", noted)]


def test_a_patient_without_records_has_no_note():
    assert found() == []


def test_what_is_noted_is_of_the_record():
    courses = [("chemo_course", day, f"cycle {number}") for number, day in enumerate(COURSES, start=1)]
    (noted,) = notes.poor_response(events(*courses), doses())
    assert (noted.days, noted.last_on, noted.words) == (4, pandas.Timestamp(COURSES[-1]), "cycle 4")
    assert "unresolved" in noted.source


# ---------------------------------------------------------------- where G-CSF is used


@pytest.mark.parametrize(
    ("diagnosis", "first"),
    [
        ("Kidney transplant 2019", ["Kidney"]),
        ("state after renal transplantation", ["Kidney"]),
        ("Liver Transplant", ["Liver"]),
        ("Breast carcinoma, metastatic", ["Solid"]),
        ("solid tumor", ["Solid"]),
        ("Kaposi sarcoma in HIV", ["HIV"]),
        ("kidney transplant; colon cancer", ["Kidney", "Solid"]),
        ("Kaposi sarcoma", []),
        ("Kaposi sarcoma, HIV negative", []),
        ("HIV", []),
        ("stem cell transplant, GVHD of the liver", []),
        ("hivernal fever, Kaposi sarcoma", []),
        ("CML, chronic phase", []),
        ("", []),
        (None, []),
    ],
)
def test_a_note_follows_the_words_of_the_diagnosis(diagnosis, first):
    assert [note["note"].split()[0] for note in notes.used_in(diagnosis)] == first


@pytest.mark.parametrize("table", ["notes", "causes", "growth_factor_drugs", "denials"])
def test_every_row_names_its_source(table):
    assert all(row["source"].strip() for row in read_rows(table))


def test_no_note_is_of_an_unknown_subject():
    subjects = {"poor_response", "against_poor_response", "after_recovery", "used_in"}
    assert {row["about"] for row in NOTES} == subjects


# ---------------------------------------------------------------- causes


def test_the_table_of_causes_and_the_rule_agree():
    step = dict(STEPS)["causes"]
    decides = {row["word"]: row["decides"] for row in read_rows("causes") if row["decides"]}
    assert dict(re.findall(r"\('(\w+)', '(\w+)'\)", step)) == decides


def test_a_cause_decides_in_the_rule_what_its_words_say():
    con = duckdb.connect()
    con.execute("CREATE TABLE events (patient_id TEXT, kind TEXT, value TEXT, occurred_at TIMESTAMP)")
    words = [*(row["word"] for row in read_rows("causes")), "viral"]
    con.executemany("INSERT INTO events VALUES (?1, 'cytopenia_cause', ?1, '2026-01-01')", [[word] for word in words])
    decided = con.execute(f"SELECT patient_id, cause FROM ({dict(STEPS)['causes']})", {"as_of": date(2026, 1, 1)})
    taken = {word: f"taken as the {cause}" for word, cause in decided.fetchall()}
    said = {word: notes.cause_in_words(word)[1] for word in words}
    assert taken == {word: words for word, words in said.items() if words.startswith("taken")}
    assert all("decides nothing" in said[word] for word in words if word not in taken)


def test_an_unknown_cause_is_shown_as_recorded_and_says_that_it_decides_nothing():
    assert notes.cause_in_words("Viral ") == ("Viral", "not a listed cause: decides nothing")
    assert notes.cause_in_words(None) == ("", "not a listed cause: decides nothing")
    assert notes.cause_in_words("Hypersplenism") == ("hypersplenism", "decides nothing")
    assert notes.cause_in_words("drug") == ("a drug", "taken as the treatment")


# ---------------------------------------------------------------- doses


LABS = """patient_id,analyte,value,unit,collected_at
P1,anc,2.1,10*9/L,2026-01-05
P2,anc,2.1,10*9/L,2026-01-05
"""
EXPOSURES = """patient_id,drug,dose_mg,start_on,end_on
P1,dasatinib,100,2026-01-01,
P1,Pegfilgrastim,6,2026-01-10,2026-01-11
P1,filgrastim,0,2026-01-15,2026-01-16
P2,filgrastim,0.3,2026-01-18,
"""
EVENTS = """patient_id,kind,value,occurred_at
P1,gcsf,filgrastim 300 ug,2026-01-20T10:00
P1,gcsf,,2026-01-25T10:00
P1,fever,38.6,2026-01-20T10:00
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("notes")
    files = {"labs": LABS, "exposures": EXPOSURES, "events": EVENTS}
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    load_csv(folder / "small.duckdb", **{name: folder / f"{name}.csv" for name in files}, as_of=date(2026, 1, 24))
    opened = Store(folder / "small.duckdb")
    yield opened
    opened.close()


def given(store, patient_id, as_of):
    known = store.view(as_of=as_of).patient(patient_id).growth_factors
    return [(dose.given_on.day, dose.words) for dose in known.itertuples()]


def test_doses_are_events_and_exposures_of_the_listed_drugs_by_the_day_asked(store):
    pegfilgrastim = [(10, "pegfilgrastim 6 mg"), (11, "pegfilgrastim 6 mg")]
    assert given(store, "P1", date(2026, 1, 19)) == pegfilgrastim
    assert given(store, "P1", date(2026, 1, 20)) == [*pegfilgrastim, (20, "filgrastim 300 ug")]
    assert given(store, "P1", date(2026, 1, 25))[-1] == (25, "G-CSF")
    assert given(store, "P1", date(2026, 1, 9)) == []


def test_a_dose_without_an_end_goes_on_to_the_day_asked(store):
    for as_of in (date(2026, 1, 22), date(2026, 1, 24)):
        assert [day for day, _ in given(store, "P2", as_of)] == list(range(18, as_of.day + 1))


@pytest.mark.parametrize(("recovered", "last"), [(19, None), (20, 20), (21, 20), (25, 25), (26, 25)])
def test_a_dose_counts_on_the_day_of_recovery_and_before_and_not_after(recovered, last):
    known = doses(("2026-01-20", "filgrastim"), ("2026-01-25", "filgrastim"))
    found = notes.last_dose(known, pandas.Timestamp(2026, 1, recovered))
    assert (found.day if found else None) == last


# ---------------------------------------------------------------- a recovery after a growth factor, on the panel

RECOVERIES = {  # patient: the day of his only growth factor dose; ANC is below 500 on day 10 and back on day 15
    "DAY BEFORE ONSET": "2026-01-09",
    "ONSET": "2026-01-10",
    "DAY BEFORE": "2026-01-14",
    "RECOVERY": "2026-01-15",
    "DAY AFTER": "2026-01-16",
    "NONE": None,
}


@pytest.fixture(scope="module")
def recovered(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recovered")
    found = ((10, 400), (15, 1200))
    counts = [f"{name},anc,{anc},/uL,2026-01-{day}T08:00" for name in RECOVERIES for day, anc in found]
    doses = [f"{name},dasatinib,100,2026-01-01,2026-01-10" for name in RECOVERIES]
    given_on = [f"{name},gcsf,filgrastim,{day}T08:00" for name, day in RECOVERIES.items() if day]
    files = {
        "labs": ["patient_id,analyte,value,unit,collected_at", *counts],
        "exposures": ["patient_id,drug,dose_mg,start_on,end_on", *doses],
        "events": ["patient_id,kind,value,occurred_at", *given_on],
    }
    for name, lines in files.items():
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    load_csv(folder / "small.duckdb", **{name: folder / f"{name}.csv" for name in files}, as_of=date(2026, 1, 17))
    opened = Store(folder / "small.duckdb")
    yield opened.view().worklist(Filters()).set_index("patient_id")["to_do"]
    opened.close()


@pytest.mark.parametrize(
    ("patient_id", "words"),
    [
        ("ONSET", "5 days before the recovery"),
        ("DAY BEFORE", "1 day before the recovery"),
        ("RECOVERY", "on the day of the recovery"),
    ],
)
def test_a_decision_at_a_recovery_says_that_a_growth_factor_was_given_in_the_episode(recovered, patient_id, words):
    said = f"A growth factor was given {words}, which may not be of the marrow. Recovered on 15 January 2026"
    assert recovered[patient_id].startswith(f"Resume dasatinib at 100 mg: {said}")


@pytest.mark.parametrize("patient_id", ["DAY BEFORE ONSET", "DAY AFTER", "NONE"])
def test_a_growth_factor_outside_the_episode_or_none_is_not_told_at_the_recovery(recovered, patient_id):
    assert recovered[patient_id].startswith("Resume dasatinib at 100 mg: Recovered on 15 January 2026")
