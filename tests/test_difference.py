"""What changes if other protocols were in force: by hand, and against two evaluations compared in plain pandas.

The patients worked out by hand are on dasatinib 100 mg from 1 January 2026, with ANC 3,000 on that day; platelets are
200,000 throughout, and the day asked is 25 January.

| patient  | setting | ANC from 11 January on                    | guideline                    | ELN           |
|----------|---------|-------------------------------------------|------------------------------|---------------|
| slow     | none    | 400; 450 on the 18th; 1,200 on the 25th   | reduce to 80 (14 days low)   | resume at 100 |
| boundary | none    | 400; 1,000 on the 15th                    | resume at 100 (4 days)       | keep holding  |
| above    | none    | 400; 1,001 on the 15th                    | resume at 100                | resume at 100 |
| later    | none    | 400; 1,000 on the 15th, 1,100 on the 20th | resume at 100 from the 15th  | from the 20th |
| named    | cp-us   | 400                                       | hold (under dasatinib-cp-us) | hold          |
| steady   | none    | 3,000                                     | continue                     | continue      |
"""

import csv
from collections import Counter
from datetime import date, datetime, timedelta

import duckdb
import pandas
import pytest

import leuko
from leuko import sources
from leuko.__main__ import main
from leuko.access import Sight
from leuko.difference import COLUMNS, compare, in_place
from leuko.protocols import ProtocolError, write_tables
from leuko.protocols.conditions import Dose
from leuko.store import Store
from tests import cohorts, hospital, wards

SHIPPED = leuko.load_protocols()
BY_ID = {protocol.id: protocol for protocol in SHIPPED}
GUIDELINE, US, ELN, EU = (
    BY_ID[name] for name in ("dasatinib-guideline", "dasatinib-cp-us", "dasatinib-cp-eln", "dasatinib-cp-eu")
)
DAY = date(2026, 1, 25)
EARLY, LATE = date(2024, 1, 20), date(2024, 3, 1)  # days of the random patients
DRAWS = {
    "slow": {1: 3000, 11: 400, 18: 450, 25: 1200},
    "boundary": {1: 3000, 11: 400, 15: 1000},
    "above": {1: 3000, 11: 400, 15: 1001},
    "later": {1: 3000, 11: 400, 15: 1000, 20: 1100},
    "named": {1: 3000, 11: 400},
    "steady": {1: 3000, 11: 3000, 25: 3000},
}
SITES = {"slow": "North", "boundary": "South", "above": "North", "later": "South", "named": "South", "steady": None}


def lab(patient, analyte, value, day):
    return cohorts.lab(patient, analyte, value, datetime(2026, 1, day, 8))


def exposure(patient, first, last=None, setting=None, drug="dasatinib", dose=100.0):
    return {
        "patient_id": patient, "drug": drug, "setting": setting, "dose_mg": dose, "dose_unit": "mg",
        "start_on": date(2026, 1, first), "end_on": date(2026, 1, last) if last else None,
    }  # fmt: skip


def opened(labs, exposures, events=(), patients=(), protocols=SHIPPED):
    """A connection with these canonical rows and protocol tables."""
    con = hospital.admit(labs, exposures, events, patients)
    con.execute("ALTER TABLE exposures ADD COLUMN source TEXT")
    write_tables(con, protocols)
    return con


@pytest.fixture
def ward():
    labs = [
        row
        for patient, draws in DRAWS.items()
        for day, anc in draws.items()
        for row in (lab(patient, "anc", anc, day), lab(patient, "platelets", 200_000, day))
    ]
    held = [exposure(patient, 1, None if patient in ("named", "steady") else 11) for patient in DRAWS]
    for row in held:
        row["setting"] = US.id if row["patient_id"] == "named" else None
    patients = [{"patient_id": patient, "site": site} for patient, site in SITES.items()]
    return opened(labs, held, patients=patients)


def statuses(found):
    """{patient: (status before, dose before, status after, dose after)}."""
    names = ["status_before", "dose_before", "status_after", "dose_after"]
    frame = found.statuses.astype(object).where(found.statuses.notna(), None)
    return {row["patient_id"]: tuple(row[name] for name in names) for row in frame.to_dict("records")}


