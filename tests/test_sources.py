"""Reading: what is refused and why, nothing lost, files and frames alike, ANC derived from differentials."""

import csv
import datetime
import json
from collections import Counter
from decimal import Decimal
from pathlib import Path

import duckdb
import numpy
import pandas
import pytest

from leuko import sources

SPEC = Path(__file__).parent / "spec"
LAB_HEADER = "patient_id,analyte,value,unit,collected_at\n"
GOOD_LAB = "P1,anc,0.5,K/uL,2024-03-01\n"
EXPOSURES = "patient_id,drug,dose_mg,start_on\nP1,dasatinib,100,2024-01-01\n"


@pytest.fixture
def con():
    return duckdb.connect()


@pytest.fixture
def read(con, tmp_path):
    """`read(labs="…", exposures="…", patients=None, events=None)` reads these texts as CSV files."""

    def read_texts(labs=LAB_HEADER + GOOD_LAB, exposures=EXPOSURES, **others):
        paths = {}
        for kind, text in {"labs": labs, "exposures": exposures, **others}.items():
            paths[kind] = tmp_path / f"{kind}.csv"
            paths[kind].write_bytes(text if isinstance(text, bytes) else text.encode())
        sources.read_csv(con, **paths)
        return con

    return read_texts


def rejected(con):
    return con.execute("SELECT source, reason FROM rejected ORDER BY source").fetchall()


def frame(kind, rows):
    return pandas.DataFrame(rows, columns=list(sources.COLUMNS[kind]), dtype=str)


# ---- the specification of refusals -------------------------------------------------------------

with open(SPEC / "rejected.csv", encoding="utf-8", newline="") as specification:
    REFUSALS = list(csv.DictReader(specification))


def specified(kind, row):
    """The input row that a line of spec/rejected.csv stands for."""
    if kind == "labs":
        return {
            "patient_id": row["patient_id"],
            "analyte": row["name"],
            "value": row["input"],
            "comparator": row["sign"],
            "unit": row["unit"],
            "collected_at": row["on"],
            "reported_at": row["until"],
            "status": row["status"],
        }
    if kind == "exposures":
        return {
            "patient_id": row["patient_id"],
            "drug": row["name"],
            "dose_mg": row["input"],
            "start_on": row["on"],
            "end_on": row["until"],
        }
    if kind == "events":
        return {
            "patient_id": row["patient_id"],
            "kind": row["name"],
            "value": row["input"],
            "occurred_at": row["on"],
        }
    return {"patient_id": row["patient_id"], "name": row["name"], "died_on": row["on"]}


@pytest.mark.parametrize("way", ["csv", "frames"])
def test_every_row_of_the_specification(con, tmp_path, way):
    frames = {
        kind: frame(kind, [specified(kind, row) for row in REFUSALS if row["kind"] == kind])
        for kind in sources.COLUMNS
    }
    if way == "frames":
        sources.read_frames(con, **frames)
    else:
        for kind, rows in frames.items():
            rows.to_csv(tmp_path / f"{kind}.csv", index=False)
        sources.read_csv(con, **{kind: tmp_path / f"{kind}.csv" for kind in frames})
    reasons = {
        (kind, int(source.rsplit(" ", 1)[1])): reason
        for kind, source, reason in con.execute("SELECT kind, source, reason FROM rejected").fetchall()
    }
    places = Counter()
    for row in REFUSALS:
        places[row["kind"]] += 1
        assert reasons.get((row["kind"], places[row["kind"]]), "") == row["reason"], row
    for kind, count in places.items():
        kept = con.execute(f"SELECT count(*) FROM {kind}").fetchone()[0]
        assert kept + sum(1 for each, _ in reasons if each == kind) == count, "a row was lost"


