"""`python -m leuko`: exit status, one clear line an error, and the CSV files that other programs read."""

import csv
import itertools
import re
import subprocess
import sys
import types
from contextlib import closing
from datetime import date
from pathlib import Path

import duckdb
import pandas
import pytest

import leuko
from leuko.__main__ import main
from leuko.store import Filters, Store
from tests import cohorts, hostile, wards

COLUMNS = {
    "episodes": "patient_id,drug,protocol,episode,onset_on,recovered_on,trigger,anc_nadir,platelets_nadir,"
    "days_below,days_to_recovery,dose_at_onset_mg,cause",
    "recommendations": "patient_id,drug,protocol,episode,decided_on,action,dose_mg,clause,certainty,why,during",
    "worklist": "patient_id,drug,protocol,status,dose_mg,since,last_anc,last_anc_on,next_lab_due_on,"
    "certainty,why,mismatch",
    "alerts": "patient_id,drug,kind,since,why,source,url",
    "rejected": "source,raw_record,reason,patient_id,kind",
}
AUDIT = {
    "measures": "measure,by,group,population,met,not_met,excluded,cannot_tell,rate,lower,upper,median_days,p90_days",
    "deviations": "measure,patient_id,drug,episode,ending,reason,due_on,happened_on",
}
AUDIT_FILES = {"measures.csv", "deviations.csv", "report.html", "deviations.xlsx"}
DAY = "2024-01-20"
NO_DOSES = {"exposures": "patient_id,drug,dose_mg,start_on\n"}


@pytest.fixture(scope="module")
def hospital():
    return wards.hospital(range(12))


@pytest.fixture(scope="module")
def files(hospital, tmp_path_factory):
    return hospital.write(tmp_path_factory.mktemp("files"))


@pytest.fixture(scope="module")
def db(files, tmp_path_factory):
    path = tmp_path_factory.mktemp("db") / "leuko.duckdb"
    assert main(["load", *options(files), "--db", str(path)]) == 0
    return path


@pytest.fixture(scope="module")
def written(files, tmp_path_factory):
    """The folder that `evaluate` writes from files."""
    out = tmp_path_factory.mktemp("out")
    assert main(["evaluate", *options(files), "--out", str(out)]) == 0
    return out


@pytest.fixture
def run(capsys):
    """`run(*arguments)` gives the exit status and the lines on standard error."""

    def run_leuko(*arguments):
        capsys.readouterr()
        try:
            status = main([str(argument) for argument in arguments])
        except SystemExit as left:
            status = left.code
        return status, capsys.readouterr().err.splitlines()

    return run_leuko


def options(files):
    return [text for name, path in files.items() for text in (f"--{name}", str(path))]


def answers(folder):
    return {name: (folder / f"{name}.csv").read_text(encoding="utf-8") for name in COLUMNS}


