"""The checks of the data: each one on both sides of what it looks for, its four results, its rows, and whose they are.

Every case goes through the reader, as a load does. P1 is on dasatinib: hold below 500, resume from 1,000.
"""

from contextlib import closing
from datetime import date

import duckdb
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leuko import checks, sources
from leuko.access import Sight
from leuko.facts import read_rows
from leuko.protocols import load_protocols, write_tables
from leuko.publish import load_csv
from leuko.store import Store

AS_OF = date(2026, 3, 31)
PROTOCOLS = [protocol for protocol in load_protocols() if protocol.id == "dasatinib-guideline"]
DOSES = """
CREATE TABLE doses AS
SELECT *, CASE WHEN drug = 'dasatinib' THEN 'dasatinib-guideline' END AS protocol
FROM exposures
WHERE start_on <= $as_of
"""
DASATINIB = ({"drug": "dasatinib", "dose_mg": 100, "start_on": "2026-01-01"},)


def lab(value, unit="10*9/L", analyte="anc", at="2026-02-01T08:00", **more):
    return {"patient_id": "P1", "analyte": analyte, "value": value, "unit": unit, "collected_at": at} | more


def wbc(value, unit="10*9/L", **more):
    return lab(value, unit, "wbc", **more)


def read(labs=(), exposures=DASATINIB, patients=(), events=()):
    """A connection on which a load has read these rows, with the doses that the rule makes of the exposures."""
    con = duckdb.connect()
    frames = {"labs": labs, "exposures": exposures, "patients": patients, "events": events}
    rows = {kind: [{"patient_id": "P1"} | row for row in given] for kind, given in frames.items()}
    sources.read_frames(
        con, **{kind: pandas.DataFrame(own, columns=sources.COLUMNS[kind], dtype=object) for kind, own in rows.items()}
    )
    write_tables(con, PROTOCOLS)
    con.execute(DOSES, {"as_of": AS_OF})
    return con


def found(con, name):
    return checks.run(con, AS_OF).set_index("check").loc[name]


BEFORE, LATER = {"at": "2026-01-10T08:00"}, {"reported_at": "2026-02-03T08:00"}
BORN, DIED = {"birth_date": "2026-02-01"}, {"died_on": "2026-02-01"}
CAME_AGAIN = ["duplicates", "contradicting", "corrected", "two_units"]
# check: what fails it and the words of the row, what is just on the other side, what gives it nothing to look at
CASES = {
    "units_missing": (
        {"labs": [lab("0.4", None)]}, "anc 0.4 has no unit",
        {"labs": [lab("0.4")]}, {"labs": [lab("haemolysed")]},
    ),
    "unit_jumps": (
        {"labs": [lab("4", **BEFORE), lab("4", "cells/uL")]},
        "ANC 4 × 10*9/L on 10 January 2026, then 4 cells/uL on 1 February 2026",
        {"labs": [lab("3.999", **BEFORE), lab("4", "cells/uL")]}, {"labs": [lab("4")]},
    ),
    "anc_above_wbc": (
        {"labs": [lab("2.2"), wbc("2.1")]}, "ANC 2.2 × 10*9/L, white cells 2.1 × 10*9/L",
        {"labs": [lab("2.1"), wbc("2.1")]}, {"labs": [lab("2.2"), wbc("2.1", at="2026-02-01T08:01")]},
    ),
    "doses_without_anc": (
        {"labs": [wbc("2.1")]}, "On dasatinib since 1 January 2026, no ANC known",
        {"labs": [lab("2.1")]}, {"labs": [lab("2.1")], "exposures": [DASATINIB[0] | {"drug": "aspirin"}]},
    ),
    "contradicting": (
        {"labs": [lab("0.9"), lab("1.1")]}, "ANC 0.9 × 10*9/L and 1.1 × 10*9/L",
        {"labs": [lab("0.9"), lab("1.1", **LATER)]}, {"labs": [lab("0.9"), lab("1.1", specimen="other tube")]},
    ),
    "two_units": (
        {"labs": [lab("0.9"), lab("900", "cells/uL")]}, "ANC 900 cells/uL and 0.9 × 10*9/L: the same count",
        {"labs": [lab("0.9"), lab("0.9", "K/uL")]}, {"labs": [lab("0.9"), wbc("900", "cells/uL")]},
    ),
    "low_resolution": (
        {"labs": [lab("0.5")]}, "ANC 0.5 × 10*9/L may be 450 to 549 cells/µL; dasatinib-guideline holds below 500",
        {"labs": [lab("0.6")]}, {"labs": [lab("0.1")]},
    ),
    "after_death": (
        {"labs": [lab("2")], "patients": [{"died_on": "2026-01-31"}]}, "ANC 2 × 10*9/L, died on 31 January 2026",
        {"labs": [lab("2")], "patients": [DIED]}, {"labs": [lab("2")], "patients": [BORN]},
    ),
    "before_birth": (
        {"labs": [lab("2")], "patients": [{"birth_date": "2026-02-02"}]}, "ANC 2 × 10*9/L, born on 2 February 2026",
        {"labs": [lab("2")], "patients": [BORN]}, {"labs": [lab("2")], "patients": [DIED]},
    ),
    "future_dates": (
        {"labs": [lab("2", at="2026-04-01T00:00")]}, "ANC collected on 1 April 2026",
        {"labs": [lab("2", at="2026-03-31T23:59")]}, {"exposures": ()},
    ),
    "anc_without_doses": (
        {"labs": [lab("2")], "exposures": ()}, "1 ANC, the first on 1 February 2026, no dose under a protocol",
        {"labs": [lab("2")]}, {"labs": [wbc("2")]},
    ),
    "corrected": (
        {"labs": [lab("0.9"), lab("1.1", **LATER)]}, "ANC 0.9 × 10*9/L then 1.1 × 10*9/L",
        {"labs": [lab("0.9"), lab("0.9", **LATER)]}, {"labs": [lab("0.9")]},
    ),
    "duplicates": (
        {"labs": [lab("0.9"), lab("0.9")]}, None,
        {"labs": [lab("0.9"), lab("0.9", **LATER)]}, {"labs": [lab("0.9")]},
    ),
}  # fmt: skip


