"""Tables as folders of Parquet: the same rows as in the file, served like it, and never half of them."""

import hashlib
import re
import shutil
from contextlib import closing, nullcontext
from datetime import date
from pathlib import Path

import duckdb
import pytest

from leuko import folders
from leuko.__main__ import main as leuko
from leuko.access import Sight
from leuko.evaluation import COLUMNS
from leuko.folders import FolderError, literal
from leuko.store import Filters, Store, StoreError, open_published
from tests import wards
from tests.serving import app_at
from tests.without_rights import not_to_be_written

CANONICAL = ("labs", "exposures", "patients", "events")


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    place = tmp_path_factory.mktemp("folders")
    files = wards.hospital(range(6)).write(place)
    given = [word for name, file in files.items() for word in (f"--{name}", str(file))]
    assert leuko(["load", *given, "--db", str(place / "clinic.duckdb")]) == 0
    return place / "clinic.duckdb"


@pytest.fixture(scope="module")
def exported(database):
    folder = database.with_name("clinic's tables")
    assert leuko(["export", "--db", str(database), "--buckets", "3", "--out", str(folder)]) == 0
    return folder


@pytest.fixture
def copied(exported, tmp_path):
    """A copy of the folder, to be harmed."""
    return Path(shutil.copytree(exported, tmp_path / "copied"))


def opened(place):
    return closing(open_published(str(place.resolve()), {})[0])


def rows(con, query):
    return sorted(con.execute(query).fetchall(), key=str)


# ---- the same rows -----------------------------------------------------------------------------


def test_every_table_comes_back_with_its_columns_and_its_rows(database, exported):
    with opened(database) as file, opened(exported) as folder:
        tables = folders.published(file)
        assert {*CANONICAL, "worklist", "episodes", "recommendations", "alerts", "about", "loads"} <= tables.keys()
        assert folders.published(folder) == tables
        for table, query in tables.items():
            columns = [column[:2] for column in file.execute(f"DESCRIBE {table}").fetchall()]
            assert [column[:2] for column in folder.execute(f"DESCRIBE {table}").fetchall()] == columns, table
            assert rows(folder, query) == rows(file, query), table


def test_every_patient_stands_in_the_bucket_of_his_id_in_each_table(exported):
    for table in ("labs", "worklist"):
        files = f"read_parquet({folders.literal(exported / table)} || '/*/*.parquet', filename = true)"
        found = duckdb.sql(f"SELECT DISTINCT patient_id, filename FROM {files}").fetchall()
        assert {file.split("bucket=")[1][0] for _, file in found} == {"0", "1", "2"}
        for patient, file in found:
            number = int(hashlib.md5(patient.encode()).hexdigest()[:8], 16) % 3
            assert f"bucket={number}/" in file


def shown(view):
    """Frames of every kind of page. Rows that the order of a page leaves apart may stand in either order."""
    patient = view.patient(view.worklist(Filters())["patient_id"].iloc[0])
    return [
        view.worklist(Filters()), view.worklist(Filters(search="S1-P1")), view.statuses(Filters()),
        view.alerts(Filters()), view.data().checks, patient.counts, patient.recommendations,
        view.measures(view.store.settings),
    ]  # fmt: skip


@pytest.mark.parametrize("day", [None, date(2024, 1, 20)], ids=["the last day", "a past day"])
@pytest.mark.parametrize("sight", [Sight(None), Sight(("North",), names=False)], ids=["everything", "one site"])
def test_whoever_reads_gets_the_same_from_the_folder_as_from_the_file(database, exported, sight, day):
    with closing(Store(database)) as file, closing(Store(exported)) as folder:
        for of_file, of_folder in zip(shown(file.view(sight, day)), shown(folder.view(sight, day)), strict=True):
            assert of_folder.columns.tolist() == of_file.columns.tolist()
            assert sorted(map(str, of_folder.values.tolist())) == sorted(map(str, of_file.values.tolist()))


def test_the_pages_draw_from_a_folder(exported, monkeypatch):
    monkeypatch.setenv("LEUKO_DB", str(exported))
    app = app_at("dashboard.py", {}, timeout=60).run()
    assert not app.exception
    words = [each.label for each in app.expander] + [each.value for each in app.caption]
    assert any(word.startswith("2 rows were set aside at the load") for word in words)


def test_answers_are_the_same_as_csv_and_as_parquet_from_a_file_and_from_a_folder(database, exported, tmp_path):
    ways = {"file": ["--db", str(database)], "served": ["--db", str(exported)], "tables": ["--from", str(exported)]}
    for way, given in ways.items():
        assert leuko(["evaluate", *given, "--as-of", "2024-01-20", "--parquet", "--out", str(tmp_path / way)]) == 0
    assert leuko(["evaluate", *ways["file"], "--as-of", "2024-01-20", "--out", str(tmp_path / "csv")]) == 0
    con = duckdb.connect()
    for table in ("episodes", "recommendations", "worklist", "alerts"):
        names = ", ".join(COLUMNS[table])
        answers = {
            way: rows(con, f"SELECT {names} FROM read_parquet('{tmp_path / way / table}/**/*.parquet')") for way in ways
        }
        assert answers["file"], table
        assert answers["served"] == answers["tables"] == answers["file"]
        (lines,) = con.execute(f"SELECT count(*) FROM read_csv('{tmp_path}/csv/{table}.csv', header = true)").fetchone()
        assert lines == len(answers["file"])