def records(folder, name):
    with open(folder / f"{name}.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


# ---- evaluate ----------------------------------------------------------------------------------


def test_the_files_have_the_fixed_names_and_columns(written):
    assert {path.name for path in written.iterdir()} == {f"{name}.csv" for name in COLUMNS}
    for name, columns in COLUMNS.items():
        assert (written / f"{name}.csv").read_text(encoding="utf-8").splitlines()[0] == columns


def test_days_are_iso_dates_numbers_plain_and_nothing_is_empty(written):
    for name in ("episodes", "recommendations", "worklist"):
        rows = records(written, name)
        assert rows
        for row in rows:
            for column, cell in row.items():
                if column.endswith("_on") or column == "since":
                    assert re.fullmatch(r"(\d{4}-\d\d-\d\d)?", cell), (column, cell)
                if column.endswith(("_mg", "_nadir", "_below", "_recovery", "episode", "clause", "last_anc")):
                    assert re.fullmatch(r"(0|[1-9]\d*)?(\.\d*[1-9])?", cell), (column, cell)
                assert cell not in ("NULL", "None", "nan", "NaT")
    assert any(row["recovered_on"] == "" for row in records(written, "episodes"))


def test_a_number_is_written_in_full_and_without_a_needless_point(tiny, run, tmp_path):
    files = tiny(labs="patient_id,analyte,value,unit,collected_at\nA,anc,0.4999999,10*9/L,2024-01-02\n")
    run("evaluate", *options(files), "--out", tmp_path)
    (episode,) = records(tmp_path, "episodes")
    assert (episode["anc_nadir"], episode["dose_at_onset_mg"], episode["cause"]) == ("499.9999", "100", "")


@pytest.mark.parametrize("as_of", [None, DAY])
def test_files_a_database_and_frames_give_the_same_answer(hospital, files, db, run, tmp_path, as_of):
    day = ["--as-of", as_of] if as_of else []
    for name, source in {"files": options(files), "db": ["--db", db]}.items():
        assert run("evaluate", *source, *day, "--out", tmp_path / name)[0] == 0
    assert answers(tmp_path / "files") == answers(tmp_path / "db")
    result = leuko.evaluate(**vars(hospital), as_of=date.fromisoformat(as_of) if as_of else None)
    for name in ("episodes", "recommendations", "worklist"):
        columns = COLUMNS[name].split(",")
        frame = getattr(result, name)[columns].astype(object)
        expected = [[plain(cell) for cell in row] for row in frame.values.tolist()]
        assert [list(row.values()) for row in records(tmp_path / "db", name)] == expected
    assert len(records(tmp_path / "db", "rejected")) == len(result.rejected)


def plain(cell):
    if pandas.isna(cell):
        return ""
    if isinstance(cell, pandas.Timestamp):
        return f"{cell:%Y-%m-%d}"
    return str(int(cell)) if isinstance(cell, float) and cell == int(cell) else str(cell)


def test_as_of_replays_a_past_day(hospital, db, run, tmp_path):
    run("evaluate", "--db", db, "--as-of", DAY, "--out", tmp_path)
    known = leuko.evaluate(**hospital.known_by(date.fromisoformat(DAY)), as_of=date.fromisoformat(DAY))
    assert [row["why"] for row in records(tmp_path, "worklist")] == known.worklist["why"].tolist()


def test_other_protocols_decide_where_they_are_given(db, run, tmp_path):
    (tmp_path / "protocols").mkdir()
    cohorts.write_protocols([cohorts.MAINTENANCE], tmp_path / "protocols")
    run("evaluate", "--db", db, "--protocols", tmp_path / "protocols", "--out", tmp_path / "out")
    assert {row["protocol"] for row in records(tmp_path / "out", "worklist")} == {"", "d-maintenance"}


def test_an_evaluation_leaves_the_database_as_it_was(db, run, tmp_path):
    before = db.resolve().read_bytes()
    run("evaluate", "--db", db, "--as-of", DAY, "--out", tmp_path / "out")
    assert db.resolve().read_bytes() == before


# ---- load --------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["load", "evaluate"])
def test_the_number_of_rows_set_aside_is_said_on_standard_error(files, run, tmp_path, command):
    out = ["--db", tmp_path / "new.duckdb"] if command == "load" else ["--out", tmp_path]
    status, said = run(command, *options(files), *out)
    assert status == 0
    assert len(said) == 2
    assert re.fullmatch(r"\d+ rows were set aside at the load, each with its reason", said[0])
    assert re.fullmatch(r"\d+ loaded exposures fit no protocol and are judged by none", said[1])


def test_nothing_is_said_where_nothing_was_set_aside_and_one_row_is_one_row(tiny, run, tmp_path):
    assert run("load", *options(tiny()), "--db", tmp_path / "new.duckdb") == (0, [])
    files = tiny(exposures="patient_id,drug,dose_mg,start_on\nA,imatinib,100,2024-01-01\n")
    said = run("load", *options(files), "--db", tmp_path / "new.duckdb")
    assert said == (0, ["1 loaded exposure fits no protocol and is judged by none"])
    files = tiny(exposures="patient_id,drug,dose_mg,start_on\nA,imatinib,100,\nA,dasatinib,100,2024-01-01\n")
    said = run("load", *options(files), "--db", tmp_path / "new.duckdb")
    assert said == (0, ["1 row was set aside at the load, each with its reason"])


def test_a_folder_is_loaded_with_what_it_says_of_itself(tiny, run, tmp_path):
    folder = tiny()["labs"].parent
    (folder / "origin.toml").write_text('title = "A trial"\nsimulated = true\nnote = "Made up."\n')
    assert run("load", "--format", "csv", "--from", folder, "--db", tmp_path / "new.duckdb")[0] == 0
    about = Store(tmp_path / "new.duckdb").about
    assert (about.title, about.simulated, about.note) == ("A trial", True, "Made up.")


def test_a_dose_without_a_unit_has_the_one_named(tiny, run, tmp_path):
    run("load", *options(tiny()), "--dose-unit", "mg/m2", "--db", tmp_path / "new.duckdb")
    assert Store(tmp_path / "new.duckdb").view().worklist(Filters())["dose_unit"].tolist() == ["mg/m2"]


def test_a_load_is_evaluated_for_the_day_named(tiny, run, tmp_path):
    run("load", *options(tiny()), "--as-of", "2024-06-01", "--db", tmp_path / "new.duckdb")
    assert Store(tmp_path / "new.duckdb").about.as_of == date(2024, 6, 1)


# ---- audit -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def audited(db, tmp_path_factory):
    """The folder that `audit` writes."""
    out = tmp_path_factory.mktemp("audit")
    assert main(["audit", "--db", str(db), "--out", str(out)]) == 0
    return out


def test_the_audit_has_its_files_with_the_fixed_columns(audited):
    assert {path.name for path in audited.iterdir()} == AUDIT_FILES
    for name, columns in AUDIT.items():
        assert (audited / f"{name}.csv").read_text(encoding="utf-8").splitlines()[0] == columns


def test_the_audit_says_nothing_and_makes_its_folder(db, run, tmp_path):
    assert run("audit", "--db", db, "--out", tmp_path / "new" / "folder") == (0, [])
    assert (tmp_path / "new" / "folder" / "report.html").exists()


def test_measures_are_those_of_the_view_in_every_grouping(db, audited):
    store = Store(db)
    groupings = [store.view().measures(store.settings, by=by) for by in ("all", "site", "clinician", "drug", "month")]
    store.close()
    expected = [[plain(cell) for cell in row] for rows in groupings for row in rows.astype(object).values.tolist()]
    assert [list(row.values()) for row in records(audited, "measures")] == expected
    assert {row["by"] for row in records(audited, "measures")} == {"all", "site", "clinician", "drug", "month"}


def test_the_four_endings_add_up_in_every_row(audited):
    for row in records(audited, "measures"):
        endings = (int(row[ending]) for ending in ("met", "not_met", "excluded", "cannot_tell"))
        assert sum(endings) == int(row["population"])


def test_deviations_are_those_of_the_view_and_as_many_as_were_not_met(db, audited):
    store = Store(db)
    expected = store.view().deviations(store.settings).astype(object).values.tolist()
    store.close()
    rows = records(audited, "deviations")
    assert rows
    assert [list(row.values()) for row in rows] == [[plain(cell) for cell in row] for row in expected]
    together = [row for row in records(audited, "measures") if row["by"] == "all"]
    assert len(rows) == sum(int(row["population"]) - int(row["met"]) for row in together)
    assert all(row["reason"] and row["ending"] in ("not_met", "excluded", "cannot_tell") for row in rows)


def test_days_and_numbers_of_the_audit_are_plain(audited):
    for name in AUDIT:
        for row in records(audited, name):
            for column, cell in row.items():
                if column.endswith("_on"):
                    assert re.fullmatch(r"(\d{4}-\d\d-\d\d)?", cell), (column, cell)
                if column in ("population", "met", "rate", "lower", "upper", "median_days", "p90_days", "episode"):
                    assert re.fullmatch(r"(-?(0|[1-9]\d*)(\.\d*[1-9])?)?", cell), (column, cell)
                assert cell not in ("NULL", "None", "nan", "NaT", "<NA>")
    without = [row for row in records(audited, "measures") if row["met"] == row["not_met"] == "0"]
    assert without and all(row["rate"] == row["lower"] == row["upper"] == "" for row in without)


def test_an_audit_as_of_a_past_day_shows_what_was_known_then(hospital, db, run, tmp_path):
    (tmp_path / "known").mkdir()
    known = wards.Hospital(**hospital.known_by(date.fromisoformat(DAY))).write(tmp_path / "known")
    run("load", *options(known), "--as-of", DAY, "--db", tmp_path / "then.duckdb")
    assert run("audit", "--db", tmp_path / "then.duckdb", "--out", tmp_path / "then")[0] == 0
    assert run("audit", "--db", db, "--as-of", DAY, "--out", tmp_path / "replayed")[0] == 0
    for name in AUDIT:
        assert records(tmp_path / "replayed", name)
        assert records(tmp_path / "replayed", name) == records(tmp_path / "then", name)
    assert "As known on</dt><dd>20 January 2024" in (tmp_path / "replayed" / "report.html").read_text(encoding="utf-8")


def test_an_audit_leaves_the_database_as_it_was_and_says_the_same_again(db, audited, run, tmp_path):
    before = db.resolve().read_bytes()
    run("audit", "--db", db, "--as-of", DAY, "--out", tmp_path / "then")
    run("audit", "--db", db, "--out", tmp_path / "again")
    assert db.resolve().read_bytes() == before
    for name in AUDIT_FILES:
        assert (tmp_path / "again" / name).read_bytes() == (audited / name).read_bytes(), name


def test_settings_beside_the_database_are_in_force(files, run, tmp_path):
    (tmp_path / "settings.toml").write_text("hold_grace_days = 3650\n")
    run("load", *options(files), "--db", tmp_path / "new.duckdb")
    assert run("audit", "--db", tmp_path / "new.duckdb", "--out", tmp_path / "out")[0] == 0
    hold, *_ = records(tmp_path / "out", "measures")
    assert hold["measure"] == "hold_given" and int(hold["population"]) > 0
    late = [row for row in records(tmp_path / "out", "deviations") if row["reason"].startswith("done")]
    assert late and "hold_given" not in {row["measure"] for row in late}
    assert "3,650 days, changed" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_no_cell_of_the_audit_runs_in_a_spreadsheet(run, tmp_path):
    db = hostile.database(tmp_path)
    assert run("audit", "--db", db, "--out", tmp_path / "out")[0] == 0
    rows = [row for name in AUDIT for row in records(tmp_path / "out", name)]
    texts = [cell for row in rows for column, cell in row.items() if not column.endswith("_days")]
    assert not [cell for cell in texts if cell.startswith(tuple("=+-@\t\r"))]
    assert {"'=S8", "'=1+1", "'@West", "'+Dr Zero"} <= set(texts)


@pytest.mark.parametrize("installed", [True, False])
def test_a_pdf_is_written_where_it_can_be_and_else_the_way_to_it_is_said(db, run, tmp_path, monkeypatch, installed):
    drawn = types.SimpleNamespace(write_pdf=lambda: b"%PDF")
    weasyprint = types.SimpleNamespace(HTML=lambda **_: drawn) if installed else None
    monkeypatch.setitem(sys.modules, "weasyprint", weasyprint)
    monkeypatch.setitem(sys.modules, "weasyprint.urls", types.SimpleNamespace(URLFetcher=lambda **_: None))
    status, said = run("audit", "--db", db, "--out", tmp_path, "--pdf")
    written = {path.name for path in tmp_path.iterdir()}
    if installed:
        assert (status, said) == (0, [])
        assert written == AUDIT_FILES | {"report.pdf"}
    else:
        assert (status, len(said)) == (1, 1)
        assert "pip install" in said[0]
        assert written == AUDIT_FILES


def test_progress_is_said_on_a_terminal_only(db, run, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    status, said = run("audit", "--db", db, "--out", tmp_path)
    assert status == 0
    assert said == ["Reading the audit …", *(f"Writing {name} …" for name in (
        "measures.csv", "deviations.csv", "report.html", "deviations.xlsx",
    ))]  # fmt: skip


# ---- protocols ---------------------------------------------------------------------------------


def test_every_protocol_is_listed_with_what_it_says_and_rests_on(capsys):
    assert main(["protocols"]) == 0
    listed = {block.partition(":")[0]: block for block in capsys.readouterr().out.strip().split("\n\n")}
    assert list(listed) == [protocol.id for protocol in leuko.load_protocols()]
    assert "dasatinib, accelerated or blast phase CML, or Ph+ ALL, adult (US label)" in listed["dasatinib-advanced-us"]
    assert "hold: ANC below 500 (not verified) or platelets below 10,000" in listed["dasatinib-advanced-us"]
    assert "6 clauses, 3 of them not verified; 0 decisions at a draw" in listed["dasatinib-advanced-us"]
    assert "resume: ANC above 1,000 and platelets above 50,000" in listed["dasatinib-cp-eln"]
    assert "source: European LeukemiaNet 2016" in listed["dasatinib-cp-eln"]
    assert "(revised 2016)" in listed["dasatinib-cp-eln"]
    assert ", default, requires duffy_null true" in listed["clozapine-us-ben"]
    assert "1 decision at a draw" in listed["clozapine-us-ben"]


# ---- what is refused ---------------------------------------------------------------------------


@pytest.fixture
def tiny(tmp_path):
    """`tiny(labs="…")` writes the smallest files, or these texts instead."""

    def write(**texts):
        texts = {
            "labs": "patient_id,analyte,value,unit,collected_at\nA,anc,2,K/uL,2024-01-02\n",
            "exposures": "patient_id,drug,dose_mg,start_on\nA,dasatinib,100,2024-01-01\n",
        } | texts
        folder = tmp_path / "tiny"
        folder.mkdir(exist_ok=True)
        for name, text in texts.items():
            (folder / f"{name}.csv").write_text(text)
        return {name: folder / f"{name}.csv" for name in texts}

    return write


@pytest.mark.parametrize("command", ["load", "evaluate"])
@pytest.mark.parametrize(("texts", "missing", "says"), [
    ({}, "labs", "labs.csv: cannot be read"),
    ({}, "exposures", "exposures.csv: cannot be read"),
    ({"labs": "patient_id,analyte,unit,collected_at\n"}, None, "required column value is missing"),
    ({"events": "kind\nfever\n"}, None, "events.csv: required column patient_id is missing"),
    ({"labs": "patient_id,analyte,value,collected_at\n"} | NO_DOSES, None, "no day to evaluate"),
])  # fmt: skip
def test_a_file_that_cannot_be_used_is_refused_in_one_line(
    tiny, run, tmp_path, command, texts, missing, says
):
    files = tiny(**texts)
    if missing:
        files[missing].unlink()
    out = ["--db", tmp_path / "new.duckdb"] if command == "load" else ["--out", tmp_path / "out"]
    status, said = run(command, *options(files), *out)
    assert (status, len(said)) == (1, 1)
    assert says in said[0]
    assert not (tmp_path / "new.duckdb").exists()
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("origin", [b"title = ", b"title = '\xff'"])
def test_a_broken_origin_is_refused_in_one_line(tiny, run, tmp_path, origin):
    folder = tiny()["labs"].parent
    (folder / "origin.toml").write_bytes(origin)
    status, said = run("load", "--from", folder, "--db", tmp_path / "new.duckdb")
    assert (status, len(said)) == (1, 1)
    assert said[0].startswith("origin.toml: not a TOML file")


@pytest.mark.parametrize("command", ["evaluate", "protocols"])
@pytest.mark.parametrize(("name", "text", "says"), [
    (None, None, "no such folder"), ("notes.txt", "", "no protocol file"),
    ("a.toml", "id = ", "is not valid TOML"), ("a.toml", 'id = "a"\n', "a.toml: drug:"),
])  # fmt: skip
def test_protocols_that_cannot_be_used_are_refused_with_one_line_a_fault(
    db, run, tmp_path, command, name, text, says
):
    folder = tmp_path / "protocols"
    if name:
        folder.mkdir()
        (folder / name).write_text(text)
    out = ["--db", db, "--out", tmp_path / "out"] if command == "evaluate" else []
    status, said = run(command, "--protocols", folder, *out)
    assert status == 1
    assert any(says in line for line in said)
    assert all(line.startswith(("a.toml: ", f"{folder}: ")) for line in said)
    assert not (tmp_path / "out").exists()


def test_a_database_that_leuko_did_not_publish_is_refused_in_one_line(run, tmp_path):
    (tmp_path / "text.duckdb").write_text("patient_id\n")
    with duckdb.connect(str(tmp_path / "foreign.duckdb")) as con:
        con.execute("CREATE TABLE labs (cat TEXT)")
    for name, command in itertools.product(("none", "text", "foreign"), ("evaluate", "audit")):
        status, said = run(command, "--db", tmp_path / f"{name}.duckdb", "--out", tmp_path / "out")
        assert (status, len(said)) == (1, 1)
        assert f"{name}.duckdb: " in said[0]


@pytest.mark.parametrize("command", ["load", "audit"])
def test_settings_that_cannot_be_used_are_refused_with_one_line_a_fault(tiny, run, tmp_path, command):
    if command == "audit":
        run("load", *options(tiny()), "--db", tmp_path / "new.duckdb")
    (tmp_path / "settings.toml").write_text("hold_grace = 2\ncause_within_days = true\n")
    rest = ["--out", tmp_path / "out"] if command == "audit" else options(tiny())
    status, said = run(command, "--db", tmp_path / "new.duckdb", *rest)
    assert (status, len(said)) == (1, 2)
    assert all(line.startswith("settings.toml: ") for line in said)
    assert not (tmp_path / "out").exists()


def test_a_load_onto_a_file_of_another_is_refused_in_one_line(tiny, run, tmp_path):
    (tmp_path / "thesis.txt").write_text("a thesis")
    status, said = run("load", *options(tiny()), "--db", tmp_path / "thesis.txt")
    assert (status, len(said)) == (1, 1)
    assert (tmp_path / "thesis.txt").read_text() == "a thesis"


@pytest.mark.parametrize("command", ["evaluate", "audit"])
def test_an_output_that_cannot_be_written_is_refused_in_one_line(db, run, tmp_path, command):
    (tmp_path / "out").write_text("a file")
    status, said = run(command, "--db", db, "--out", tmp_path / "out")
    assert (status, len(said)) == (1, 1)
    assert "could not finish" in said[0]


@pytest.mark.parametrize("arguments", [
    [], ["audits"], ["load"], ["load", "--db", "x"], ["load", "--db", "x", "--labs", "l"],
    ["load", "--db", "x", "--from", "d", "--labs", "l"],
    ["load", "--db", "x", "--from", "d", "--format", "xls"],
    ["load", "--labs", "l", "--exposures", "e"],
    ["load", "--from", "d", "--db", "x", "--as-of", "2024-13-01"],
    ["evaluate", "--out", "o"], ["evaluate", "--db", "x"], ["evaluate", "--labs", "l", "--out", "o"],
    ["evaluate", "--db", "x", "--labs", "l", "--out", "o"],
    ["evaluate", "--db", "x", "--events", "e", "--out", "o"],
    ["evaluate", "--db", "x", "--labs", "l", "--exposures", "e", "--out", "o"],
    ["evaluate", "--db", "x", "--out", "o", "--as-of", "1 March"],
    ["evaluate", "--db", "x", "--out", "o", "--as-of", "2024-03-01T08:00"], ["protocols", "--db", "x"],
    ["audit", "--db", "x"], ["audit", "--out", "o"], ["audit", "--db", "x", "--out", "o", "--as-of", "1 March"],
    ["audit", "--db", "x", "--out", "o", "--labs", "l"],
], ids=" ".join)  # fmt: skip
def test_wrong_usage_is_status_2_with_the_usage_and_one_line(run, tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    status, said = run(*arguments)
    assert status == 2
    assert said[0].startswith("usage: python -m leuko")
    assert "error:" in said[-1]
    assert not list(tmp_path.iterdir())


def test_the_program_leaves_with_its_status_and_without_a_traceback(tmp_path):
    def leave(*arguments):
        ran = subprocess.run(
            [sys.executable, "-m", "leuko", *map(str, arguments)],
            capture_output=True, text=True, check=False, cwd=Path(leuko.__file__).parents[1],
        )  # fmt: skip
        assert "Traceback" not in ran.stderr
        return ran.returncode

    assert leave("protocols") == 0
    assert leave("protocols", "--protocols", tmp_path / "none") == 1
    assert leave("protocols", "--colour") == 2


@pytest.mark.parametrize("command", ["evaluate", "audit"])
@pytest.mark.parametrize(("origin", "told"), [("simulated = true\n", True), ("simulated = false\n", False)])
def test_what_is_written_of_simulated_data_says_so_beside_the_tables(tmp_path, command, origin, told):
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "labs.csv").write_text("patient_id,analyte,value,unit,collected_at\nA,anc,400,/uL,2024-01-05\n")
    (folder / "exposures.csv").write_text("patient_id,drug,dose_mg,start_on\nA,dasatinib,100,2024-01-01\n")
    (folder / "origin.toml").write_text(f'title = "A made-up ward"\nnote = "Nobody is real."\n{origin}')
    database, out = tmp_path / "ward.duckdb", tmp_path / "out"
    assert main(["load", "--from", str(folder), "--db", str(database)]) == 0
    assert main([command, "--db", str(database), "--out", str(out)]) == 0
    file = out / "SIMULATED.txt"
    assert file.exists() == told
    assert not told or file.read_text(encoding="utf-8") == "A made-up ward. Nobody is real.\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--format", "fhir", "--labs", "labs.csv", "--exposures", "exposures.csv"],
        ["--mapping", "m.toml", "--labs", "labs.csv", "--exposures", "exposures.csv"],
        ["--format", "omop", "--mapping", "m.toml", "--from", "folder"],
        ["--format", "hl7", "--from", "folder"],
        ["--codes", "own.csv", "--from", "folder"],
        ["--codes", "own.csv", "--format", "omop", "--from", "folder"],
        ["--codes", "own.csv", "--mapping", "m.toml", "--from", "folder"],
        ["--codes", "own.csv", "--labs", "labs.csv", "--exposures", "exposures.csv"],
    ],
)
def test_a_format_and_a_mapping_need_a_folder_and_exclude_each_other(tmp_path, arguments):
    with pytest.raises(SystemExit) as wrong:
        main(["load", *arguments, "--db", str(tmp_path / "ward.duckdb")])
    assert wrong.value.code == 2