def test_every_check_has_a_row_a_text_and_cases():
    assert set(CASES) == set(checks.CHECKS) == set(checks.TEXTS)
    texts = {path.stem for path in checks.FOLDER.glob("*.sql")} - {"words"}
    assert texts == set(checks.CHECKS)
    for row in read_rows("checks/checks"):
        assert row["title"] and row["means"] and row["counted"]
        assert row["severity"] in ("dangerous", "doubtful", "note")
        assert bool(row["threshold"]) == bool(row["source"]) == bool(row["unit"])


@pytest.mark.parametrize("name", CASES)
def test_a_check_fails_on_one_side_and_passes_just_on_the_other(name):
    fails, words, passes, nothing = CASES[name]
    with closing(read(**fails)) as con:
        result = found(con, name)
        assert (result["result"], result["failing"]) == ("failed", 1)
        (row,) = checks.failing(con, name, AS_OF).to_dict("records")
        assert row["patient_id"] == "P1"
        assert words is None or row["words"] == words
    with closing(read(**passes)) as con:
        result = found(con, name)
        assert (result["result"], result["failing"]) == ("passed", 0)
        assert result["looked_at"] > 0
        assert checks.failing(con, name, AS_OF).empty
    with closing(read(**nothing)) as con:
        result = found(con, name)
        assert (result["result"], result["looked_at"], result["failing"]) == ("not applicable", 0, 0)


# ---------------------------------------------------------------- more sides of single checks


@pytest.mark.parametrize(("labs", "failing"), [
    # one decimal may hide the other side; two decimals, or a printed whole number of cells, hide nothing that matters
    ([lab("0.50")], 0), ([lab("500", "cells/uL")], 0), ([lab("0.4")], 0), ([lab("0.5")], 1),
    ([lab("1.0")], 1), ([lab("1")], 1), ([lab("0.9")], 0), ([lab("1.1")], 0), ([lab("5e-1")], 1), ([lab("50e-2")], 0),
    # a bound is not a printed value, a withdrawn or corrected one is not read
    ([lab("0.5", comparator="<")], 0), ([lab("0.5", status="entered-in-error")], 0),
    ([lab("0.5"), lab("0.61", **LATER)], 0), ([lab("0.61"), lab("0.5", **LATER)], 1),
])  # fmt: skip
def test_a_value_is_too_coarse_where_its_last_digit_reaches_over_a_cut(labs, failing):
    with closing(read(labs)) as con:
        assert found(con, "low_resolution")["failing"] == failing