def decided(found, patient):
    """[(day, moment, action before, action after)] of a patient, the earliest first."""
    rows = found.decisions[found.decisions["patient_id"].eq(patient)].iloc[::-1]
    rows = rows.astype(object).where(rows.notna(), None)
    return [
        (row["decided_on"].day, row["moment"], row["action_before"], row["action_after"])
        for row in rows.to_dict("records")
    ]


# ---------------------------------------------------------------- worked out by hand


def test_only_the_patients_change_whom_another_clause_or_threshold_judges(ward):
    found = compare(ward, in_place(SHIPPED, GUIDELINE.id, ELN), DAY)
    assert statuses(found) == {
        "slow": ("reduce", 80, "resume", 100),
        "boundary": ("resume", 100, "keep_holding", 0),
    }


def test_another_dose_alone_is_a_change_too(ward):
    first, reduce, rest = GUIDELINE.recovery
    lower = GUIDELINE.model_copy(
        update={"recovery": (first, reduce.model_copy(update={"dose": Dose(rule="fixed", amount=50.0)}), rest)}
    )
    found = compare(ward, in_place(SHIPPED, GUIDELINE.id, lower), DAY)
    assert statuses(found) == {"slow": ("reduce", 80, "reduce", 50)}
    assert decided(found, "slow") == [(25, "recovery", "reduce", "reduce")]
    (row,) = found.clauses.to_dict("records")
    assert row["asked_before"].endswith("reduce, the next lower level") and row["asked_after"].endswith("reduce, 50 mg")


def test_the_reason_says_what_each_table_said_and_by_which_clause(ward):
    found = compare(ward, in_place(SHIPPED, GUIDELINE.id, ELN), DAY)
    why = found.statuses.set_index("patient_id")["why"]
    old, new = why["slow"].split(" New table: ", 1)
    assert old.startswith("Old table: Reduce dasatinib to 80 mg: Recovered on 25 January 2026")
    assert "days of low ANC 14 (above 7)" in old
    assert new.startswith("Resume dasatinib at 100 mg: Recovered on 25 January 2026")
    assert "clause 2 (days of low ANC above 7: reduce, the next lower level)" in new
    assert "clause 4 (otherwise: resume, the starting dose)" in new
    assert "is not above 1,000" in why["boundary"]


def test_a_decision_that_one_table_alone_takes_is_listed_with_the_state_of_the_other(ward):
    found = compare(ward, in_place(SHIPPED, GUIDELINE.id, ELN), DAY)
    assert decided(found, "slow") == [(25, "recovery", "reduce", "resume")]
    assert decided(found, "boundary") == [(15, "recovery", "resume", None)]
    assert decided(found, "later") == [(15, "recovery", "resume", None), (20, "recovery", None, "resume")]
    assert decided(found, "above") == decided(found, "named") == []
    why = found.decisions.set_index(["patient_id", found.decisions["decided_on"].dt.day])["why"]
    assert "Old table: Nothing: no episode is open" in why["later", 20]
    (row,) = found.decisions[found.decisions["patient_id"].eq("boundary")].to_dict("records")
    assert "Nothing: an episode is open" in row["why"] and "resume: ANC above 1,000" in row["why"]
    back = compare(ward, in_place(SHIPPED, ELN.id, ELN), DAY)
    assert back.is_nothing


def test_clause_by_clause_every_changed_decision_is_counted_once(ward):
    found = compare(ward, in_place(SHIPPED, GUIDELINE.id, ELN), DAY)
    moved = {
        (row["moment"], row["clause_before"], row["action_before"], row["action_after"]): row["decisions"]
        for row in found.clauses.to_dict("records")
        if row["action_before"] == "reduce"
    }
    assert moved == {("recovery", 2, "reduce", "resume"): 1}
    (waits,) = found.clauses[found.clauses["action_after"].isna()].to_dict("records")
    assert (waits["clause_before"], waits["action_before"], waits["decisions"]) == (1, "resume", 2)
    assert found.clauses["decisions"].sum() == len(found.decisions) == 4
    assert (found.more("reduce"), found.more("resume"), found.more("hold"), found.patients_affected) == (-1, 0, 0, 3)
    assert found.courses["courses"].sum() == len(DRAWS)