@pytest.mark.parametrize("given", [["--format", "fhir"], ["--format", "omop"], ["--mapping", "m.toml"]])
def test_a_folder_that_is_not_there_is_refused_in_one_line(tmp_path, capsys, given):
    assert main(["load", *given, "--from", str(tmp_path / "none"), "--db", str(tmp_path / "ward.duckdb")]) == 1
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and told.strip()


def test_a_site_names_its_own_fhir_codes(tmp_path, capsys):
    folder, codes, database = tmp_path / "export", tmp_path / "own.csv", tmp_path / "ward.duckdb"
    folder.mkdir()
    (folder / "a.ndjson").write_text(
        '{"resourceType": "Observation", "status": "final", "subject": {"reference": "Patient/P1"}, '
        '"code": {"coding": [{"system": "urn:lab", "code": "NEUT"}]}, "effectiveDateTime": "2024-03-01", '
        '"valueQuantity": {"value": 0.4, "code": "10*9/L"}}\n'
    )
    codes.write_text("system,code,analyte\nurn:lab,NEUT,anc\n")
    given = ["load", "--format", "fhir", "--from", str(folder), "--db", str(database)]
    assert main(given) == 1, "of an unknown code there is no day to evaluate"
    assert main([*given, "--codes", str(codes)]) == 0
    with closing(duckdb.connect(str(database), read_only=True)) as con:
        assert con.execute("SELECT analyte, value FROM labs").fetchall() == [("anc", 400)]
        assert con.execute("SELECT file FROM load_files ORDER BY file").fetchall() == [("a.ndjson",), ("own.csv",)]
    capsys.readouterr()
    codes.write_text("system,code,analyte\nurn:lab,NEUT,neutros\n")
    assert main([*given, "--codes", str(codes)]) == 1
    assert capsys.readouterr().err == "own.csv row 1: code NEUT has the unknown analyte neutros\n"