@pytest.mark.parametrize(("value", "failing"), [("0.7", 0), ("0.8", 0), ("1", 1)])
def test_a_value_just_half_a_step_away_from_a_cut_is_on_its_side(value, failing):
    """A cut of 750: 0.7 is 650 up to, not including, 750; 0.8 is from 750 on; 1 is from 500 on."""
    with closing(read([lab(value)])) as con:
        con.execute("UPDATE thresholds SET hold = 750, resume = 750 WHERE analyte = 'anc'")
        assert found(con, "low_resolution")["failing"] == failing


@pytest.mark.parametrize(("value", "failing"), [("0.7", 0), ("0.8", 1), ("0.9", 0)])
def test_a_cut_that_belongs_to_the_lower_side_is_read_so(value, failing):
    """At most 750 holds, above it resumes: 0.8 may be 750."""
    with closing(read([lab(value)])) as con:
        con.execute("UPDATE thresholds SET hold = 750, hold_operator = '<=', resume = 750, resume_operator = '>'")
        assert found(con, "low_resolution")["failing"] == failing


def test_a_cut_counts_only_for_patients_under_its_protocol():
    with closing(read([lab("0.5")], [DASATINIB[0] | {"drug": "aspirin"}])) as con:
        assert found(con, "low_resolution")["result"] == "not applicable"


@pytest.mark.parametrize(("anc", "white", "result"), [
    (lab("2.15"), wbc("2.1"), "passed"),  # the white cells may be 2.149
    (lab("2.16"), wbc("2.1"), "failed"),
    (lab("2101", "cells/uL"), wbc("2100", "cells/uL"), "failed"),
    (lab("2.2", comparator="<"), wbc("2.1"), "not applicable"),
    (lab("2.2"), wbc("2.1", comparator=">"), "not applicable"),
    (lab("2.2", comparator=">"), wbc("2.1"), "failed"),
    (lab("2.2", specimen="A"), wbc("2.1", specimen="B"), "not applicable"),
    (lab("2.2", specimen="A"), wbc("2.1"), "failed"),
    (lab("2.2", status="cancelled"), wbc("2.1"), "not applicable"),
])  # fmt: skip
def test_an_anc_is_above_the_white_cells_only_by_more_than_the_printing_hides(anc, white, result):
    with closing(read([anc, white])) as con:
        assert found(con, "anc_above_wbc")["result"] == result


@pytest.mark.parametrize(("labs", "failing"), [
    ([lab("4", "cells/uL", **BEFORE), lab("4")], 1),  # up as well as down
    ([lab("0", "cells/uL", **BEFORE), lab("4")], 0),  # no factor leads from nothing
    ([lab("4", **BEFORE), wbc("4", "cells/uL")], 0),
    ([lab("4", **BEFORE), lab("4", "cells/uL"), lab("4", **LATER)], 0),  # corrected since
    ([lab("4", **BEFORE), lab("4", "cells/uL", comparator="<")], 0),
    ([lab("4", **BEFORE), lab("0.1", at="2026-01-20T08:00"), lab("4", "cells/uL")], 0),  # no neighbour of the first
])  # fmt: skip
def test_only_neighbours_of_one_patient_and_analyte_jump(labs, failing):
    with closing(read(labs)) as con:
        assert found(con, "unit_jumps")["failing"] == failing


def test_two_patients_are_no_neighbours():
    labs = [lab("4", **BEFORE), lab("4", "cells/uL", patient_id="P2")]
    with closing(read(labs)) as con:
        assert found(con, "unit_jumps")["result"] == "not applicable"


@pytest.mark.parametrize(("labs", "told"), [
    ([lab("0.9"), lab("0.9")], "duplicates"), ([lab("0.9"), lab("1.1")], "contradicting"),
    ([lab("0.9"), lab("1.1", **LATER)], "corrected"),
    ([lab("0.9"), lab("1.1", status="cancelled", **LATER)], "corrected"),
    ([lab("0.9"), lab("900", "cells/uL")], "two_units"), ([lab("0.9"), lab("450", "cells/uL", **LATER)], "two_units"),
    ([lab("0.9"), lab("0.9", **LATER)], None), ([lab("0.9", status="cancelled"), lab("0.9", status="cancelled")], None),
])  # fmt: skip
def test_results_that_came_again_are_told_apart(labs, told):
    with closing(read(labs)) as con:
        results = checks.run(con, AS_OF).set_index("check")["result"]
    assert [name for name in CAME_AGAIN if results[name] == "failed"] == ([told] if told else [])