def test_a_refused_row_keeps_its_own_words(read):
    con = read(LAB_HEADER + 'P1,anc,"5,2",K/uL,2024-03-01\n')
    source, record, reason, patient, kind = con.execute("FROM rejected").fetchone()
    assert (source, reason, patient, kind) == ("labs.csv row 1", "not a number", "P1", "labs")
    assert json.loads(record) == {
        "patient_id": "P1",
        "analyte": "anc",
        "value": "5,2",
        "unit": "K/uL",
        "collected_at": "2024-03-01",
    }


def test_a_withdrawn_result_stays_without_a_value(con):
    labs = pandas.DataFrame(
        [
            ("P1", "anc", "CLOTTED", "K/uL", "2024-03-01", "cancelled"),
            ("P1", "anc", "0.4", "K/uL", "2024-03-01", "Entered in error"),
        ],
        columns=["patient_id", "analyte", "value", "unit", "collected_at", "status"],
    )
    sources.read_frames(con, labs=labs, exposures=frame("exposures", []))
    assert con.execute("SELECT status, value FROM labs ORDER BY source").fetchall() == [
        ("cancelled", None),
        ("entered-in-error", 400),
    ]


# ---- files -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("P1,anc\n", "malformed line: missing columns"),
        ("P1,anc,0.5,K/uL,2024-03-01,more\n", "malformed line: too many columns"),
        ('P1,anc,"0.5"x,K/uL,2024-03-01\n', "malformed line: unquoted value"),
        (b"P1,anc,0.5,/\xb5L,2024-03-01\n", "malformed line: invalid encoding"),
    ],
)
def test_a_malformed_line_is_kept_and_the_rows_below_keep_their_number(read, line, reason):
    line = line if isinstance(line, bytes) else line.encode()
    con = read(LAB_HEADER.encode() + GOOD_LAB.encode() + line + GOOD_LAB.encode() + line + GOOD_LAB.encode())
    assert rejected(con) == [("labs.csv line 3", reason), ("labs.csv line 5", reason)]
    assert con.execute("SELECT source FROM labs ORDER BY source").fetchall() == [
        ("labs.csv row 1",),
        ("labs.csv row 3",),
        ("labs.csv row 5",),
    ]
    assert "P1" in con.execute("SELECT raw_record FROM rejected").fetchone()[0]


def test_an_open_quote_swallows_nothing_silently(read):
    con = read(LAB_HEADER + GOOD_LAB + 'P2,anc,"0.1,K/uL,2024-03-01\n' + "P3,anc,0.2,K/uL,2024-03-01\n")
    assert con.execute("SELECT count(*) FROM labs").fetchone() == (1,)
    assert "P3" in con.execute("SELECT raw_record FROM rejected").fetchone()[0]


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffPatient_ID , ANALYTE,Value,Unit,Collected_At\n" + GOOD_LAB,
        (LAB_HEADER + GOOD_LAB).replace("\n", "\r\n"),
        (LAB_HEADER + GOOD_LAB).replace(",", ";"),
        (LAB_HEADER + GOOD_LAB).replace(",", "\t"),
        (LAB_HEADER + GOOD_LAB).rstrip("\n"),
        LAB_HEADER.replace("unit", "raw_unit") + GOOD_LAB,
        ',patient_id,analyte,note,value,unit,collected_at\n0,P1,anc,"a, b\nc",0.5,K/uL,2024-03-01\n',
    ],
)
def test_ways_to_write_the_same_file(read, text):
    con = read(text)
    assert rejected(con) == []
    assert con.execute("SELECT patient_id, value, source FROM labs").fetchall() == [
        ("P1", 500, "labs.csv row 1")
    ]


