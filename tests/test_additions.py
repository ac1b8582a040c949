"""New rows on a database: as if all had come at once, every row accounted for, only whom they touch answered anew."""

import hashlib
import json
import os
import random
import shutil
import threading
import time
from contextlib import closing
from datetime import date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pandas
import pytest

from leuko import additions, answers, checks, history, publish, sources, versions
from leuko.__main__ import main
from leuko.inputs import Shape, of_folder
from leuko.protocols import load_protocols
from leuko.publish import NothingNew
from leuko.sources import SourceError
from leuko.store import Filters, Store, StoreError
from tests import deliveries, test_fhir, test_mapped, test_omop, wards
from tests.deliveries import asked, contents, result, write_rows

AS_OF = date(2026, 2, 1)


# ---- as if all had come at once -------------------------------------------------------------------


def crowded(seed, cohorts):
    """A hospital with what its cohorts seldom have: differentials of 0 %, fevers and growth factors."""
    hospital, rng = wards.hospital(range(seed * 1000, seed * 1000 + cohorts)), random.Random(seed)
    labs, events = [], []
    for patient in sorted(hospital.labs["patient_id"].unique()):
        moment = datetime(2024, 1, rng.randint(2, 28), 7)
        parts = {"wbc": 800, "segs_pct": rng.choice((0, 40)), "lymphocytes_pct": 45, "monocytes_pct": 15}
        labs += [
            result(patient, analyte, value, moment, reported_at=moment, unit="cells/uL" if analyte == "wbc" else "%")
            for analyte, value in parts.items()
        ]
        kinds = (("fever", "38.7"), ("gcsf", "filgrastim"), ("fever", None))
        events += [
            {"patient_id": patient, "kind": kind, "value": value, "occurred_at": moment} for kind, value in kinds
        ]
    more = {"labs": wards.frame("labs", labs), "events": wards.frame("events", events)}
    rows = vars(hospital) | {name: pandas.concat([getattr(hospital, name), frame]) for name, frame in more.items()}
    return wards.Hospital(**rows)


def last_day(hospital):
    return max(hospital.labs["collected_at"].max(), hospital.exposures["start_on"].max()).date()


def assert_alike(parted, whole):
    """Table by table, so that the first that differs is named."""
    found = contents(parted)
    for table, rows in contents(whole).items():
        assert found[table] == rows, table
    said = "SELECT as_of, first_day, last_on, title, simulated FROM about"
    assert asked(parted, said) == asked(whole, said)


@pytest.mark.parametrize("seed", [1, 2])
def test_rows_that_came_in_parts_are_judged_as_if_all_had_come_at_once(tmp_path, seed):
    hospital, rng = crowded(seed, 16), random.Random(seed)
    whole, parted, day = tmp_path / "whole.duckdb", tmp_path / "parted.duckdb", last_day(hospital)
    deliveries.load(whole, deliveries.write(vars(hospital), tmp_path / "whole"), as_of=day)
    for number, delivery in enumerate(deliveries.in_parts(hospital, (0.9, 0.05, 0.05), rng)):
        deliveries.load(parted, deliveries.write(delivery, tmp_path / str(number)), as_of=day)
    assert_alike(parted, whole)
    ((everybody,),) = asked(parted, "SELECT count(DISTINCT patient_id) FROM labs")
    touched = asked(parted, "SELECT patients FROM loads WHERE kind = 'add'")
    assert [0 < number < everybody for (number,) in touched] == [True, True]


NIGHTS = (date(2024, 1, 10), date(2024, 1, 25), date(2024, 4, 30))
ACCOUNTS = "SELECT kind, rows_read, loaded, set_aside, already_there FROM load_report WHERE number = ? ORDER BY kind"


@pytest.mark.parametrize("seed", [3, 4])
def test_so_are_those_that_came_every_night_with_all_that_was_known(tmp_path, seed):
    """Each night has the rows of the nights before, and the day asked moves on. Every row is accounted for, and what is
    new since the night before is what is new since its day.
    """
    hospital, db, whole = crowded(seed, 16), tmp_path / "nightly.duckdb", tmp_path / "whole.duckdb"
    before = {name: set() for name in sources.COLUMNS}
    for number, day in enumerate(NIGHTS, start=1):
        folder = deliveries.write(hospital.known_by(day), tmp_path / str(number))
        deliveries.load(db, folder, as_of=day)
        for kind, read, loaded, set_aside, there in asked(db, ACCOUNTS, number):
            lines = (folder / f"{kind}.csv").read_text(encoding="utf-8").splitlines()[1:]
            assert (read, there) == (len(lines), sum(line in before[kind] for line in lines)), kind
            assert loaded + set_aside + there == read, kind
            before[kind].update(lines)
    with closing(Store(db)) as store:
        since_load, since_day = (store.view().changes(Filters(), since) for since in (None, NIGHTS[-2]))
    pandas.testing.assert_frame_equal(since_load, since_day)
    assert len(since_load)
    deliveries.load(whole, folder, as_of=day)
    assert_alike(db, whole)