def test_two_counts_of_one_specimen_that_differ_are_named():
    with closing(read([lab("0.9"), lab("450", "cells/uL")])) as con:
        (words,) = checks.failing(con, "two_units", AS_OF)["words"]
    assert words == "ANC 450 cells/uL and 0.9 × 10*9/L: not the same count, 450 and 900 cells/µL"


@pytest.mark.parametrize(("patient", "told"), [
    ({"birth_date": "2026-02-01", "died_on": "2026-02-01"}, []),  # both days are within a life
    ({"birth_date": "2026-02-02", "died_on": "2026-02-03"}, ["before_birth"]),
    ({"birth_date": "2026-01-30", "died_on": "2026-01-31"}, ["after_death"]),
])  # fmt: skip
def test_a_result_before_birth_and_one_after_death_are_told_apart(patient, told):
    with closing(read([lab("2")], patients=[patient])) as con:
        results = checks.run(con, AS_OF).set_index("check")["result"]
    assert [name for name in ("after_death", "before_birth") if results[name] == "failed"] == told


@pytest.mark.parametrize("check", ["after_death", "before_birth"])
def test_a_withdrawn_result_has_no_day(check):
    outside = {"birth_date": "2027-01-01"} if check == "before_birth" else {"died_on": "2020-01-01"}
    with closing(read([lab("2", status="entered-in-error")], patients=[outside])) as con:
        assert found(con, check)["result"] == "not applicable"


AGAIN = st.lists(
    st.builds(
        lambda value, reported, status: lab(value[0], value[1], reported_at=reported, status=status),
        st.sampled_from([("0.9", "10*9/L"), ("900", "cells/uL"), ("0.9", "K/uL"), ("1.1", "10*9/L"), ("450", "/uL")]),
        st.sampled_from(["2026-02-01T08:00", "2026-02-02T08:00", "2026-02-03T08:00"]),
        st.sampled_from([None, None, "corrected", "cancelled"]),
    ),
    min_size=2, max_size=6,
)  # fmt: skip


@settings(max_examples=40)
@given(labs=AGAIN)
def test_what_came_again_is_told_by_one_check_at_most(labs):
    with closing(read(labs)) as con:
        results = checks.run(con, AS_OF).set_index("check")
        rows = [checks.failing(con, name, AS_OF)["source"].tolist() for name in CAME_AGAIN]
    told = [source for sources_of in rows for source in sources_of]
    assert len(told) == len(set(told))
    # each looks at all that came again, and what none tells was sent again unchanged with a later report
    assert set(results.loc[CAME_AGAIN, "looked_at"]) == {len(labs) - 1}
    assert len(told) == results.loc[CAME_AGAIN, "failing"].sum() <= len(labs) - 1


@pytest.mark.parametrize("rows", [
    {"labs": [lab("2", reported_at="2026-04-01T08:00")]},
    {"exposures": [DASATINIB[0] | {"start_on": "2026-04-01"}]},
    {"events": [{"kind": "fever", "occurred_at": "2026-04-01"}]},
    {"patients": [{"died_on": "2026-04-01"}]},
])  # fmt: skip
def test_every_kind_of_record_may_be_dated_after_the_day_of_the_file(rows):
    with closing(read(**rows)) as con:
        assert found(con, "future_dates")["failing"] == 1


def test_the_planned_end_of_a_dose_may_lie_ahead():
    with closing(read(exposures=[DASATINIB[0] | {"end_on": "2027-01-01"}])) as con:
        assert found(con, "future_dates")["result"] == "passed"


def test_a_result_without_a_unit_is_told_as_it_came():
    labs = [lab("0.4", None), lab("0.5", None), lab("2", None, "wbc")]
    with closing(read(labs)) as con:
        words = checks.failing(con, "units_missing", AS_OF)["words"].tolist()
    assert words == ["anc 0.4 has no unit", "anc 0.5 has no unit", "wbc 2 has no unit"]


def test_a_derived_anc_is_an_anc_and_is_compared_with_nothing():
    labs = [wbc("2.0"), lab("55", "%", "neutrophils_pct")]
    with closing(read(labs)) as con:
        results = checks.run(con, AS_OF).set_index("check")["result"]
    assert results["doses_without_anc"] == "passed"
    assert results["anc_above_wbc"] == "not applicable"


# ---------------------------------------------------------------- the four results