def test_a_course_that_no_protocol_fits_any_more_and_the_other_way_round(ward):
    without = tuple(protocol for protocol in SHIPPED if protocol.id != US.id)
    found = compare(ward, without, DAY)
    assert statuses(found) == {"named": ("hold", 0, "no_protocol", None)}
    (row,) = found.statuses.to_dict("records")
    assert row["drug"] == "dasatinib"
    assert 'No protocol fits dasatinib in the setting "dasatinib-cp-us".' in row["why"]
    assert decided(found, "named") == [(11, "onset", "hold", None)]
    write_tables(ward, without)
    found = compare(ward, SHIPPED, DAY)
    assert statuses(found) == {"named": ("no_protocol", None, "hold", 0)}
    assert decided(found, "named") == [(11, "onset", None, "hold")]


def two_courses(protocols=SHIPPED):
    """A patient who changes from the default to a named setting, and one who is on another drug beside it."""
    labs = [lab("P", "anc", 3000, 1), lab("P", "anc", 400, 20), lab("Q", "anc", 400, 20)]
    doses = [exposure("P", 1, 9), exposure("P", 10, setting=US.id), exposure("Q", 1, setting=US.id)]
    return opened(labs, [*doses, exposure("Q", 1, drug="mercaptopurine")], protocols=protocols)


def test_of_two_courses_of_a_drug_only_the_one_without_protocol_is_lost():
    without = tuple(protocol for protocol in SHIPPED if protocol.id != US.id)
    found = compare(two_courses(), without, DAY)
    rows = found.statuses[["patient_id", "drug", "protocol_before", "status_before", "status_after"]]
    assert sorted(rows.values.tolist()) == [
        ["P", "dasatinib", US.id, "hold", "no_protocol"],
        ["Q", "dasatinib", US.id, "hold", "no_protocol"],
    ]
    assert found.courses["courses"].sum() == 4


def test_two_courses_that_become_one_stand_each_beside_it():
    one = GUIDELINE.model_copy(update={"setting": US.id})
    joined = tuple(one if protocol is GUIDELINE else protocol for protocol in SHIPPED if protocol is not US)
    found = compare(two_courses(), joined, DAY)
    rows = found.statuses[found.statuses["patient_id"].eq("P")]
    assert rows[["protocol_before", "status_before", "protocol_after", "status_after"]].values.tolist() == [
        [GUIDELINE.id, "keep_holding", GUIDELINE.id, "hold"]
    ]
    assert decided(found, "P") == []  # the hold of 20 January stays
    assert found.courses["courses"].sum() == 4


def test_only_the_patients_of_the_sites_that_may_be_seen(ward):
    others = in_place(SHIPPED, GUIDELINE.id, ELN)
    north = compare(ward, others, DAY, sites=("North",))
    assert statuses(north).keys() == {"slow"}
    assert {*north.decisions["patient_id"]} == {"slow"}
    assert north.clauses["decisions"].sum() == 1
    assert north.courses["courses"].sum() == 2
    assert north.actions["before"].sum() == 4  # a hold and a recovery each of slow and above
    nowhere = compare(ward, others, DAY, sites=())
    assert nowhere.is_nothing and nowhere.courses.empty and nowhere.actions.empty


def test_what_was_known_on_an_earlier_day_decides(ward):
    found = compare(ward, in_place(SHIPPED, GUIDELINE.id, ELN), date(2026, 1, 15))
    held = "resume", 100, "keep_holding", 0
    assert statuses(found) == {"boundary": held, "later": held}


def test_nothing_is_left_behind_and_the_tables_stay_as_they_are(ward):
    tables = "SELECT table_catalog, table_name FROM information_schema.tables ORDER BY ALL"
    before = ward.execute(tables).fetchall(), ward.execute("FROM clauses ORDER BY ALL").fetchall()
    compare(ward, in_place(SHIPPED, GUIDELINE.id, ELN), DAY)
    assert (ward.execute(tables).fetchall(), ward.execute("FROM clauses ORDER BY ALL").fetchall()) == before


def test_progress_goes_up_to_the_end(ward):
    told = []
    compare(ward, SHIPPED, DAY, on_step=told.append)
    assert told == sorted(told) and told[0] > 0 and told[-1] == 1
    assert 0.5 in told


