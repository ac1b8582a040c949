"""What is new: whose status or dose is another since the last load, or since a day, and which counts made it so."""

import csv
import io
import shutil
from contextlib import closing
from datetime import date, datetime, timedelta

import pandas
import pytest

from leuko import publish
from leuko.__main__ import main
from leuko.access import Sight
from leuko.inputs import Shape, of_folder
from leuko.store import Filters, Store
from tests import deliveries
from tests.deliveries import asked, result, write_rows

YESTERDAY, TODAY = date(2026, 2, 1), date(2026, 2, 2)
EARLIER = datetime(2026, 1, 20, 12)
MIDNIGHT, NOON = datetime(2026, 2, 2), datetime(2026, 2, 2, 12)  # of today
DASATINIB = {"drug": "dasatinib", "dose_mg": 100, "start_on": date(2026, 1, 1)}
LISTED = (
    "low", "low_platelets", "evening", "midnight", "tonight", "tomorrow", "many", "withdrawn", "corrected", "derived",
    "below", "quiet", "again", "goes",
)  # fmt: skip
A_SECOND = timedelta(seconds=1)


def stood(patient):
    """What was known yesterday: an ANC of 3,000, but of those whose result is taken back a low one."""
    if patient in ("withdrawn", "corrected"):
        return result(patient, "anc", 300, EARLIER)
    return result(patient, "wbc" if patient == "derived" else "anc", 3000, EARLIER)


BEFORE = {
    "labs": [
        *(stood(patient) for patient in LISTED),
        result("evening", "anc", 300, EARLIER + timedelta(days=9), reported_at=MIDNIGHT - A_SECOND),
        result("no_drug", "anc", 3000, EARLIER),
        result("overdue", "anc", 3000, MIDNIGHT - timedelta(days=18)),  # the next was due four days ago
        result("told_late", "anc", 400, datetime(2026, 1, 12)),
        result("told_late", "anc", 1500, datetime(2026, 1, 30)),
    ],
    "exposures": [
        *({"patient_id": patient} | DASATINIB for patient in (*LISTED, "overdue")),
        {"patient_id": "told_late", "end_on": date(2026, 1, 12)} | DASATINIB,
        {"patient_id": "without_protocol"} | DASATINIB | {"drug": "busulfan"},
    ],
    "patients": [
        {"patient_id": patient, "name": f"Name of {patient}", "site": "North" if patient == "low" else "South"}
        for patient in LISTED
    ],
}
SINCE = {
    "labs": [
        result("low", "anc", 300, NOON),
        result("low_platelets", "platelets", 20_000, NOON),
        result("midnight", "anc", 300, EARLIER + timedelta(days=9), reported_at=MIDNIGHT),
        result("tonight", "anc", 300, NOON, reported_at=MIDNIGHT + timedelta(days=1) - A_SECOND),
        result("tonight", "anc", 200, NOON + A_SECOND, reported_at=MIDNIGHT + timedelta(days=1)),
        result("tomorrow", "anc", 300, NOON, reported_at=MIDNIGHT + timedelta(days=1)),
        *(
            result("many", "anc", value, EARLIER + timedelta(days=days), reported_at=NOON)
            for days, value in ((2, 1600), (5, 900), (8, 600), (11, 300))
        ),
        result("withdrawn", "anc", 300, EARLIER, reported_at=NOON, status="entered-in-error"),
        result("corrected", "anc", 2000, EARLIER, reported_at=NOON, status="corrected"),
        result("derived", "segs_pct", 10, EARLIER, unit="%", reported_at=NOON),
        result("below", "anc", "<200", NOON),
        result("quiet", "anc", 2900, NOON),
        result("again", "anc", 3000, EARLIER, reported_at=NOON),
        result("no_drug", "anc", 400, NOON),
        result("without_protocol", "anc", 400, NOON),
        result("new", "anc", 3000, NOON),
    ],
    "exposures": [
        {"patient_id": "told_late", "end_on": date(2026, 1, 9)} | DASATINIB,
        {"patient_id": "told_late", "end_on": date(2026, 1, 12)}
        | DASATINIB | {"dose_mg": 80, "start_on": date(2026, 1, 10)},
        {"patient_id": "new"} | DASATINIB | {"start_on": TODAY},
    ],
    "patients": [{"patient_id": "goes", "left_on": TODAY}],
}