def test_a_check_that_cannot_run_says_so_with_its_line_and_the_others_run(monkeypatch):
    broken = "SELECT\n    patient_id, source,\n    no_such_column AS day, '' AS words, true AS failed\nFROM labs"
    monkeypatch.setitem(checks.TEXTS, "after_death", broken)
    with closing(read([lab("0.5")])) as con:
        result = found(con, "after_death")
        assert (result["result"], result["looked_at"], result["failing"]) == ("error", 0, 0)
        assert "no_such_column" in result["error"]
        assert "LINE 3:" in result["error"]
        assert "\n" not in result["error"]
        assert checks.failing(con, "after_death", AS_OF).empty
        assert found(con, "low_resolution")["result"] == "failed"
        checks.write(con, AS_OF)
        kept = con.execute('SELECT result, error FROM check_results WHERE "check" = \'after_death\'').fetchall()
        assert kept == [("error", result["error"])]


def test_a_step_that_cannot_run_is_an_error_of_the_checks_that_read_it_and_of_no_other(monkeypatch):
    monkeypatch.setitem(checks.STEPS, "result_versions", "SELECT nothing")
    with closing(read([lab("0.5")])) as con:
        results = checks.run(con, AS_OF).set_index("check")["result"]
    broken = {"unit_jumps", "anc_above_wbc", "low_resolution", "contradicting", "two_units", "corrected", "duplicates"}
    assert {name for name, result in results.items() if result == "error"} == broken


def test_a_check_whose_words_cannot_be_written_does_not_stop_a_load(monkeypatch):
    unreadable = "CAST(CAST(source AS INTEGER) AS TEXT) AS words"
    text = f"SELECT patient_id, source, CAST(collected_at AS DATE) AS day, {unreadable}, true AS failed FROM labs"
    monkeypatch.setitem(checks.TEXTS, "corrected", text)
    with closing(read([lab("0.5")])) as con:
        checks.write(con, AS_OF)
        assert con.execute('SELECT result FROM check_results WHERE "check" = \'corrected\'').fetchall() == [("error",)]


def test_a_name_that_is_no_check_is_refused():
    with closing(read()) as con, pytest.raises(KeyError):
        checks.failing(con, "labs", AS_OF)


VALUES = st.sampled_from(["0.4", "0.5", "1", "4000", "<0.1", "haemolysed", "-1"])
LABS = st.lists(
    st.builds(
        lambda patient, analyte, value, unit, day, specimen, status: {
            "patient_id": patient, "analyte": analyte, "value": value, "unit": unit, "specimen": specimen,
            "status": status, "collected_at": f"2026-0{day}-01T08:00",
        },
        st.sampled_from(["P1", "P2", None]), st.sampled_from(["anc", "wbc", "platelets", "heart"]), VALUES,
        st.sampled_from(["10*9/L", "cells/uL", None]), st.integers(1, 5), st.sampled_from([None, "A"]),
        st.sampled_from([None, "corrected", "cancelled"]),
    ),
    max_size=12,
)  # fmt: skip


@settings(max_examples=25)
@given(labs=LABS, doses=st.sampled_from([(), DASATINIB]), born=st.sampled_from([None, "2026-02-15"]))
def test_the_four_results_exclude_each_other_and_count_their_rows(labs, doses, born):
    with closing(read(labs, doses, [{"birth_date": born}])) as con:
        results = checks.run(con, AS_OF)
        assert list(results["check"]) == list(checks.CHECKS)
        for check in results.to_dict("records"):
            assert check["result"] != "error", check["error"]
            assert 0 <= check["failing"] <= check["looked_at"]
            expected = "failed" if check["failing"] else "passed" if check["looked_at"] else "not applicable"
            assert check["result"] == expected
        for check in results[results["failing"] > 0].itertuples():
            rows = checks.failing(con, check.check, AS_OF)
            assert len(rows) == check.failing
            assert rows[["words", "source"]].notna().all(axis=None)


def test_no_more_rows_than_asked_are_given():
    with closing(read([lab("0.5", at=f"2026-01-{day:02}") for day in range(1, 20)])) as con:
        assert found(con, "low_resolution")["failing"] == 19
        assert len(checks.failing(con, "low_resolution", AS_OF, limit=5)) == 5


def test_a_check_leaves_nothing_behind_and_changes_no_table():
    with closing(read([lab("0.5"), lab("0.5")])) as con:
        before = contents(con)
        checks.run(con, AS_OF)
        assert contents(con) == before


def contents(con):
    """What tables and views there are, and the results."""
    tables = "SELECT table_name FROM duckdb_tables() UNION ALL SELECT view_name FROM duckdb_views() WHERE NOT internal"
    return sorted(con.execute(tables).fetchall()), con.execute("FROM labs ORDER BY ALL").fetchall()