def test_tables_that_another_program_wrote_are_read(database, tmp_path):
    with opened(database) as con:
        for table in ("labs", "exposures"):  # neither a list of files nor buckets
            (tmp_path / "given" / table).mkdir(parents=True)
            con.execute(f"COPY {table} TO '{tmp_path}/given/{table}/part-0.parquet' (FORMAT parquet)")
    assert leuko(["evaluate", "--from", str(tmp_path / "given"), "--out", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / "worklist.csv").read_text(encoding="utf-8").count("\n") > 10


# ---- what is refused ---------------------------------------------------------------------------


def refused(capsys, *given):
    assert leuko([str(word) for word in given]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_a_folder_that_is_there_is_not_written_over(database, tmp_path, capsys):
    (tmp_path / "out").mkdir()
    assert "is there already" in refused(capsys, "export", "--db", database, "--out", tmp_path / "out")
    assert "there is no folder" in refused(capsys, "export", "--db", database, "--out", tmp_path / "not there" / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_what_fails_midway_leaves_no_folder(tmp_path):
    with duckdb.connect() as con, pytest.raises(duckdb.Error):
        folders.write(con, tmp_path / "out", {"good": "SELECT 1 AS patient_id", "bad": "FROM nothing"})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("harm", ["a file is missing", "a file is cut short", "the list is missing", "a stranger"])
def test_a_folder_that_is_not_whole_is_refused_in_one_line(copied, harm, capsys, tmp_path):
    file = next(copied.glob("labs/*/*.parquet"))
    if harm == "a file is missing":
        file.unlink()
    elif harm == "a file is cut short":
        file.write_bytes(file.read_bytes()[:-1])
    elif harm == "the list is missing":
        (copied / folders.LIST).unlink()
    else:
        (copied / folders.LIST).write_text("nothing of ours\n", encoding="utf-8")
    said = "is missing or not whole" if harm.startswith("a file") else f"has no {folders.LIST}"
    with pytest.raises(StoreError, match=f"^{re.escape(str(copied))}: .*{said}") as told:
        Store(copied)
    assert "\n" not in str(told.value)
    if harm != "the list is missing":
        assert str(copied) in refused(capsys, "evaluate", "--from", copied, "--out", tmp_path / "out")


def test_what_spark_is_still_writing_is_refused(exported, copied):
    (copied / "labs" / folders.UNFINISHED).mkdir()
    with duckdb.connect() as con, pytest.raises(FolderError, match="labs is still being written"):
        folders.show(con, copied, CANONICAL)


def test_raw_results_are_not_taken_for_counts_per_microlitre(tmp_path, capsys):
    con = duckdb.connect()
    raw = {
        "labs": """SELECT 'P' AS patient_id, 'anc' AS analyte, 0.4 AS value, 'G/L' AS unit,
            DATE '2024-01-02' AS collected_at""",
        "exposures": "SELECT 'P' AS patient_id, 'dasatinib' AS drug, 100 AS dose_mg, DATE '2024-01-01' AS start_on",
    }
    folders.write(con, tmp_path / "raw", raw)
    assert "raw results" in refused(capsys, "evaluate", "--from", tmp_path / "raw", "--out", tmp_path / "out")


@pytest.mark.parametrize("number", ["0", "-1", "4097", "ten"])
def test_a_number_of_buckets_has_its_bounds(exported, tmp_path, number):
    with pytest.raises(SystemExit):
        leuko(["export", "--db", str(exported), "--buckets", number, "--out", str(tmp_path / "out")])


# ---- nothing else can be read through it -------------------------------------------------------


OUTSIDE = (
    "FROM read_text('{there}/secret.csv')",
    "FROM read_csv('{there}/*.csv')",
    "COPY (SELECT 1) TO '{there}/out.csv'",
    "COPY (SELECT 1) TO {beside}",
    "COPY (SELECT 1) TO {listed}",
    "COPY (SELECT 1) TO {listed} (USE_TMP_FILE false)",
    "WITH copied AS (COPY (SELECT 1) TO {listed} (USE_TMP_FILE false)) SELECT 1",
    "COPY (SELECT 1 AS a, 2 AS b) TO {folder} (PARTITION_BY a, OVERWRITE)",
    "ATTACH '{there}/other.duckdb'",
    "INSTALL httpfs",
    "SET GLOBAL enable_external_access = true",
    "SET GLOBAL allowed_paths = []",
)


@pytest.mark.parametrize("statement", OUTSIDE)
@pytest.mark.parametrize("may_write", [True, False], ids=["a folder of one's own", "a folder only to read"])
def test_through_a_served_folder_nothing_is_written_and_nothing_beside_it_read(
    exported, tmp_path, statement, may_write
):
    (tmp_path / "secret.csv").write_text("secret\n", encoding="utf-8")
    with nullcontext(exported) if may_write else not_to_be_written(exported) as folder:
        before = bytes_in(folder)
        file = next(folder.glob("labs/*/*.parquet"))
        named = {"there": tmp_path, "beside": literal(file.with_name("more.parquet")), "listed": literal(file)}
        with closing(Store(folder)) as served, served.cursor() as cursor:
            with pytest.raises(duckdb.Error):
                cursor.execute(statement.format(**named, folder=literal(folder)))
            assert cursor.execute("SELECT count(*) FROM labs").fetchone()[0] > 0
        assert bytes_in(folder) == before
        assert [*folder.parent.glob(f".{folder.name}.*")] == [], "what was opened is gone"


def bytes_in(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_only_a_folder_that_may_be_written_is_copied(exported):
    asked = "SELECT path FROM duckdb_databases() WHERE path IS NOT NULL"
    with closing(Store(exported)) as served, served.cursor() as cursor:
        assert len(cursor.execute(asked).fetchall()) == 1
    with not_to_be_written(exported) as folder, closing(Store(folder)) as served, served.cursor() as cursor:
        assert cursor.execute(asked).fetchall() == []
        assert served.view().count(Filters()) > 0