@pytest.mark.parametrize(
    ("labs", "message"),
    [
        ("", "labs.csv: no column names in the first line"),
        ("\n" + GOOD_LAB, "labs.csv: no column names in the first line"),
        ("patient_id,analyte,value\nP1,anc,1\n", "labs.csv: required column collected_at is missing"),
        ("patient_id,analyte,value,unit,collected_at,VALUE\n", "labs.csv: column value stands there twice"),
        (b"\xff\xfep\x00a\x00\n\x00", "labs.csv: the first line is not UTF-8 text"),
        (
            LAB_HEADER + GOOD_LAB.strip() + "\r\n" + GOOD_LAB,
            "labs.csv: cannot be read: its lines end in different ways",
        ),
    ],
)
def test_a_whole_file_is_refused_in_one_line(read, labs, message):
    with pytest.raises(sources.SourceError) as refusal:
        read(labs)
    assert str(refusal.value).startswith(message)
    assert "\n" not in str(refusal.value)


def test_a_missing_file_is_refused(con, tmp_path):
    with pytest.raises(
        sources.SourceError, match=r"^none\.csv: cannot be read \(No such file or directory\)$"
    ):
        sources.read_csv(con, labs=tmp_path / "none.csv", exposures=tmp_path / "doses.csv")


def test_a_frame_without_a_column_is_refused(con):
    with pytest.raises(sources.SourceError, match=r"^exposures: required column start_on is missing$"):
        sources.read_frames(
            con, labs=frame("labs", []), exposures=frame("exposures", []).drop(columns="start_on")
        )


def test_no_unit_column_refuses_every_row(read):
    con = read("patient_id,analyte,value,collected_at\nP1,anc,0.5,2024-03-01\nP1,wbc,2,2024-03-01\n")
    assert [reason for _, reason in rejected(con)] == ["unit missing", "unit missing"]


# ---- values ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "wall_clock", "offset"),
    [
        ("2024-03-01T23:30:00+05:00", "2024-03-01 23:30:00", "+05:00"),
        ("2024-03-01T23:30Z", "2024-03-01 23:30:00", "Z"),
        ("2024-03-01 23:30:15-0800", "2024-03-01 23:30:15", "-0800"),
        ("2024-03-01", "2024-03-01 00:00:00", None),
    ],
)
def test_the_wall_clock_stays_as_written(read, written, wall_clock, offset):
    con = read(LAB_HEADER + f"P1,anc,0.5,K/uL,{written}\n")
    assert con.execute("SELECT CAST(collected_at AS TEXT), collected_offset FROM labs").fetchone() == (
        wall_clock,
        offset,
    )


def test_reported_at_defaults_to_collected_at(read):
    con = read(LAB_HEADER + GOOD_LAB)
    assert con.execute(
        "SELECT reported_at = collected_at, status, comparator, derived FROM labs"
    ).fetchone() == (True, "final", "", False)


def test_reference_limits_are_in_the_unit_of_the_value(read):
    con = read(
        "patient_id,analyte,value,unit,collected_at,ref_low,ref_high\nP1,anc,0.5,K/uL,2024-03-01,1.8,n/a\n"
    )
    assert con.execute("SELECT ref_low, ref_high FROM labs").fetchone() == (1800, None)


@pytest.mark.parametrize(
    "values",
    [
        [0.5, numpy.nan],
        ["0.5", None],
        [Decimal("0.5"), None],
        [0.5, pandas.NA],
        [0.5, "CLOTTED"],
    ],
)
def test_frames_take_values_of_any_kind(con, values):
    labs = pandas.DataFrame(
        {
            "patient_id": [101.0, 102.0],
            "analyte": "anc",
            "value": values,
            "unit": "K/uL",
            "collected_at": [datetime.date(2024, 3, 1), pandas.Timestamp("2024-03-02 10:00")],
        }
    )
    sources.read_frames(con, labs=labs, exposures=frame("exposures", []))
    assert con.execute("SELECT patient_id, value, collected_at FROM labs").fetchall() == [
        ("101", 500, datetime.datetime(2024, 3, 1))
    ]
    assert rejected(con) == [("labs row 2", "not a number")]


