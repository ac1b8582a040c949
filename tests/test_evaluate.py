"""`leuko.evaluate`: frames or a connection in, five frames out, nothing else of the connection changed."""

import tomllib
from datetime import date, datetime

import duckdb
import pandas
import pytest

import leuko
from leuko.evaluation import COLUMNS
from tests import cohorts, hospital

LABS = (("A", "anc", 1800, "2024-01-10 08:00"), ("A", "anc", 400, "2024-02-01 08:00"))
TABLES = ("episodes", "recommendations", "worklist", "alerts")


def frames():
    labs = pandas.DataFrame(LABS, columns=["patient_id", "analyte", "value", "collected_at"])
    labs["unit"] = "cells/uL"
    exposures = pandas.DataFrame({
        "patient_id": ["A", "B"], "drug": ["dasatinib", "hydroxyurea"], "dose_mg": [100, 400],
        "start_on": ["2024-01-01", "2024-01-05"],
    })  # fmt: skip
    return {"labs": labs, "exposures": exposures}


@pytest.fixture
def con():
    """The smallest canonical tables: only the columns that are required."""
    connection = duckdb.connect()
    columns = "patient_id TEXT, analyte TEXT, value DOUBLE, collected_at TIMESTAMP"
    connection.execute(f"CREATE TABLE labs ({columns})")
    connection.executemany("INSERT INTO labs VALUES (?, ?, ?, ?)", LABS)
    connection.execute("CREATE TABLE exposures (patient_id TEXT, drug TEXT, dose_mg DOUBLE, start_on DATE)")
    connection.execute(
        """INSERT INTO exposures VALUES
            ('A', 'dasatinib', 100, '2024-01-01'), ('B', 'hydroxyurea', 400, '2024-01-05')"""
    )
    return connection


def everything(con):
    """Every table and view with its kind and its rows."""
    found = con.execute(
        "SELECT table_catalog, table_name, table_type FROM information_schema.tables ORDER BY ALL"
    ).fetchall()
    return {
        key: con.execute(f'FROM "{key[0]}".main."{key[1]}"').fetchall()
        for key in found
        if key[1] not in (*TABLES, "unmatched", "alerts", "growth_factors")
    }


def statuses(result):
    return dict(zip(result.worklist["patient_id"], result.worklist["status"], strict=True))


def test_frames_and_a_connection_give_the_same_answer(con):
    from_frames, from_connection = leuko.evaluate(**frames()), leuko.evaluate(connection=con)
    for table in TABLES:
        pandas.testing.assert_frame_equal(getattr(from_frames, table), getattr(from_connection, table))
    assert statuses(from_frames) == {"A": "hold", "B": "no_protocol"}


def test_the_frames_have_the_fixed_columns():
    result = leuko.evaluate(**frames())
    for table, columns in COLUMNS.items():
        assert list(getattr(result, table).columns) == list(columns)
    assert COLUMNS["rejected"][:3] == ("source", "raw_record", "reason")


def test_rejected_holds_refused_rows_and_exposures_that_fit_no_protocol():
    given = frames()
    given["labs"].loc[len(given["labs"])] = ["A", "anc", 3, "2024-02-02", None]
    assert leuko.evaluate(**given).rejected["reason"].tolist() == ["no protocol for hydroxyurea", "unit missing"]


@pytest.mark.parametrize(("labs", "exposures", "last"), [
    ("2024-02-01", "2024-01-01", date(2024, 2, 1)), ("2024-02-01", "2024-03-01", date(2024, 3, 1)),
    ("2024-02-01", None, date(2024, 2, 1)), (None, "2024-03-01", date(2024, 3, 1)),
])  # fmt: skip
def test_the_day_is_by_default_the_last_with_a_result_or_the_start_of_an_exposure(con, labs, exposures, last):
    con.execute("DELETE FROM labs; DELETE FROM exposures")
    if labs:
        con.execute("INSERT INTO labs VALUES ('A', 'anc', 900, ?)", [labs])
    if exposures:
        con.execute("INSERT INTO exposures VALUES ('A', 'dasatinib', 100, ?)", [exposures])
    assert leuko.evaluate(connection=con).as_of == last


def test_as_of_asks_a_past_day(con):
    assert statuses(leuko.evaluate(connection=con, as_of=date(2024, 1, 31)))["A"] != "hold"