def test_a_number_of_days_beyond_the_calendar_is_refused_in_one_line(ward):
    for days in (2**31 - 1, 10**30):
        lines = tuple(line.model_copy(update={"every_days": days}) for line in ELN.monitoring)
        endless = ELN.model_copy(update={"monitoring": lines})
        with pytest.raises(ProtocolError, match=r"^the protocols cannot be applied: .+$"):
            compare(ward, in_place(SHIPPED, GUIDELINE.id, endless), DAY)


# ---------------------------------------------------------------- in its place


def test_the_replacement_takes_the_name_and_the_patients_of_the_one_replaced():
    others = in_place(SHIPPED, GUIDELINE.id, ELN)
    new = {protocol.id: protocol for protocol in others}
    assert [protocol.id for protocol in others] == [protocol.id for protocol in SHIPPED]
    taken = new[GUIDELINE.id]
    for name in ("id", "setting", "default", "requires", "drug"):
        assert getattr(taken, name) == getattr(GUIDELINE, name)
    assert (taken.recovery, taken.anc) == (ELN.recovery, ELN.anc)
    assert new[ELN.id] is ELN


def test_a_table_of_another_drug_or_of_an_unknown_name_is_refused():
    with pytest.raises(ProtocolError, match="drug: is clozapine, but dasatinib-guideline is for dasatinib"):
        in_place(SHIPPED, GUIDELINE.id, BY_ID["clozapine-us"])
    with pytest.raises(ProtocolError, match="no-such: there is no protocol of this id"):
        in_place(SHIPPED, "no-such", ELN)


# ---------------------------------------------------------------- against two evaluations


def rows_by_course(result):
    rows = result.worklist.dropna(subset=["protocol"])
    rows = rows.astype(object).where(rows.notna(), None)
    return {
        (row["patient_id"], row["drug"], row["protocol"]): (row["status"], row["dose_mg"])
        for row in rows.to_dict("records")
    }


def decisions_by_day(result):
    rows = result.recommendations.astype(object).where(result.recommendations.notna(), None)
    days = {}
    for row in rows.to_dict("records"):
        key = row["patient_id"], row["drug"], row["protocol"], row["decided_on"], row["during"] is not None
        days.setdefault(key, Counter())[row["action"], row["dose_mg"]] += 1
    return days


def assert_is_two_evaluations(found, before, after):
    """Where the protocols have the same names on both sides, a course is known by its patient, drug and protocol."""
    old, new = rows_by_course(before), rows_by_course(after)
    lost = "no_protocol", None
    expected = {
        course: (*old.get(course, lost), *new.get(course, lost))
        for course in old.keys() | new.keys()
        if old.get(course, lost) != new.get(course, lost)
    }
    names = ["status_before", "dose_before", "status_after", "dose_after"]
    rows = found.statuses.astype(object).where(found.statuses.notna(), None).to_dict("records")
    listed = {
        (row["patient_id"], row["drug"], row["protocol_before"] or row["protocol_after"]): tuple(map(row.get, names))
        for row in rows
    }
    assert listed == expected and len(rows) == len(expected)
    old, new = decisions_by_day(before), decisions_by_day(after)
    different = {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)}
    rows = found.decisions.astype(object).where(found.decisions.notna(), None).to_dict("records")
    assert different == {
        (row["patient_id"], row["drug"], row["protocol_before"] or row["protocol_after"], row["decided_on"],
         row["moment"] == "draw")
        for row in rows
    }  # fmt: skip
    once = ["patient_id", "drug", "protocol_before", "protocol_after", "decided_on", "moment"]
    assert not found.decisions.duplicated(once).any()
    assert found.clauses["decisions"].sum() == len(rows)
    for action in ("hold", "reduce", "resume", "review", "discontinue"):
        counted = [(result.recommendations["action"] == action).sum() for result in (before, after)]
        assert found.more(action) == counted[1] - counted[0]


@pytest.fixture(scope="module")
def given():
    return vars(wards.hospital(range(100)))


@pytest.fixture(scope="module")
def in_force(given):
    """{day: what the shipped protocols say of these patients on it}."""
    return {day: leuko.evaluate(**given, protocols=SHIPPED, as_of=day) for day in (EARLY, LATE)}