@pytest.mark.parametrize(
    "collected_at",
    [
        pandas.to_datetime(["2024-03-01 10:00", None]),
        pandas.to_datetime(["2024-03-01 10:00", None]).tz_localize("Asia/Tokyo"),
        pandas.Categorical(["2024-03-01 10:00", None]),
    ],
)
def test_frames_take_dates_of_any_kind(con, collected_at):
    labs = pandas.DataFrame(
        {
            "patient_id": ["a", "b"],
            "analyte": "anc",
            "value": [1, 2],
            "unit": "K/uL",
            "collected_at": collected_at,
        },
        index=[7, 7],
    )
    sources.read_frames(con, labs=labs, exposures=frame("exposures", []))
    assert con.execute("SELECT CAST(collected_at AS TEXT) FROM labs").fetchall() == [("2024-03-01 10:00:00",)]
    assert rejected(con) == [("labs row 2", "no date")]


def test_exposures_patients_and_events(read):
    con = read(
        exposures="patient_id,drug,dose_mg,start_on,end_on,end_reason\n"
        "P1, Dasatinib,0,2024-01-01,,\nP1,dasatinib,50.5,2024-01-02,2024-01-09,Discontinued\n",
        patients="patient_id,duffy_null,died_on,site\nP1,Yes,2024-05-01,North\nP2,no,,\nP3,unknown,,\n",
        events="patient_id,kind,value,occurred_at\nP1,Cytopenia_Cause,Disease,2024-01-05T08:00\n",
    )
    assert con.execute(
        "SELECT drug, dose_mg, dose_unit, end_on, end_reason FROM exposures ORDER BY start_on"
    ).fetchall() == [
        ("dasatinib", 0, "mg", None, None),
        ("dasatinib", 50.5, "mg", datetime.date(2024, 1, 9), "discontinued"),
    ]
    assert con.execute("SELECT duffy_null, died_on FROM patients ORDER BY patient_id").fetchall() == [
        (True, datetime.date(2024, 5, 1)),
        (False, None),
        (None, None),
    ]
    assert con.execute("SELECT kind, value FROM events").fetchall() == [("cytopenia_cause", "disease")]


def test_dose_unit(con):
    exposures = pandas.DataFrame(
        {
            "patient_id": ["a", "b"],
            "drug": "mercaptopurine",
            "dose_mg": 25.21,
            "start_on": "2024-01-01",
            "dose_unit": ["mg", None],
        }
    )
    sources.read_frames(con, labs=frame("labs", []), exposures=exposures, dose_unit="mg/m2")
    assert con.execute("SELECT dose_unit FROM exposures ORDER BY source").fetchall() == [("mg",), ("mg/m2",)]


def test_reading_again_replaces(read):
    read(LAB_HEADER + GOOD_LAB * 3 + "P1\n", patients="patient_id\nP1\n")
    con = read()
    for table, rows in (("labs", 1), ("exposures", 1), ("patients", 0), ("events", 0), ("rejected", 0)):
        assert con.execute(f"SELECT count(*) FROM {table}").fetchone() == (rows,)