SHOWN = """
    SELECT patient_id, drug, protocol, status, dose_mg, since, first.number AS first, gone.number AS gone
    FROM shown
    LEFT JOIN loads AS first ON first.loaded_at = shown.shown_at
    LEFT JOIN loads AS gone ON gone.loaded_at = shown.gone_at
    ORDER BY ALL
"""


@pytest.mark.parametrize("seed", [5, 6])
def test_what_is_new_does_not_depend_on_who_is_answered_anew(tmp_path, monkeypatch, seed):
    """The patients alone whom a load touches, or everybody: the same is told of what changed, and of what is shown."""
    hospital, rng = crowded(seed, 16), random.Random(seed)
    day, alone, everybody = last_day(hospital), tmp_path / "alone.duckdb", tmp_path / "everybody.duckdb"
    for number, delivery in enumerate(deliveries.in_parts(hospital, (0.8, 0.1, 0.1), rng)):
        folder = deliveries.write(delivery, tmp_path / str(number))
        deliveries.load(alone, folder, as_of=day)
        with monkeypatch.context() as patched:
            patched.setattr(history, "made", lambda con: None)
            deliveries.load(everybody, folder, as_of=day)
        for query in (SHOWN, "FROM changed_courses ORDER BY ALL"):
            assert asked(alone, query) == asked(everybody, query)
    assert asked(alone, "SELECT count(counts) > 0, count(*) > count(counts) FROM changed_courses") == [(True, True)]
    assert asked(alone, f"SELECT DISTINCT gone FROM ({SHOWN}) ORDER BY gone") == [(2,), (3,), (None,)]


def treated_for_a_while(hospital, rng):
    """Most exposures without an end get one: who is no longer treated is most of an old file."""
    rows = hospital.exposures.astype(object).where(hospital.exposures.notna(), None).to_dict("records")
    for row in rows:
        if row["end_on"] is None and rng.random() < 0.8:
            row["end_on"] = row["start_on"] + timedelta(days=rng.choice((0, 3, 30, 100)))
            row["end_reason"] = rng.choice(("discontinued", "toxicity", "planned", None))
    return wards.Hospital(**vars(hospital) | {"exposures": wards.frame("exposures", rows)})


@pytest.mark.parametrize("seed", [1, 7, 8])
def test_a_later_day_spares_those_of_whom_it_changes_nothing_and_them_alone(tmp_path, monkeypatch, seed):
    """With these as they stand, or with everybody answered anew, every night leaves the same file."""
    rng, answered, rewrite = random.Random(seed), [], answers.rewrite
    hospital = treated_for_a_while(crowded(seed, 16), rng)
    spared, everybody, day = tmp_path / "spared.duckdb", tmp_path / "everybody.duckdb", last_day(hospital)

    def rewrite_counted(con, *given):
        answered.append(con.execute("SELECT count(*) FROM anew.touched").fetchall()[0][0])
        rewrite(con, *given)

    monkeypatch.setattr(additions, "MOST_ANEW", 1)
    monkeypatch.setattr(answers, "rewrite", rewrite_counted)
    for number, delivery in enumerate(deliveries.in_parts(hospital, (0.95, 0.01, 0.01, 0.01, 0.01, 0.01), rng)):
        folder = deliveries.write(delivery, tmp_path / str(number))
        deliveries.load(spared, folder, as_of=day)
        with monkeypatch.context() as patched:
            patched.setattr(history, "made", lambda con: None)
            deliveries.load(everybody, folder, as_of=day)
        assert_alike(spared, everybody)
        for query in (SHOWN, "FROM changed_courses ORDER BY ALL"):
            assert asked(spared, query) == asked(everybody, query)
        day += timedelta(days=rng.choice((1, 2, 30, 60)))
    ((patients,),) = asked(spared, "SELECT count(DISTINCT patient_id) FROM worklist")
    assert len(answered) == 5
    assert max(answered) < patients


# ---- hospital formats -----------------------------------------------------------------------------


def assert_added_is_whole(folders, both, shape):
    """The first folder loaded and the second added is the folder of both, loaded whole; gives the database."""
    whole, parted = both.with_suffix(".whole.duckdb"), both.with_suffix(".parted.duckdb")
    for db, publishing, folder in (
        (whole, publish.load, both), (parted, publish.load, folders[0]), (parted, publish.add, folders[1]),
    ):  # fmt: skip
        found = of_folder(folder, shape, adding=publishing is publish.add)
        publishing(db, found.read, files=found.files, as_of=date(2024, 4, 1))
    assert_alike(parted, whole)
    ((touched,),) = asked(parted, "SELECT patients FROM loads WHERE kind = 'add'")
    assert touched == 1
    lost = "SELECT file FROM load_report WHERE rows_read <> loaded + set_aside + already_there"
    assert asked(parted, lost) == []
    return parted