def test_the_answers_stay_in_the_connection_as_tables(con):
    leuko.evaluate(connection=con)
    assert con.execute("SELECT status FROM main.worklist WHERE patient_id = 'A'").fetchall() == [("hold",)]
    assert con.execute("SELECT count(*) FROM main.episodes").fetchall() == [(1,)]
    assert con.execute("SELECT action FROM main.recommendations").fetchall() == [("hold",)]
    assert con.execute("SELECT reason FROM main.unmatched").fetchall() == [("no protocol for hydroxyurea",)]


def test_frames_of_the_result_are_read_when_asked_for(con):
    result = leuko.evaluate(connection=con)
    con.execute("DELETE FROM worklist WHERE patient_id = 'B'")
    assert result.worklist["patient_id"].tolist() == ["A"]
    assert result.worklist is result.worklist


def test_nothing_else_of_the_connection_is_changed(con):
    con.execute(
        "CREATE TABLE counts AS SELECT 1 AS mine; CREATE TABLE results AS SELECT 2 AS mine;"
        "CREATE TABLE protocols AS SELECT 3 AS mine; CREATE TABLE limits AS SELECT 4 AS mine;"
        "CREATE VIEW courses AS SELECT 5 AS mine; CREATE TABLE conditions AS SELECT 6 AS mine;"
        "CREATE TABLE rejected AS SELECT 7 AS mine; CREATE TEMP TABLE own AS SELECT 8 AS mine"
    )
    before = everything(con)
    result = leuko.evaluate(connection=con)
    assert everything(con) == before
    assert con.execute("SELECT mine FROM counts").fetchall() == [(1,)]
    assert statuses(result)["A"] == "hold"
    assert result.rejected["reason"].tolist() == ["no protocol for hydroxyurea"]


def test_a_temporary_table_of_a_name_that_the_rule_writes_to_is_refused_and_kept(con):
    con.execute("CREATE TEMP TABLE counts AS SELECT 1 AS mine")
    with pytest.raises(ValueError, match="counts"):
        leuko.evaluate(connection=con)
    assert con.execute("FROM counts").fetchall() == [(1,)]


def test_evaluating_again_reads_what_was_added_since(con):
    assert statuses(leuko.evaluate(connection=con))["A"] == "hold"
    con.execute("INSERT INTO labs VALUES ('A', 'anc', 2000, '2024-02-05 08:00')")
    assert statuses(leuko.evaluate(connection=con))["A"] == "resume"
    con.execute("CREATE TABLE patients AS SELECT 'A' AS patient_id, DATE '2024-02-05' AS died_on")
    assert statuses(leuko.evaluate(connection=con))["A"] == "off_drug"


def test_events_that_were_added_later_are_read(con):
    con.execute("UPDATE exposures SET drug = 'dasatinib'; ALTER TABLE exposures ADD COLUMN setting TEXT")
    con.execute("UPDATE exposures SET setting = 'dasatinib-advanced-us'")
    assert statuses(leuko.evaluate(connection=con))["A"] == "check_cause"
    con.execute("CREATE TABLE events (patient_id TEXT, kind TEXT, value TEXT, occurred_at TIMESTAMP)")
    con.execute("INSERT INTO events VALUES ('A', 'cytopenia_cause', 'treatment', '2024-02-01')")
    assert statuses(leuko.evaluate(connection=con))["A"] == "hold"


def test_a_missing_status_report_time_and_derivation_mean_a_final_measured_result_known_when_drawn(con):
    con.execute(
        "ALTER TABLE labs ADD COLUMN status TEXT; ALTER TABLE labs ADD COLUMN derived BOOLEAN;"
        "ALTER TABLE labs ADD COLUMN reported_at TIMESTAMP; ALTER TABLE labs ADD COLUMN comparator TEXT;"
        "ALTER TABLE labs ADD COLUMN specimen TEXT"
    )
    assert statuses(leuko.evaluate(connection=con))["A"] == "hold"
    con.execute("UPDATE labs SET status = 'cancelled' WHERE value = 400")
    assert statuses(leuko.evaluate(connection=con))["A"] != "hold"