def test_the_temporary_tables_are_gone(read):
    con = read()
    left = {name for (name,) in con.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    assert {"labs", "exposures", "patients", "events", "rejected"} <= left
    assert {name for name in left if name.startswith(("raw_", "read_", "bad_"))} == set()


# ---- ANC from a differential -------------------------------------------------------------------


def derived(con, *results):
    """Derived rows (value, comparator, status, hour reported) of one collection time.

    A result is (analyte, value, hour reported, status, specimen); the last two may be left out.
    """
    rows = []
    for analyte, value, hour, *rest in results:
        status, specimen = [*rest, "", ""][:2] if len(rest) < 2 else rest
        rows.append(
            {
                "patient_id": "P1",
                "analyte": analyte,
                "value": value,
                "status": status,
                "specimen": specimen,
                "unit": "%" if analyte.endswith("_pct") else "cells/uL",
                "collected_at": "2024-03-01T08:00",
                "reported_at": f"2024-03-01T{hour:02}:00",
            }
        )
    sources.read_frames(con, labs=frame("labs", rows), exposures=frame("exposures", []))
    assert rejected(con) == []
    return con.execute("""SELECT value, comparator, status, date_part('hour', reported_at) FROM labs
                       WHERE derived ORDER BY reported_at, specimen""").fetchall()


def final(value, hour=9, comparator=""):
    return (value, comparator, "final", hour)


def test_segmented_and_bands_make_exactly_500(con):
    assert derived(con, ("wbc", "1000", 9), ("segs_pct", "49.9", 9), ("bands_pct", "0.1", 9)) == [final(500)]
    assert con.execute("SELECT raw_value, raw_unit, source, analyte FROM labs WHERE derived").fetchone() == (
        "1000 × (49.9 + 0.1) %",
        "cells/uL",
        "labs row 1; labs row 2; labs row 3",
        "anc",
    )


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        ("49.9", 499),
        ("49.9999999", 499.999999),
        ("49.99999999999", 499.9999999999),
        ("50", 500),
        ("50.1", 501),
    ],
)
def test_a_product_is_exact_on_each_side_of_500(con, share, expected):
    assert derived(con, ("wbc", "1000", 9), ("segs_pct", share, 9)) == [final(expected)]


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ([("neutrophils_pct", "30", 9), ("bands_pct", "20", 9)], [final(600)]),
        ([("segs_pct", "10", 9), ("neutrophils_pct", "30", 9)], [final(200)]),
        ([("bands_pct", "20", 9)], []),
        ([("segs_pct", "0", 9), ("bands_pct", "0", 9), ("neutrophils_pct", "0", 9)], []),
        ([("segs_pct", "0", 9), ("bands_pct", "5", 9)], [final(100)]),
        ([("segs_pct", "0", 9), ("neutrophils_pct", "30", 9)], [final(600)]),
        ([("segs_pct", "90", 9), ("bands_pct", "20", 9)], []),
        ([("segs_pct", "10", 9, "cancelled")], []),
    ],
    ids=[
        "total never with bands",
        "segmented first",
        "bands alone",
        "all zero",
        "bands only counted",
        "zero then total",
        "more than all cells",
        "withdrawn",
    ],
)
def test_routes(con, results, expected):
    assert derived(con, ("wbc", "2000", 9), *results) == expected


@pytest.mark.parametrize(
    ("wbc", "segs", "bands", "expected"),
    [
        ("<1000", "50", "1", [final(510, comparator="<")]),
        ("1000", ">50", "1", [final(510, comparator=">")]),
        ("1000", "50", "<1", [final(510, comparator="<")]),
        ("<1000", ">50", "1", []),
        ("0", "50", "1", [final(0)]),
    ],
)
def test_signs(con, wbc, segs, bands, expected):
    assert derived(con, ("wbc", wbc, 9), ("segs_pct", segs, 9), ("bands_pct", bands, 9)) == expected


def test_a_measured_anc_leaves_nothing_to_derive(con):
    assert derived(con, ("wbc", "2000", 9), ("segs_pct", "10", 9), ("anc", "0", 9)) == []


def test_a_withdrawn_anc_does_not_count_as_measured(con):
    assert derived(con, ("wbc", "2000", 9), ("segs_pct", "10", 9), ("anc", "900", 9, "cancelled")) == [
        final(200)
    ]


def test_derived_until_the_laboratory_reports_one(con):
    assert derived(
        con, ("wbc", "2000", 9), ("segs_pct", "10", 9), ("anc", "190", 12), ("wbc", "3000", 13)
    ) == [final(200)]


def test_derived_again_when_the_measured_one_is_withdrawn(con):
    assert derived(
        con,
        ("wbc", "2000", 9),
        ("segs_pct", "10", 10),
        ("anc", "190", 10),
        ("anc", "", 12, "entered-in-error"),
    ) == [final(200, 12)]