def put(folder, **files):
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name.replace("_", ".")).write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def test_fhir_resources_of_another_night_are_added(tmp_path):
    of_patient_2 = {"subject": {"reference": "Patient/P2"}}
    first = test_fhir.lines(
        test_fhir.patient(), test_fhir.patient("P2"), test_fhir.request(), test_fhir.request(**of_patient_2),
        test_fhir.observation(), test_fhir.observation(**of_patient_2), test_fhir.observation(code="0-0"),
    )  # fmt: skip
    later = {"effectiveDateTime": "2024-03-08T08:00:00+01:00"}
    second = test_fhir.lines(
        test_fhir.observation(value=0.3, **later), test_fhir.observation(code="26505-8", value=40, unit="%"),
        test_fhir.observation(code="6690-2", value=1.1, **later),
    )  # fmt: skip
    folders = put(tmp_path / "1", first_ndjson=first), put(tmp_path / "2", second_ndjson=second)
    both = put(tmp_path / "both", first_ndjson=first, second_ndjson=second)
    db = assert_added_is_whole(folders, both, Shape("fhir"))
    assert asked(db, "SELECT status FROM worklist ORDER BY patient_id")[0] == ("keep_holding",)


def test_omop_rows_of_another_night_are_added(tmp_path):
    people = [{"person_id": 1}, {"person_id": 2}]
    first = {
        "measurement": [{"value_as_number": "2.5"}, {"person_id": 2}],
        "drug_exposure": [{}, {"person_id": 2}],
    }
    second = {"measurement": [{"measurement_date": "2024-03-08", "value_as_number": "0.3"}], "drug_exposure": []}
    both = {name: first[name] + second[name] for name in first}
    folders = {}
    for name, rows in {"1": first, "2": second, "both": both}.items():
        (tmp_path / name).mkdir()
        folders[name] = test_omop.write(
            tmp_path / name, person=people, drug_strength=test_omop.STRENGTHS, **rows
        )
    db = assert_added_is_whole((folders["1"], folders["2"]), folders["both"], Shape("omop"))
    assert asked(db, "SELECT count(*) FROM labs WHERE value = 300") == [(1,)]
    people_again = "SELECT rows_read, already_there FROM load_report WHERE file = 'load 2 PERSON.csv'"
    assert asked(db, people_again) == [(2, 2)]


def test_mapped_files_of_another_night_are_added_with_what_the_reader_said_of_them(tmp_path):
    first = test_mapped.HEADER + "P1,2024-03-01,2.5\nP2,2024-03-01,0.4\n"
    second = test_mapped.HEADER + "P1,2024-03-08,0.3\n"
    folders = put(tmp_path / "1", counts1_csv=first), put(tmp_path / "2", counts2_csv=second)
    both = put(tmp_path / "both", counts1_csv=first, counts2_csv=second)
    (tmp_path / "mapping.toml").write_text(test_mapped.mapping_of(file="counts*.csv"), encoding="utf-8")
    db = assert_added_is_whole(folders, both, Shape(mapping=tmp_path / "mapping.toml"))
    noted = {file for (file,) in asked(db, "SELECT file FROM load_notes")}
    assert noted == {"counts1.csv", "load 2 counts2.csv"}


def loads_of(db):
    with closing(Store(db)) as store:
        return store.view().loads()


# ---- one night after the other --------------------------------------------------------------------


NOON = datetime(2026, 1, 20, 12)
DASATINIB = {"drug": "dasatinib", "dose_mg": 100, "start_on": date(2026, 1, 1)}
TABLET = DASATINIB | {"dose_mg": 50}
EVERYBODY = ("corrected", "parts", "again", "ended", "tablets", "dead", "dies", "moves", "untouched")
FIRST = {
    "labs": [
        result("corrected", "anc", 400, NOON),
        result("parts", "wbc", 900, NOON),
        *(result(patient, "anc", 3000, NOON) for patient in EVERYBODY[2:]),
    ],
    "exposures": [
        *({"patient_id": patient} | DASATINIB for patient in EVERYBODY if patient != "tablets"),
        *([{"patient_id": "tablets"} | TABLET] * 2),
    ],
    "patients": [
        {"patient_id": patient, "name": f"Name of {patient}", "site": "North", "clinician": "Dr A"}
        | ({"died_on": date(2026, 1, 25)} if patient == "dead" else {})
        for patient in EVERYBODY
    ],
}
SECOND = {
    "labs": [
        result("corrected", "anc", 4000, NOON, reported_at=NOON + timedelta(hours=20), status="corrected"),
        result("parts", "segs_pct", 30, NOON, unit="%", reported_at=NOON + timedelta(hours=9)),
        result("parts", "bands_pct", 20, NOON, unit="%", reported_at=NOON + timedelta(hours=9)),
        result("again", "anc", 3000, NOON),
    ],
    "exposures": [
        {"patient_id": "ended", "end_on": date(2026, 1, 25), "end_reason": "discontinued"} | DASATINIB,
        *([{"patient_id": "tablets"} | TABLET] * 2),
    ],
    "patients": [
        {"patient_id": "dead", "clinician": "Dr B"},
        {"patient_id": "dies", "died_on": date(2026, 1, 28)},
        {"patient_id": "moves", "site": "South"},
    ],
}
THIRD = {
    "labs": [result("parts", "anc", 1200, NOON, reported_at=NOON + timedelta(days=2))],
    "exposures": [{"patient_id": "tablets", "end_on": date(2026, 1, 30)} | TABLET] * 2,
}