def test_temporary_tables_serve_where_they_have_every_column(con):
    con.execute("CREATE TEMP TABLE exposures AS FROM main.exposures")
    with pytest.raises(ValueError, match="exposures: a temporary table needs every column"):
        leuko.evaluate(connection=con)
    con.execute(
        """CREATE OR REPLACE TEMP TABLE exposures AS SELECT *, NULL::TEXT AS setting, 'mg' AS dose_unit,
            NULL::DATE AS end_on, NULL::TEXT AS end_reason, NULL::TEXT AS source FROM main.exposures"""
    )
    assert statuses(leuko.evaluate(connection=con))["A"] == "hold"


@pytest.mark.parametrize("wrong", [
    {}, {"labs": frames()["labs"]}, {"exposures": frames()["exposures"]},
    {"connection": duckdb.connect(), "labs": frames()["labs"]},
    {"connection": duckdb.connect(), "events": pandas.DataFrame()},
    {"connection": duckdb.connect(), **frames()},
])  # fmt: skip
def test_neither_or_both_of_frames_and_connection_are_refused(wrong):
    with pytest.raises(ValueError, match="give labs and exposures, or a connection"):
        leuko.evaluate(**wrong)


@pytest.mark.parametrize(
    "as_of", ["2024-02-01", datetime(2024, 2, 1, 12), pandas.Timestamp("2024-02-01"), 20240201]
)
def test_as_of_takes_a_plain_date_only(as_of):
    with pytest.raises(ValueError, match="as_of is a day"):
        leuko.evaluate(**frames(), as_of=as_of)


def test_nothing_to_evaluate_is_refused_unless_a_day_is_named(con):
    con.execute("DELETE FROM labs; DELETE FROM exposures")
    with pytest.raises(ValueError, match="no day to evaluate"):
        leuko.evaluate(connection=con)
    assert leuko.evaluate(connection=con, as_of=date(2024, 1, 1)).worklist.empty


@pytest.mark.parametrize(("statement", "reason"), [
    ("DROP TABLE labs", "labs: the connection holds no such table"),
    ("DROP TABLE exposures", "exposures: the connection holds no such table"),
    ("ALTER TABLE labs DROP COLUMN value", "labs: required column value is missing"),
    ("CREATE TABLE events (patient_id TEXT)", "events: required column kind is missing"),
])  # fmt: skip
def test_a_connection_without_a_needed_table_or_column_is_refused_by_name(con, statement, reason):
    con.execute(statement)
    with pytest.raises(ValueError, match=reason):
        leuko.evaluate(connection=con)


def test_a_refusal_leaves_the_connection_as_it_was(con):
    con.execute("ALTER TABLE exposures DROP COLUMN drug")
    before = everything(con)
    with pytest.raises(ValueError, match="drug"):
        leuko.evaluate(connection=con)
    assert everything(con) == before


def test_the_given_protocols_decide():
    assert statuses(leuko.evaluate(**frames(), protocols=()))["A"] == "no_protocol"
    chosen = (protocol for protocol in leuko.load_protocols() if protocol.drug == "dasatinib")
    assert statuses(leuko.evaluate(**frames(), protocols=chosen))["A"] == "hold"


TWO_ROWS = """
id = "two-rows"
drug = "mercaptopurine"
setting = "two rows"
default = true
dose_levels_mg = [100, 50]
[anc]
hold = "< 500"
resume = ">= 1000"
[[during]]
anc = "< 400"
action = "review"
[[during]]
anc = "< 500"
open = true
episode = ">= 1"
action = "escalate"
dose = 100
[[recovery]]
action = "resume"
dose = "starting"
"""


def test_the_reason_of_a_decision_at_a_draw_is_that_of_its_own_row():
    """The first row decides and asks for nothing but its band; what the second asks for is no reason of it."""
    protocols = hospital.read_protocols([tomllib.loads(TWO_ROWS + cohorts.SOURCE)])
    con = hospital.admit(
        labs=[{"patient_id": "P", "analyte": "anc", "value": 300, "collected_at": datetime(2024, 1, 10, 8)}],
        exposures=[{"patient_id": "P", "drug": "mercaptopurine", "dose_mg": 100, "start_on": date(2024, 1, 1)}],
    )
    at_draw = leuko.evaluate(connection=con, protocols=protocols).recommendations.dropna(subset="during")
    assert at_draw[["during", "action"]].to_numpy().tolist() == [[1, "review"]]
    assert at_draw["why"].tolist() == ["ANC 300 on 10 January 2024 is below 400."]