def test_each_report_time_derives_what_was_known_then(con):
    assert derived(
        con,
        ("wbc", "2000", 9),
        ("segs_pct", "10", 11),
        ("bands_pct", "0", 12),
        ("bands_pct", "5", 13),
        ("wbc", "1000", 14, "corrected"),
    ) == [final(200, 11), final(300, 13), final(150, 14)]


def test_a_withdrawn_component_cancels_the_derived_anc(con):
    assert derived(
        con,
        ("wbc", "2000", 9),
        ("segs_pct", "10", 9),
        ("wbc", "2000", 12, "entered-in-error"),
        ("wbc", "4000", 15),
    ) == [final(200), (None, "", "cancelled", 12), final(400, 15)]


def test_a_component_withdrawn_behind_a_measured_anc_still_cancels(con):
    assert derived(
        con,
        ("wbc", "2000", 9),
        ("segs_pct", "10", 9),
        ("anc", "190", 10),
        ("wbc", "", 11, "cancelled"),
        ("anc", "", 12, "cancelled"),
    ) == [final(200), (None, "", "cancelled", 12)]


def test_of_versions_reported_together_the_lowest_counts(con):
    assert derived(con, ("wbc", "2000", 9), ("wbc", "1000", 9), ("segs_pct", "10", 9)) == [final(100)]


def test_two_tubes_are_never_mixed(con):
    assert derived(
        con,
        ("wbc", "2000", 9, "", "A"),
        ("segs_pct", "60", 9, "", "A"),
        ("wbc", "5000", 9, "", "B"),
        ("segs_pct", "10", 9, "", "B"),
    ) == [final(1200), final(500)]


def test_a_differential_on_its_own_tube_still_serves(con):
    assert derived(con, ("wbc", "2000", 9, "", "A"), ("segs_pct", "60", 9, "", "B")) == [final(1200)]


def test_no_neutrophils_among_counted_cells_is_an_anc_of_0(con):
    rows = [
        ("wbc", "100", "/uL", "08:30"),
        ("segs_pct", "0", "%", "08:30"),
        ("lymphocytes_pct", "100", "%", "09:00"),
    ]
    labs = pandas.DataFrame(rows, columns=["analyte", "value", "unit", "hour"]).assign(
        patient_id="P1", collected_at="2024-03-01T08:00"
    )
    labs["reported_at"] = "2024-03-01T" + labs["hour"]
    sources.read_frames(con, labs=labs, exposures=frame("exposures", []))
    assert con.execute("SELECT value, date_part('hour', reported_at) FROM labs WHERE derived").fetchall() == [
        (0, 9)
    ]


@pytest.mark.parametrize(
    ("analyte", "value", "unit"),
    [("lymphocytes_pct", "0", "%"), ("lymphocytes_pct", "100", "K/uL"), ("hematocrit_pct", "30", "%")],
)
def test_an_all_zero_differential_derives_nothing(con, analyte, value, unit):
    rows = [("wbc", "100", "/uL"), ("segs_pct", "0", "%"), ("bands_pct", "0", "%"), (analyte, value, unit)]
    labs = pandas.DataFrame(rows, columns=["analyte", "value", "unit"]).assign(
        patient_id="P1", collected_at="2024-03-01T08:00"
    )
    sources.read_frames(con, labs=labs, exposures=frame("exposures", []))
    assert con.execute("SELECT count(*) FROM labs WHERE derived").fetchone() == (0,)


def test_other_collection_times_are_not_borrowed(con):
    labs = pandas.DataFrame(
        [("wbc", "2", "K/uL", "2024-03-01T08:00"), ("segs_pct", "10", "%", "2024-03-01T08:01")],
        columns=["analyte", "value", "unit", "collected_at"],
    ).assign(patient_id="P1")
    sources.read_frames(con, labs=labs, exposures=frame("exposures", []))
    assert con.execute("SELECT count(*) FROM labs WHERE derived").fetchone() == (0,)