@pytest.fixture(scope="module")
def nights(tmp_path_factory):
    """A ward night by night: what was published after each, the folders of the deliveries, the database as it is."""
    place = tmp_path_factory.mktemp("nights")
    db, folders, after = place / "ward.duckdb", [], []
    for number, rows in enumerate((FIRST, SECOND, THIRD), start=1):
        folders.append(write_rows(rows, place / f"delivery{number}"))
        deliveries.load(db, folders[-1], as_of=AS_OF)
        after.append(Path(shutil.copyfile(db, place / f"night{number}.duckdb")))
    return SimpleNamespace(db=db, folders=folders, first=after[0], second=after[1], third=after[2])


@pytest.fixture
def ward(nights, tmp_path):
    """That database in a folder of its own, to go on with."""
    for file in nights.db.parent.glob("ward.duckdb*"):
        shutil.copy(file, tmp_path, follow_symlinks=False)
    return tmp_path / "ward.duckdb"


def status_of(version, patient):
    return asked(version, "SELECT status FROM worklist WHERE patient_id = ?", patient)[0][0]


def test_a_corrected_result_is_another_version_of_it_and_decides(nights):
    assert status_of(nights.first, "corrected") == "hold"
    assert status_of(nights.second, "corrected") == "continue"
    versions = "SELECT value, status FROM labs WHERE patient_id = 'corrected' ORDER BY reported_at"
    assert asked(nights.second, versions) == [(400, "final"), (4000, "corrected")]


def test_white_cells_of_one_night_and_percentages_of_the_next_give_an_anc(nights):
    """900 × (30 + 20) % is 450, below 500."""
    assert status_of(nights.first, "parts") == "no_result"
    assert status_of(nights.second, "parts") == "hold"
    derived = "SELECT value, reported_at, source FROM labs WHERE patient_id = 'parts' AND derived"
    assert asked(nights.second, derived) == [
        (450, NOON + timedelta(hours=9), "labs.csv row 2; load 2 labs.csv row 2; load 2 labs.csv row 3")
    ]


def test_an_anc_that_was_measured_after_all_takes_the_place_of_the_derived_one(nights):
    with closing(Store(nights.third)) as store:
        (seen,) = store.view().worklist(Filters(search="parts")).to_dict("records")
    assert (seen["status"], seen["last_anc"]) == ("continue", 1200)


def test_a_row_that_came_before_in_every_field_is_not_taken_twice(nights):
    assert asked(nights.second, "SELECT count(*) FROM labs WHERE patient_id = 'again'") == [(1,)]
    accounts = "SELECT rows_read, loaded, already_there FROM load_report WHERE file = 'load 2 labs.csv'"
    assert asked(nights.second, accounts) == [(4, 3, 1)]


def test_an_exposure_that_comes_with_its_end_takes_the_place_of_the_ongoing_one(nights):
    doses = "SELECT end_on, end_reason, source FROM exposures WHERE patient_id = 'ended'"
    assert asked(nights.first, doses) == [(None, None, "exposures.csv row 4")]
    assert asked(nights.second, doses) == [(date(2026, 1, 25), "discontinued", "load 2 exposures.csv row 1")]
    assert status_of(nights.second, "ended") == "off_drug"


def test_two_tablets_of_one_day_and_dose_stay_two(nights):
    doses = "SELECT dose_mg, end_on FROM exposures WHERE patient_id = 'tablets'"
    assert asked(nights.second, doses) == [(50, None)] * 2
    assert asked(nights.third, doses) == [(50, date(2026, 1, 30))] * 2


def test_an_empty_field_leaves_a_recorded_death(nights):
    said = "SELECT name, site, clinician, died_on FROM patients WHERE patient_id = 'dead'"
    assert asked(nights.second, said) == [("Name of dead", "North", "Dr B", date(2026, 1, 25))]
    assert status_of(nights.second, "dead") == "off_drug"


def test_a_death_that_is_told_later_ends_the_course(nights):
    assert status_of(nights.first, "dies") == "continue"
    assert status_of(nights.second, "dies") == "off_drug"
    assert asked(nights.second, "SELECT why FROM worklist WHERE patient_id = 'dies'") == [
        ("The course was over on 28 January 2026.",)
    ]


def test_the_events_of_the_audit_move_with_a_patient_to_another_site(nights):
    sites = "SELECT DISTINCT site FROM audit_events WHERE patient_id = 'moves'"
    assert (asked(nights.first, sites), asked(nights.second, sites)) == ([("North",)], [("South",)])


def test_only_the_patients_that_a_load_touches_are_answered_anew(nights):
    touched = "SELECT number, patients FROM loads ORDER BY number"
    assert asked(nights.third, touched) == [(1, None), (2, 6), (3, 2)]
    for table in ("worklist", "episodes", "recommendations", "alerts", "audit_events", "doses", "labs", "exposures"):
        own = f"FROM {table} WHERE patient_id IN ('again', 'untouched', 'tablets') ORDER BY ALL"
        assert asked(nights.second, own) == asked(nights.first, own), table