@pytest.fixture(scope="module")
def db(tmp_path_factory):
    """Loaded yesterday as of then, and today with what came since."""
    place = tmp_path_factory.mktemp("changes")
    deliveries.load(place / "ward.duckdb", write_rows(BEFORE, place / "before"), as_of=YESTERDAY)
    deliveries.load(place / "ward.duckdb", write_rows(SINCE, place / "since"), as_of=TODAY)
    return place / "ward.duckdb"


def changes(db, since=None, sites=None, as_of=None, **filters):
    """What is new, a dict by patient."""
    with closing(Store(db)) as store:
        rows = store.view(Sight(sites), as_of).changes(Filters(**filters), since).to_dict("records")
    return {row["patient_id"]: row for row in rows}


@pytest.fixture(scope="module", params=[None, YESTERDAY], ids=["since the last load", "since yesterday"])
def changed(db, request):
    return changes(db, request.param)


def test_who_has_another_status_is_listed_and_nobody_else(changed):
    said = {patient: (row["status_before"], row["status"]) for patient, row in changed.items()}
    said.pop("told_late", None)
    assert (said.pop("new")[1]) == "continue"
    assert said == {
        "low": ("continue", "hold"),
        "midnight": ("continue", "hold"),
        "tonight": ("continue", "hold"),
        "many": ("continue", "hold"),
        "withdrawn": ("hold", "no_result"),
        "corrected": ("hold", "continue"),
        "derived": ("no_result", "hold"),
        "below": ("continue", "hold"),
        "overdue": ("continue", "overdue"),
        "goes": ("continue", "off_drug"),
    }


def test_with_the_counts_that_changed_it(changed):
    counts = {patient: changed[patient]["counts"] for patient in changed}
    assert counts["low"] == "ANC 300 cells/µL of 2 February 2026"
    assert counts["midnight"] == "ANC 300 cells/µL of 29 January 2026"
    assert counts["below"] == "ANC <200 cells/µL of 2 February 2026"
    assert counts["derived"] == "ANC 300 cells/µL (derived) of 20 January 2026"
    assert counts["corrected"] == "ANC 2,000 cells/µL of 20 January 2026"
    assert counts["withdrawn"] == "ANC withdrawn of 20 January 2026"


def test_of_more_than_three_the_last_three(changed):
    assert changed["many"]["counts"] == (
        "ANC 300 cells/µL of 31 January 2026; ANC 600 cells/µL of 28 January 2026; ANC 900 cells/µL of 25 January 2026"
    )


@pytest.mark.parametrize("patient", ["overdue", "goes"])
def test_without_a_new_count_the_day_a_dose_or_an_event_changed_it(changed, patient):
    assert pandas.isna(changed[patient]["counts"])
    assert changed[patient]["why"]


def test_a_course_under_no_protocol_is_one_course_before_and_now(db):
    listed = "SELECT patient_id, drug FROM worklist WHERE status = 'no_protocol' ORDER BY patient_id"
    assert asked(db, listed) == [("no_drug", None), ("without_protocol", None)]
    assert not {"no_drug", "without_protocol"} & changes(db).keys()


def test_a_course_that_was_not_on_the_list_has_no_status_before(db):
    """It was first heard of today. Of yesterday it is known today that there was none."""
    assert pandas.isna(changes(db)["new"]["status_before"])
    assert pandas.isna(changes(db, YESTERDAY)["new"]["status_before"])


def test_a_dose_of_the_past_that_is_told_late_changes_what_the_last_load_said(db):
    """The low count came on 80 mg and not on 100, so 50 mg. Of both days the doses are read as they are known now."""
    row = changes(db)["told_late"]
    assert (row["status_before"], row["status"]) == ("reduce", "reduce")
    assert (row["dose_before_mg"], row["dose_mg"], row["dose_unit"]) == (80, 50, "mg")
    assert "told_late" not in changes(db, YESTERDAY)