def test_how_the_files_of_a_mapping_were_read_is_said(tmp_path, capsys):
    folder = tmp_path / "export"
    folder.mkdir()
    (folder / "export.csv").write_bytes("Fall;Tag;Wert\nMüller;3;0,45\n".encode("windows-1252"))
    (folder / "more.csv").write_text("a\n")
    mapping = """
[files.raw]
file = "export.csv"
numbers = ["Wert"]
base_date = 2000-01-01
base_date_is = "day 0 of each patient"
[labs]
select = '''SELECT Fall AS patient_id, 'anc' AS analyte, Wert AS value, 'G/L' AS unit,
base_date + CAST(Tag AS INTEGER) AS collected_at, row_number AS source FROM raw'''
"""
    (tmp_path / "m.toml").write_text(mapping)
    given = ["load", "--mapping", str(tmp_path / "m.toml"), "--from", str(folder), "--db", str(tmp_path / "a.duckdb")]
    assert main(given) == 0
    assert capsys.readouterr().out.splitlines() == [
        "export.csv: semicolon, Windows-1252, decimal comma",
        "export.csv: dates count from 2000-01-01, which is day 0 of each patient",
        "more.csv: not read: the mapping does not name it",
    ]


def test_what_is_said_of_added_files_stands_beside_what_was_said_of_the_first(tmp_path, capsys):
    given = ["--format", "fhir", "--db", str(tmp_path / "ward.duckdb")]
    for number, add in enumerate(([], ["--add"]), start=1):
        folder = tmp_path / f"delivery {number}"
        folder.mkdir()
        (folder / "a.ndjson").write_text(
            '{"resourceType": "Observation", "status": "final", "subject": {"reference": "Patient/P1"}, '
            '"code": {"coding": [{"system": "http://loinc.org", "code": "751-8"}]}, '
            f'"effectiveDateTime": "2024-03-0{number}", "valueQuantity": {{"value": 0.4, "code": "10*9/L"}}}}\n'
        )
        (folder / "a.xml").write_text("")
        assert main(["load", "--from", str(folder), *add, *given]) == 0
        assert capsys.readouterr().out == f"delivery {number}: not read: a.xml\n"
    store = Store(tmp_path / "ward.duckdb")
    assert store.view().data().notes.values.tolist() == [
        ["delivery 1", "not read: a.xml"], ["load 2 delivery 2", "not read: a.xml"],
    ]  # fmt: skip
    store.close()