def test_what_a_row_took_the_place_of_is_kept_as_it_was(nights):
    kept = asked(nights.third, "SELECT number, kind, source, raw_record FROM replaced ORDER BY number, source")
    assert [row[:3] for row in kept] == [
        (2, "exposures", "exposures.csv row 4"), (2, "patients", "patients.csv row 6"),
        (2, "patients", "patients.csv row 7"), (2, "patients", "patients.csv row 8"),
        (3, "exposures", "exposures.csv row 10"), (3, "exposures", "exposures.csv row 9"),
    ]  # fmt: skip
    records = [json.loads(record) for *_, record in kept]
    assert (records[0]["patient_id"], records[0]["end_on"]) == ("ended", None)
    assert (records[1]["clinician"], records[1]["died_on"]) == ("Dr A", "2026-01-25")


def test_every_load_is_kept_with_its_files_and_what_it_made(nights):
    loads = loads_of(nights.db)
    assert loads["number"].tolist() == [3, 2, 1]
    assert loads["kind"].tolist() == ["add", "add", "load"]
    assert loads["files"].tolist() == ["exposures.csv, labs.csv", *["exposures.csv, labs.csv, patients.csv"] * 2]
    assert loads["as_of"].dt.date.tolist() == [AS_OF] * 3
    assert loads["rows_read"].tolist() == [3, 10, 28]
    assert loads["loaded"].tolist() == [3, 7, 28]
    assert loads["already_there"].tolist() == [0, 3, 0]
    assert loads["held"].tolist() == [True] * 3
    assert loads["loaded_at"].is_monotonic_decreasing
    assert json.loads(loads["settings"][0])["hold_grace_days"] == 1
    hashes = asked(nights.db, "SELECT file, bytes, sha256 FROM load_files WHERE number = 2 ORDER BY file")
    for name, size, sha256 in hashes:
        content = (nights.folders[1] / name).read_bytes()
        assert (size, sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert len(hashes) == 3


# ---- who is answered anew -------------------------------------------------------------------------


def add_result(db, folder, value=2000, **fields):
    """Add one result of a patient of whom nothing was known."""
    return deliveries.load(db, write_rows({"labs": [result("stranger", "anc", value, NOON)]}, folder), **fields)


def publish_as_it_is(db):
    """Give the version that readers open, which a test has written to, the name that its bytes ask for."""
    file = Path(os.path.realpath(db))
    named = file.rename(file.with_name(file.name[:-8] + versions.checksum(file)))
    db.unlink()
    db.symlink_to(named.name)


def test_on_a_later_day_a_count_is_overdue_though_nothing_is_new(ward, tmp_path):
    """The next count of the untouched was due on 3 February."""
    assert status_of(ward, "untouched") == "continue"
    add_result(ward, tmp_path / "new", as_of=date(2026, 2, 10))
    assert status_of(ward, "untouched") == "overdue"


LATER = AS_OF + timedelta(days=5)
LONG_OVER = DASATINIB | {"patient_id": "long over", "start_on": date(2025, 1, 1)}
ENDED = {"end_on": date(2025, 6, 1), "end_reason": "toxicity"}
LONG_AGO = {
    "labs": [result("long over", "anc", 3000, datetime(2025, 5, 1, 8))],
    "exposures": [LONG_OVER | ENDED],
}
GROWTH_FACTOR = {"patient_id": "long over", "kind": "gcsf", "value": "filgrastim", "occurred_at": LATER}
BY_THEN = {
    "a result": ("labs", result("long over", "anc", 400, datetime(2026, 2, 6, 8)), "worklist"),
    "a dose": ("exposures", LONG_OVER | {"start_on": LATER}, "worklist"),
    "a dose that cannot be read": ("exposures", LONG_OVER | {"start_on": LATER, "dose_mg": "half"}, "audit_events"),
    "a growth factor": ("events", GROWTH_FACTOR, "growth_factors"),
    "another day with a low count": ("labs", result("long over", "anc", 400, datetime(2025, 5, 20, 8)), "alerts"),
    "a death": ("patients", {"patient_id": "long over", "died_on": LATER}, "worklist"),
}  # fmt: skip


def rows_of(db, table):
    return asked(db, f"SELECT * EXCLUDE (patient_id) FROM {table} WHERE patient_id = 'long over' ORDER BY ALL")


@pytest.mark.parametrize("what", BY_THEN)
def test_what_a_later_day_changes_by_what_stood_in_the_file_is_answered_on_that_day(tmp_path, monkeypatch, what):
    """Though nothing of the patient, who was treated long ago, is among the new rows."""
    monkeypatch.setattr(additions, "MOST_ANEW", 1)
    table, row, changed = BY_THEN[what]
    rows = LONG_AGO | {table: [*LONG_AGO.get(table, ()), row]}
    spared, everybody = tmp_path / "spared.duckdb", tmp_path / "everybody.duckdb"
    for db in (spared, everybody):
        deliveries.load(db, write_rows(rows, tmp_path / db.stem), as_of=AS_OF)
    before = rows_of(spared, changed)
    add_result(spared, tmp_path / "new", as_of=LATER)
    with monkeypatch.context() as patched:
        patched.setattr(history, "made", lambda con: None)
        add_result(everybody, tmp_path / "also", as_of=LATER)
    assert rows_of(spared, changed) != before
    assert_alike(spared, everybody)


@pytest.mark.parametrize(("given", "spared"), [(ENDED, True), ({}, False)])
def test_a_later_day_spares_whoever_is_off_the_drug_for_long(tmp_path, monkeypatch, given, spared):
    """As if the rule had been another: the words of whom it spares stay as they were."""
    monkeypatch.setattr(additions, "MOST_ANEW", 1)
    db = tmp_path / "ward.duckdb"
    deliveries.load(db, write_rows(LONG_AGO | {"exposures": [LONG_OVER | given]}, tmp_path / "first"), as_of=AS_OF)
    with duckdb.connect(os.path.realpath(db)) as con:
        con.execute("UPDATE worklist SET why = 'in other words'")
    publish_as_it_is(db)
    add_result(db, tmp_path / "new", as_of=LATER)
    assert (asked(db, "SELECT why FROM worklist WHERE patient_id = 'long over'") == [("in other words",)]) == spared


def test_where_few_would_be_spared_everybody_is_answered_anew(tmp_path, monkeypatch):
    """One of two is spared on a later day: more than the share of all up to which that is faster."""
    db, rewritten = tmp_path / "ward.duckdb", []
    rows = LONG_AGO | {"exposures": [LONG_OVER | ENDED, DASATINIB | {"patient_id": "on the drug"}]}
    deliveries.load(db, write_rows(rows, tmp_path / "first"), as_of=AS_OF)
    monkeypatch.setattr(answers, "rewrite", lambda *given: rewritten.append(given))
    add_result(db, tmp_path / "new", as_of=LATER)
    assert rewritten == []
    assert status_of(db, "long over") == "off_drug"


def test_the_room_of_exchanged_rows_is_used_again_in_every_tenth_load(ward, tmp_path):
    """A row that was deleted stays in the file until its place is used again."""
    unused = """
        SELECT sum(count) - (SELECT count(*) FROM worklist) FROM pragma_storage_info('worklist')
        WHERE column_name = 'patient_id' AND segment_type = 'VARCHAR'
    """
    found = {}
    for value in range(2000, 2008):
        add_result(ward, tmp_path / str(value), value)
        found |= dict(asked(ward, f"SELECT number, ({unused}) FROM about"))
    assert [number for number, rows in found.items() if rows == 0] == [10]
    assert [*found] == [4, 5, 6, 7, 8, 9, 10, 11]


@pytest.mark.parametrize("failing", [KeyboardInterrupt, duckdb.OutOfMemoryException])
def test_what_fails_is_told_while_the_checks_still_run(ward, tmp_path, monkeypatch, failing):
    """The checks of the rows as they were run beside the answers; a watch must hear that somebody pressed Ctrl-C."""
    asked_before, began = checks.found_before, threading.Event()

    def found_before(con, *given):
        began.set()
        con.execute("SELECT max(hash(range)) FROM range(100_000_000)")
        return asked_before(con, *given)

    def answer(*given, **named):
        began.wait(30)
        time.sleep(0.1)
        raise failing

    monkeypatch.setattr(checks, "found_before", found_before)
    monkeypatch.setattr(answers, "ask_the_rule", answer)
    before = asked(ward, "FROM worklist ORDER BY ALL")
    with pytest.raises(failing):
        add_result(ward, tmp_path / "new")
    assert asked(ward, "FROM worklist ORDER BY ALL") == before
    monkeypatch.undo()
    add_result(ward, tmp_path / "again")
    assert len(asked(ward, "FROM worklist")) == len(before) + 1


def test_a_disk_that_could_not_write_in_between_is_told_and_nothing_is_published(ward, tmp_path, monkeypatch):
    """A system tells once that it could not write: whoever asks at the end alone hears nothing of it."""

    def flush(path):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(publish, "flush", flush)
    before = asked(ward, "FROM worklist ORDER BY ALL")
    with pytest.raises(OSError, match="Input/output error"):
        add_result(ward, tmp_path / "new")
    assert asked(ward, "FROM worklist ORDER BY ALL") == before


def test_what_is_wrong_with_the_file_is_told_though_there_is_no_room_for_the_copy(ward, tmp_path, monkeypatch):
    def copyfile(*given):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(publish.shutil, "copyfile", copyfile)
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "labs.csv").write_text("analyte,value\nanc,2000\n", encoding="utf-8")
    with pytest.raises(SourceError, match="patient_id"):
        deliveries.load(ward, tmp_path / "new")
    with pytest.raises(OSError, match="No space left"):
        add_result(ward, tmp_path / "right")