def test_a_result_counts_on_the_day_of_its_report_up_to_midnight(db):
    """Reported a second before midnight it was known that day, at midnight the next."""
    yesterday = changes(db, YESTERDAY - timedelta(days=1), as_of=YESTERDAY)
    assert yesterday["evening"]["status"] == "hold"
    assert not {"midnight", "evening"} <= yesterday.keys()
    today = changes(db, YESTERDAY)
    assert today["midnight"]["status"] == today["tonight"]["status"] == "hold"
    assert today["tonight"]["counts"] == "ANC 300 cells/µL of 2 February 2026"
    assert not {"evening", "tomorrow"} & today.keys()


def test_the_most_urgent_stand_first(db):
    statuses = [row["status"] for row in changes(db).values()]
    assert statuses == sorted(statuses, key=["hold", "reduce", "no_result", "overdue", "continue", "off_drug"].index)


def test_a_reader_of_one_site_sees_its_patients_alone(db):
    assert changes(db, sites=("North",)).keys() == changes(db, YESTERDAY, sites=("North",)).keys() == {"low"}
    assert "low" not in changes(db, sites=("South",))
    assert changes(db, sites=()) == {}


def test_the_filters_of_the_panel_narrow_it(db):
    assert changes(db, search="name of mid").keys() == changes(db, search="MIDn").keys() == {"midnight"}
    assert changes(db, search="midnightname") == changes(db, search="t\x1fname") == {}
    assert changes(db, drug=("imatinib",)) == {}


def test_nothing_is_new_in_a_first_load(tmp_path):
    deliveries.load(tmp_path / "ward.duckdb", write_rows(BEFORE, tmp_path / "before"), as_of=YESTERDAY)
    assert changes(tmp_path / "ward.duckdb") == {}


def test_who_is_gone_with_a_whole_load_has_no_status_now(db, tmp_path):
    for file in db.parent.glob("ward.duckdb*"):
        shutil.copy(file, tmp_path, follow_symlinks=False)
    rows = {name: [row for row in SINCE[name] if row["patient_id"] == "new"] for name in ("labs", "exposures")}
    found = of_folder(write_rows(rows, tmp_path / "whole"), Shape(), adding=False)
    publish.load(tmp_path / "ward.duckdb", found.read, files=found.files, as_of=TODAY)
    gone = changes(tmp_path / "ward.duckdb")
    assert "new" not in gone
    assert gone["low"]["status_before"] == "hold"
    assert all(pandas.isna(row["status"]) for row in gone.values())


# ---- the command line -----------------------------------------------------------------------------


def told(capsys, *arguments):
    capsys.readouterr()
    status = main([str(argument) for argument in arguments])
    return status, list(csv.DictReader(io.StringIO(capsys.readouterr().out)))


def test_the_command_lists_them_as_csv(db, capsys):
    status, rows = told(capsys, "changes", "--db", db)
    assert status == 0
    assert {row["patient_id"] for row in rows} == set(changes(db))
    low = next(row for row in rows if row["patient_id"] == "low")
    assert (low["status_before"], low["status"], low["counts"]) == (
        "continue", "hold", "ANC 300 cells/µL of 2 February 2026",
    )  # fmt: skip
    status, rows = told(capsys, "changes", "--db", db, "--since", "2026-01-31", "--as-of", YESTERDAY)
    assert (status, {row["patient_id"] for row in rows}) == (0, {"evening"})


@pytest.mark.parametrize(
    "wrong", [["--as-of", "2026-02-01"], ["--since", "2026-02-02"], ["--since", "1.2.2026"],
              ["--since", "2026-02-01", "--as-of", "2026-02-01"]],
)  # fmt: skip
def test_days_that_cannot_be_compared_are_wrong_usage(db, capsys, wrong):
    with pytest.raises(SystemExit) as left:
        main(["changes", "--db", str(db), *wrong])
    assert left.value.code == 2


def test_without_a_database_one_line_says_so(tmp_path, capsys):
    assert main(["changes", "--db", str(tmp_path / "none.duckdb")]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1
