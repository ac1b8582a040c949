"""What a load did not use: the same numbers in the same words on the command line, on the panel and on the data page.

The folder is FHIR: of an order of filgrastim without a frequency the dose is set aside and the event is loaded; a count
has no unit; another order ends before it starts; aspirin has no protocol.
"""

import json

import duckdb
import pytest
import streamlit

from leuko import accounts
from leuko.__main__ import main
from leuko.accounts import Accounts
from leuko.store import Store
from tests.serving import app_at

P1 = {"reference": "Patient/P1"}
CODE = {"coding": [{"system": "http://loinc.org", "code": "751-8"}]}


def order(drug, end, timing):
    repeat = {"boundsPeriod": {"start": "2024-01-01", "end": end}}
    return {
        "resourceType": "MedicationRequest",
        "status": "active",
        "subject": P1,
        "medicationCodeableConcept": {"text": drug},
        "dosageInstruction": [
            {"timing": {"repeat": repeat} | timing, "doseAndRate": [{"doseQuantity": {"value": 100, "unit": "mg"}}]}
        ],
    }


def count(value, unit):
    quantity = {"value": value} | unit
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": CODE,
        "subject": P1,
        "effectiveDateTime": "2024-01-20",
        "valueQuantity": quantity,
    }


DAILY = {"code": {"text": "QD"}}
RESOURCES = [
    count(2.1, {"code": "10*9/L"}),
    count(0.4, {}),
    order("dasatinib", "2024-01-31", DAILY),
    order("dasatinib", "2023-01-31", DAILY),
    order("aspirin", "2024-01-31", DAILY),
    order("filgrastim", "2024-01-05", {}),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fhir")
    lines = "".join(json.dumps(resource) + "\n" for resource in RESOURCES)
    (folder / "all.ndjson").write_text(lines, encoding="utf-8")
    return folder


@pytest.fixture
def load(folder, tmp_path, capsys):
    """`load()` gives the database and what the command line said."""

    def run():
        assert main(["load", "--format", "fhir", "--from", str(folder), "--db", str(tmp_path / "a.duckdb")]) == 0
        return tmp_path / "a.duckdb", capsys.readouterr().err.splitlines()

    return run


def shown(app):
    return [each.label for each in app.expander] + [each.value.rstrip(".") for each in app.caption]


def test_the_command_line_the_panel_and_the_data_page_say_the_same(load, monkeypatch):
    database, said = load()
    assert said == [
        "2 rows were set aside at the load, each with its reason",
        "1 row was loaded in part, the rest set aside with its reason",
        "1 loaded exposure fits no protocol and is judged by none",
    ]
    monkeypatch.setenv("LEUKO_DB", str(database))
    streamlit.cache_data.clear()
    reasons = "ends before it starts 1, no frequency 1, unit missing 1"
    for page in (None, "pages/data.py"):
        app = app_at("dashboard.py", {}, timeout=60)
        if page:
            app.switch_page(page)
        words = shown(app.run())
        assert f"2 rows were set aside at the load: {reasons}; 1 row was loaded in part" in words
        assert "1 loaded exposure fits no protocol and is judged by none: no protocol for aspirin 1" in words


def test_evaluate_says_the_same_of_the_database_and_rejected_keeps_both(load, tmp_path, capsys):
    database, said = load()
    assert main(["evaluate", "--db", str(database), "--out", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().err.splitlines() == said
    kept = (tmp_path / "out" / "rejected.csv").read_text(encoding="utf-8")
    assert "unit missing" in kept
    assert "no protocol for aspirin" in kept


def test_the_numbers_are_those_of_the_load_report(load):
    database, _ = load()
    store = Store(database)
    found = store.view().data()
    store.close()
    assert found.accounts == Accounts(set_aside=2, in_part=1, unmatched=1)
    assert found.files[["rows_read", "loaded", "set_aside"]].values.tolist() == [[6, 4, 2]]


@pytest.mark.parametrize(("number", "words"), [
    (0, ("0 rows were set aside at the load", "0 rows were loaded in part", "0 loaded exposures fit no protocol")),
    (1, ("1 row was set aside at the load", "1 row was loaded in part", "1 loaded exposure fits no protocol and is")),
    (1000, ("1,000 rows were set aside at the load", "1,000 rows were loaded in part", "1,000 loaded exposures fit")),
])  # fmt: skip
def test_one_row_is_one_row(number, words):
    found = Accounts(number, number, number)
    assert found.set_aside_words == words[0]
    assert found.in_part_words == words[1]
    assert found.unmatched_words.startswith(words[2])


def test_what_a_row_adds_up_to_is_counted_by_the_row():
    con = duckdb.connect()
    con.execute(
        """CREATE TABLE load_report AS SELECT 'a.csv' AS file, 2 AS set_aside;
        CREATE TABLE unmatched AS SELECT 1 AS source LIMIT 0;
        CREATE TABLE rejected AS SELECT unnest(['a.csv row 1; a.csv row 2', 'a.csv row 2 part 1', 'a.csv row 3 part 2'])
            AS source"""
    )
    assert accounts.read(con) == Accounts(set_aside=2, in_part=1, unmatched=0)