def test_other_protocols_answer_everybody_anew(ward, tmp_path, monkeypatch):
    others = [protocol for protocol in load_protocols() if protocol.drug != "dasatinib"]
    monkeypatch.setattr(publish, "load_protocols", lambda: others)
    add_result(ward, tmp_path / "new")
    assert status_of(ward, "untouched") == "no_protocol"
    first, second = asked(ward, "SELECT protocols_version FROM loads WHERE number IN (1, 4) ORDER BY number")
    assert first != second


def test_other_settings_answer_everybody_anew(ward, tmp_path):
    """The first routine count came late; with a grace of 30 days it is in time."""
    endings = "SELECT ending FROM audit_events WHERE measure = 'routine_count' AND patient_id = ? ORDER BY due_on"
    assert asked(ward, endings, "untouched")[0] == ("not_met",)
    (tmp_path / "settings.toml").write_text("routine_grace_days = 30\n", encoding="utf-8")
    add_result(ward, tmp_path / "new")
    assert asked(ward, endings, "untouched")[0] == ("met",)
    assert json.loads(asked(ward, "SELECT settings FROM loads WHERE number = 4")[0][0])["routine_grace_days"] == 30


def test_other_software_answers_everybody_anew(ward, tmp_path, monkeypatch):
    """As if the rule had been another when the ward was loaded last."""
    with duckdb.connect(os.path.realpath(ward)) as con:
        con.execute("UPDATE worklist SET why = 'in other words'")
    publish_as_it_is(ward)
    words = "SELECT why FROM worklist WHERE patient_id = 'untouched'"
    add_result(ward, tmp_path / "new")
    assert asked(ward, words) == [("in other words",)]
    monkeypatch.setattr(history, "software", lambda: "another")
    add_result(ward, tmp_path / "newer", value=1900)
    assert asked(ward, words) != [("in other words",)]