@pytest.fixture(scope="module")
def connection(given):
    con = duckdb.connect()
    sources.read_frames(con, **given)
    write_tables(con, SHIPPED)
    return con


@pytest.mark.parametrize(
    ("replaced", "replacement", "day"),
    [(GUIDELINE, US, EARLY), (GUIDELINE, ELN, LATE), (GUIDELINE, EU, EARLY), (US, ELN, LATE), (US, GUIDELINE, LATE)],
    ids=lambda each: getattr(each, "id", str(each)),
)
def test_versions_of_dasatinib_as_two_evaluations_say(given, in_force, connection, replaced, replacement, day):
    others = in_place(SHIPPED, replaced.id, replacement)
    found = compare(connection, others, day)
    assert_is_two_evaluations(found, in_force[day], leuko.evaluate(**given, protocols=others, as_of=day))
    assert not found.is_nothing


@pytest.mark.parametrize("seed", range(2))
def test_random_wards_and_made_up_protocols_as_two_evaluations_say(seed):
    ward = cohorts.ward(seed, 100)
    protocols = hospital.read_protocols(ward.protocols)
    con = opened(ward.labs, ward.exposures, ward.events, ward.patients, protocols)
    before = hospital.evaluate(ward)
    assert compare(con, protocols, ward.as_of).is_nothing
    by_id = {protocol.id: protocol for protocol in protocols}
    pairs = [("a-guideline", "e-null"), ("f-persisting", "g-steps")]
    for replaced, replacement in pairs:
        others = in_place(protocols, replaced, by_id[replacement])
        after = leuko.evaluate(
            connection=hospital.admit(ward.labs, ward.exposures, ward.events, ward.patients),
            protocols=others, as_of=ward.as_of,
        )  # fmt: skip
        assert_is_two_evaluations(compare(con, others, ward.as_of), before, after)
    fewer = tuple(protocol for protocol in protocols if protocol.id != "b-chronic")
    after = leuko.evaluate(
        connection=hospital.admit(ward.labs, ward.exposures, ward.events, ward.patients),
        protocols=fewer, as_of=ward.as_of,
    )  # fmt: skip
    found = compare(con, fewer, ward.as_of)
    assert_is_two_evaluations(found, before, after)
    assert found.statuses["status_after"].eq("no_protocol").any()


def test_a_set_beside_itself_changes_nothing(ward):
    found = compare(ward, SHIPPED, DAY)
    assert found.is_nothing and found.clauses.empty and found.patients_affected == 0
    assert found.actions["before"].tolist() == found.actions["after"].tolist()
    for name, frame in found.tables().items():
        assert frame.empty and tuple(frame.columns) == COLUMNS[name]


# ---------------------------------------------------------------- the published file and the command line


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    folder = tmp_path_factory.mktemp("difference")
    files = wards.hospital(range(40)).write(folder)
    options = [text for name, path in files.items() for text in (f"--{name}", str(path))]
    assert main(["load", *options, "--db", str(folder / "ward.duckdb")]) == 0
    return folder / "ward.duckdb"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder of protocols in which the ELN table stands under the guideline's name."""
    folder = tmp_path_factory.mktemp("protocols")
    shipped = leuko.protocols.SHIPPED
    for file in shipped.glob("*.toml"):
        (folder / file.name).write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
    eln = (shipped / "dasatinib-cp-eln.toml").read_text(encoding="utf-8")
    for line, instead in {
        'id = "dasatinib-cp-eln"': f'id = "{GUIDELINE.id}"',
        'setting = "chronic phase CML, adult (ELN 2016)"': f'setting = "{GUIDELINE.setting}"\ndefault = true',
    }.items():
        assert eln.count(line) == 1
        eln = eln.replace(line, instead)
    (folder / "dasatinib-guideline.toml").write_text(eln, encoding="utf-8")
    return folder


@pytest.fixture
def run(capsys):
    def run_leuko(*arguments):
        try:
            status = main([str(argument) for argument in arguments])
        except SystemExit as left:
            status = left.code
        return status, capsys.readouterr().err.splitlines()

    return run_leuko