# ---- real data ---------------------------------------------------------------------------------


def canonical(path, columns, names):
    """Rows of a published file under the input column names; `names` maps its test names to analytes."""
    table = pandas.read_csv(path, dtype=str).rename(columns=columns)
    return table.assign(analyte=table["analyte"].map(names)).dropna(subset=["analyte"])


def test_intensive_care_counts(con, real_data):
    labs = canonical(
        real_data / "mimic3-demo" / "cbc_labs.csv",
        {"subject_id": "patient_id", "label": "analyte", "valueuom": "unit", "charttime": "collected_at"},
        {
            "White Blood Cells": "wbc",
            "Platelet Count": "platelets",
            "Neutrophils": "segs_pct",
            "Bands": "bands_pct",
            "Granulocyte Count": "granulocytes",
            "Lymphocytes": "lymphocytes_pct",
        },
    )
    sources.read_frames(con, labs=labs, exposures=frame("exposures", []))
    counted = dict(
        con.execute("SELECT analyte, count(*) FROM labs WHERE NOT derived GROUP BY analyte").fetchall()
    )
    assert counted == {
        "wbc": 2021,
        "platelets": 2085 + 3,
        "segs_pct": 547 - 1,
        "bands_pct": 231,
        "granulocytes": 99,
    }
    assert con.execute("SELECT raw_value FROM labs WHERE comparator <> ''").fetchall() == [("<5",)] * 3
    assert con.execute("SELECT count(*) FROM labs WHERE derived").fetchone() == (546,)
    assert con.execute(
        "SELECT count(*) FROM labs WHERE analyte = 'granulocytes' AND value < 500"
    ).fetchone() == (20,)
    assert con.execute(
        "SELECT count(*) FROM labs WHERE derived AND value = 0 AND patient_id = '40310'"
    ).fetchone() == (5,)
    assert con.execute(
        "SELECT reason, count(*) FROM rejected GROUP BY reason ORDER BY reason"
    ).fetchall() == [("analyte not known", 547), ("not a number", 1)]


def test_counts_of_many_hospitals(con, real_data):
    labs = canonical(
        real_data / "eicu-demo" / "cbc_labs.csv",
        {
            "patientunitstayid": "patient_id",
            "labname": "analyte",
            "labresult": "value",
            "labmeasurenameinterface": "unit",
        },
        {"WBC x 1000": "wbc", "platelets x 1000": "platelets", "-polys": "segs_pct", "-bands": "bands_pct"},
    )
    labs["collected_at"] = pandas.Timestamp("2020-01-01") + pandas.to_timedelta(
        labs["labresultoffset"].astype(int), unit="min"
    )
    sources.read_frames(con, labs=labs, exposures=frame("exposures", []))
    kept = dict(
        con.execute("SELECT analyte, count(*) FROM labs WHERE NOT derived GROUP BY analyte").fetchall()
    )
    assert kept == {"wbc": 861 - 2, "platelets": 863 - 2, "segs_pct": 511, "bands_pct": 47}
    assert con.execute("SELECT reason, count(*) FROM rejected GROUP BY reason").fetchall() == [
        ("unit unknown", 4)
    ]
    assert con.execute(
        "SELECT median(value) BETWEEN 5000 AND 15000 FROM labs WHERE analyte = 'wbc'"
    ).fetchone()[0]


def test_children_in_maintenance(con, real_data):
    folder = real_data / "all-maintenance"
    sources.read_csv(con, labs=folder / "labs.csv", exposures=folder / "exposures.csv", dose_unit="mg/m2")
    assert con.execute("""SELECT count(*), count(*) FILTER (value < 500), count(*) FILTER (value < 750),
                       count(*) FILTER (value < 1000) FROM labs""").fetchone() == (3097, 53, 153, 296)
    assert con.execute("SELECT count(*) FROM exposures").fetchone() == (6853,)
    assert rejected(con) == []