def test_the_day_never_goes_back_by_itself(ward, tmp_path):
    """The last result and dose are of January; the database was asked for 1 February."""
    add_result(ward, tmp_path / "new")
    assert asked(ward, "SELECT as_of FROM about") == [(AS_OF,)]


def test_a_result_that_comes_again_in_another_unit_is_one_more_and_the_checks_say_so(ward, tmp_path):
    again = result("again", "anc", "3.0", NOON, unit="10*9/L")
    deliveries.load(ward, write_rows({"labs": [again]}, tmp_path / "new"))
    assert asked(ward, "SELECT value, raw_unit FROM labs WHERE patient_id = 'again' ORDER BY raw_unit") == [
        (3000, "10*9/L"), (3000, "cells/uL"),
    ]  # fmt: skip
    found = """SELECT result, looked_at, failing FROM check_results WHERE "check" = 'two_units'"""
    assert asked(ward, found) == [("failed", 2, 1)]
    assert asked(ward, """SELECT patient_id FROM check_failures WHERE "check" = 'two_units'""") == [("again",)]


# ---- what is refused ------------------------------------------------------------------------------


def files_beside(db):
    return sorted((path.name, os.readlink(path) if path.is_symlink() else None) for path in db.parent.iterdir())


def test_files_that_were_loaded_are_nothing_new(ward, nights):
    before = files_beside(ward)
    with pytest.raises(NothingNew) as known:
        deliveries.load(ward, nights.folders[1], as_of=AS_OF)
    assert str(known.value) == (
        "nothing new: labs.csv came with load 2, exposures.csv came with load 2, patients.csv came with load 2"
    )
    assert files_beside(ward) == before


def test_a_file_that_is_new_comes_in_beside_one_that_is_not(ward, nights, tmp_path):
    folder = write_rows({"events": [{"patient_id": "again", "kind": "fever", "occurred_at": NOON}]}, tmp_path / "new")
    shutil.copy(nights.folders[1] / "labs.csv", folder)
    deliveries.load(ward, folder)
    assert asked(ward, "SELECT kind, loaded, already_there FROM load_report WHERE number = 4 ORDER BY kind") == [
        ("events", 1, 0), ("labs", 0, 4),
    ]  # fmt: skip
    assert asked(ward, "SELECT patients FROM loads WHERE number = 4") == [(1,)]


def test_simulated_patients_are_not_mixed_with_real_ones(ward, nights):
    before = files_beside(ward)
    with pytest.raises(SourceError, match="simulated patients cannot be added to a database of real ones"):
        publish.add(ward, lambda con: pytest.fail("nothing need be read"), origin={"simulated": True})
    assert files_beside(ward) == before


def test_without_a_database_there_is_nothing_to_add_to(tmp_path, nights):
    with pytest.raises(StoreError, match="there is no database to add to; load one first"):
        publish.add(tmp_path / "none.duckdb", lambda con: None)
    assert [path.name for path in tmp_path.iterdir()] == ["none.duckdb.lock"]


def test_a_database_of_another_layout_is_refused(ward):
    """As software of another day would have published it, its checksum right."""
    with duckdb.connect(os.path.realpath(ward)) as con:
        con.execute("UPDATE about SET layout = layout - 1")
    publish_as_it_is(ward)
    with pytest.raises(StoreError, match="not a database that this version of leuko published; load again"):
        publish.add(ward, lambda con: None)


# ---- undo -----------------------------------------------------------------------------------------


def without_history(version):
    replaced = asked(version, "FROM replaced ORDER BY ALL")
    return contents(version), asked(version, "SELECT as_of, title FROM about"), replaced