def records(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def by_course(folder):
    rows = [row for row in records(folder / "worklist.csv") if row["protocol"]]
    return {(row["patient_id"], row["drug"], row["protocol"]): (row["status"], row["dose_mg"]) for row in rows}


@pytest.mark.parametrize("day", [[], ["--as-of", "2024-02-01"]])
def test_the_command_writes_what_two_evaluations_compared_say(database, folder, run, tmp_path, day):
    assert run("diff", "--db", database, "--protocols", folder, *day, "--out", tmp_path / "diff") == (0, [])
    assert run("evaluate", "--db", database, *day, "--out", tmp_path / "before")[0] == 0
    assert run("evaluate", "--db", database, "--protocols", folder, *day, "--out", tmp_path / "after")[0] == 0
    old, new = by_course(tmp_path / "before"), by_course(tmp_path / "after")
    expected = Counter((*course[:2], old[course][0], new[course][0], old[course][1], new[course][1])
                       for course in old if old[course] != new[course])  # fmt: skip
    rows = records(tmp_path / "diff" / "diff.csv")
    assert Counter(tuple(row.values())[:6] for row in rows) == expected and expected
    assert all(row["why"] for row in rows)


def test_the_files_have_the_fixed_names_and_columns(database, folder, run, tmp_path):
    assert run("diff", "--db", database, "--protocols", folder, "--out", tmp_path)[0] == 0
    heads = {path.name: path.read_text(encoding="utf-8").splitlines()[0] for path in tmp_path.iterdir()}
    assert heads == {f"{name}.csv": ",".join(columns) for name, columns in COLUMNS.items()}
    assert heads["diff.csv"] == "patient_id,drug,status_before,status_after,dose_before,dose_after,why"
    for row in records(tmp_path / "decisions.csv"):
        assert date.fromisoformat(row["decided_on"]) and row["action_before"] != "nan"


def test_the_shipped_protocols_beside_those_of_the_file_change_nothing(database, run, tmp_path):
    assert run("diff", "--db", database, "--protocols", leuko.protocols.SHIPPED, "--out", tmp_path) == (0, [])
    assert [len(records(path)) for path in tmp_path.iterdir()] == [0, 0, 0]


def test_what_is_refused_and_what_is_wrong_usage(database, folder, run, tmp_path):
    out = tmp_path / "out"
    status, lines = run("diff", "--db", tmp_path / "none.duckdb", "--protocols", folder, "--out", out)
    assert status == 1 and len(lines) == 1 and "there is no database here" in lines[0]
    status, lines = run("diff", "--db", database, "--protocols", tmp_path / "none", "--out", out)
    assert status == 1 and len(lines) == 1 and "no such folder" in lines[0]
    (tmp_path / "faulty.toml").write_text('id = "x"\n', encoding="utf-8")
    status, lines = run("diff", "--db", database, "--protocols", tmp_path, "--out", out)
    assert status == 1 and lines and all(line.startswith("faulty.toml: ") for line in lines)
    assert run("diff", "--db", database, "--protocols", folder)[0] == 2
    assert run("diff", "--db", database, "--out", out)[0] == 2
    assert run("diff", "--db", database, "--protocols", folder, "--as-of", "yesterday", "--out", out)[0] == 2
    assert not out.exists()


def test_a_reader_sees_only_his_sites_with_their_names(database, folder):
    protocols = leuko.load_protocols(folder)
    store = Store(database)
    everything, north = store.view().difference(protocols), store.view(Sight(("North",))).difference(protocols)
    with store.cursor() as cursor:
        seen = {one for (one,) in cursor.execute("SELECT patient_id FROM patients WHERE site = 'North'").fetchall()}
    store.close()
    changed = everything.statuses
    assert {*north.statuses["patient_id"]} == {*changed["patient_id"]} & seen
    assert 0 < len(north.statuses) < len(changed)
    assert north.statuses["name"].str.startswith("Name ").all()


def test_an_earlier_day_of_the_file_is_the_comparison_of_that_day(database, folder):
    protocols, day = leuko.load_protocols(folder), date(2024, 1, 20)
    store = Store(database)
    now, then = store.view().difference(protocols), store.view(as_of=day).difference(protocols)
    store.close()
    assert (then.decisions["decided_on"] <= pandas.Timestamp(day)).all() and len(then.decisions)
    assert (now.decisions["decided_on"] > pandas.Timestamp(day) + timedelta(days=1)).any()