# ---------------------------------------------------------------- the published file


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Two patients at two sites and one at none, each with a coarse value; one row without a unit."""
    folder = tmp_path_factory.mktemp("checked")
    files = {
        "labs": "patient_id,analyte,value,unit,collected_at\n"
        "N1,anc,0.5,10*9/L,2026-01-05\nN1,anc,0.5,10*9/L,2026-01-06\nS1,anc,0.5,10*9/L,2026-01-05\n"
        "X1,anc,0.5,10*9/L,2026-01-05\nS1,anc,0.5,,2026-01-07\n",
        "exposures": "patient_id,drug,dose_mg,start_on\n"
        + "".join(f"{patient},dasatinib,100,2026-01-01\n" for patient in ("N1", "S1", "X1")),
        "patients": "patient_id,name,site\nN1,Nora North,North\nS1,Sam South,South\n",
    }
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    load_csv(folder / "small.duckdb", **{name: folder / f"{name}.csv" for name in files}, as_of=AS_OF)
    return Store(folder / "small.duckdb")


def numbers(store, sites, name):
    row = store.view(Sight(sites)).data().checks.set_index("check").loc[name]
    return row["result"], row["looked_at"], row["failing"]


@pytest.mark.parametrize(("sites", "expected", "patients"), [
    (None, ("failed", 4, 4), ["N1", "N1", "S1", "X1"]), (("North",), ("failed", 2, 2), ["N1", "N1"]),
    (("North", "South"), ("failed", 3, 3), ["N1", "N1", "S1"]), ((), ("not applicable", 0, 0), []),
])  # fmt: skip
def test_a_reader_sees_the_checks_of_the_sites_he_may_see(store, sites, expected, patients):
    assert numbers(store, sites, "low_resolution") == expected
    rows = store.view(Sight(sites)).failing("low_resolution")
    assert rows["patient_id"].tolist() == patients
    assert list(rows.columns) == ["patient_id", "day", "words", "source", "name"]


def test_a_row_without_a_unit_belongs_to_its_patients_site(store):
    assert numbers(store, ("North",), "units_missing") == ("passed", 2, 0)
    assert numbers(store, ("South",), "units_missing") == ("failed", 2, 1)
    assert store.view(Sight(("South",))).failing("units_missing")["name"].tolist() == ["Sam South"]


def test_what_the_load_wrote_is_what_the_checks_find(store):
    with store.cursor() as cursor:
        again = checks.run(cursor, AS_OF)
        pandas.testing.assert_frame_equal(store.view().data().checks, again, check_dtype=False)
        for name in again.loc[again["failing"] > 0, "check"]:
            kept = store.view().failing(name).drop(columns="name")
            pandas.testing.assert_frame_equal(kept, checks.failing(cursor, name, AS_OF), check_dtype=False)


def test_the_data_of_a_file_add_up(store):
    data = store.view().data()
    assert (data.files["loaded"] + data.files["set_aside"]).tolist() == data.files["rows_read"].tolist()
    assert data.reasons[["file", "kind", "reason", "rows"]].values.tolist() == [["labs.csv", "labs", "unit missing", 1]]
    assert store.view().set_aside("unit missing")["patient_id"].tolist() == ["S1"]
    assert store.view(Sight(("North",))).set_aside("unit missing").empty
    assert data.notes.empty


@pytest.mark.parametrize(("sites", "known"), [
    (None, {"N1", "S1", "X1"}), (("North",), {"N1"}), ((), set()),
])  # fmt: skip
def test_whether_a_patient_is_known_is_told_for_the_sites_that_may_be_seen(store, sites, known):
    assert store.view(Sight(sites)).known(["N1", "S1", "X1", "new"]) == known


def test_more_failing_rows_than_are_kept_are_counted(monkeypatch):
    monkeypatch.setattr(checks, "MOST_ROWS", 2)
    with closing(read([lab("0.5", at=f"2026-01-{day:02}") for day in range(1, 6)])) as con:
        checks.write(con, AS_OF)
        kept = con.execute('SELECT count(*) FROM check_failures WHERE "check" = \'low_resolution\'').fetchall()
        (counted,) = con.execute('SELECT failing FROM check_results WHERE "check" = \'low_resolution\'').fetchall()
    assert (kept, counted) == ([(2,)], (5,))