def test_a_load_is_undone_and_the_undoing_too(ward, nights):
    second, third = without_history(nights.second), without_history(nights.third)
    assert publish.undo(ward) == 2
    assert without_history(ward) == second
    assert publish.undo(ward) == 3
    assert without_history(ward) == third
    loads = loads_of(ward)
    assert loads["kind"].tolist() == ["undo", "undo", "add", "add", "load"]
    assert loads["held"].tolist() == [False, False, True, True, True]


def test_what_was_undone_is_kept_in_the_history_and_does_not_count(ward):
    publish.undo(ward)
    loads = loads_of(ward)
    assert loads[["number", "kind"]].to_numpy().tolist() == [[4, "undo"], [3, "add"], [2, "add"], [1, "load"]]
    assert loads["held"].tolist() == [False, False, True, True]
    assert loads["files"][1] == "exposures.csv, labs.csv"


def test_what_an_undoing_changed_is_told_like_what_a_load_changed(ward):
    publish.undo(ward)
    changed = "SELECT patient_id, status_before, status FROM changed_courses ORDER BY patient_id"
    assert asked(ward, changed) == [("parts", "continue", "hold"), ("tablets", "off_drug", "continue")]


def test_files_that_were_undone_can_be_loaded_again(ward, nights):
    publish.undo(ward)
    deliveries.load(ward, nights.folders[2], as_of=AS_OF)
    assert contents(ward) == contents(nights.third)
    assert loads_of(ward)["held"].tolist() == [True, False, False, True, True]


def test_before_the_first_load_there_is_nothing_to_go_back_to(tmp_path, nights):
    deliveries.load(tmp_path / "ward.duckdb", nights.folders[0])
    with pytest.raises(StoreError, match="there is no version before this one to go back to"):
        publish.undo(tmp_path / "ward.duckdb")


def test_a_whole_load_begins_anew_and_keeps_the_history(ward, nights):
    found = of_folder(nights.folders[0], Shape(), adding=False)
    publish.load(ward, found.read, files=found.files, as_of=AS_OF)
    assert contents(ward) == contents(nights.first)
    loads = loads_of(ward)
    assert loads["number"].tolist() == [4, 3, 2, 1]
    assert loads["held"].tolist() == [True, False, False, False]
    deliveries.load(ward, nights.folders[1], as_of=AS_OF)
    assert contents(ward) == contents(nights.second)


# ---- the command line -----------------------------------------------------------------------------


@pytest.fixture
def run(capsys):
    """`run(*arguments)` gives the exit status, the lines on standard output and those on standard error."""

    def run_leuko(*arguments):
        capsys.readouterr()
        try:
            status = main([str(argument) for argument in arguments])
        except SystemExit as left:
            status = left.code
        said = capsys.readouterr()
        return status, said.out.splitlines(), said.err.splitlines()

    return run_leuko


def test_load_add_takes_any_of_the_files_or_a_folder(run, ward, tmp_path):
    new = [result("stranger", "anc", 2000, NOON), result("stranger", "anc", "clotted", NOON)]
    folder = write_rows({"labs": new}, tmp_path / "new")
    status, _, said = run("load", "--add", "--labs", folder / "labs.csv", "--db", ward)
    assert (status, said) == (0, ["1 row was set aside at the load, each with its reason"])
    assert run("load", "--add", "--from", folder, "--db", ward) == (1, [], ["nothing new: labs.csv came with load 4"])
    folder = write_rows({"events": [{"patient_id": "again", "kind": "fever", "occurred_at": NOON}]}, tmp_path / "more")
    assert run("load", "--add", "--from", folder, "--db", ward) == (0, [], [])
    assert loads_of(ward)["files"].tolist()[:2] == ["events.csv", "labs.csv"]


@pytest.mark.parametrize(
    "arguments", [["load", "--add"], ["load", "--add", "--from", "new", "--labs", "labs.csv"], ["undo", "--add"]]
)
def test_wrong_usage_is_told_with_status_2(run, ward, arguments):
    status, _, said = run(*arguments, "--db", ward)
    assert status == 2
    assert said


@pytest.mark.parametrize(
    "arguments", [["load", "--add", "--labs", "labs.csv"], ["load", "--add", "--from", "new"], ["undo"], ["loads"]]
)
def test_what_cannot_be_done_is_one_line_with_status_1(run, tmp_path, arguments):
    status, _, said = run(*arguments, "--db", tmp_path / "none.duckdb")
    assert (status, len(said)) == (1, 1)


def test_an_undoing_is_told(run, ward):
    assert run("undo", "--db", ward) == (0, [], [f"{ward}: as load 2 left it"])


def test_the_loads_are_listed_as_csv_the_last_first(run, ward):
    status, listed, said = run("loads", "--db", ward)
    assert (status, said) == (0, [])
    assert listed[0] == (
        "number,kind,loaded_at,as_of,patients,files,bytes,rows_read,loaded,set_aside,already_there,held,"
        "protocols_version,settings"
    )
    assert [line.split(",")[:2] for line in listed[1:]] == [["3", "add"], ["2", "add"], ["1", "load"]]
