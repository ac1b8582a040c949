"""Publishing: whatever happens to a load, readers have one whole database."""

import os
import re
import shutil
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import duckdb
import pytest

from leuko import answers, publish, versions
from leuko.publish import load_csv
from leuko.sources import SourceError
from leuko.store import Filters, Store, StoreError
from leuko.versions import KEPT
from tests import wards


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return wards.hospital(range(4)).write(tmp_path_factory.mktemp("files"))


@pytest.fixture
def db(tmp_path):
    return tmp_path / "leuko.duckdb"


@pytest.fixture(scope="module")
def first_load(files, tmp_path_factory):
    folder = tmp_path_factory.mktemp("first")
    load_csv(folder / "leuko.duckdb", **files)
    return folder


@pytest.fixture
def published(first_load, tmp_path):
    """A database that was loaded once, in a folder of its own."""
    shutil.copytree(first_load, tmp_path / "published", symlinks=True)
    return tmp_path / "published" / "leuko.duckdb"


def names(db):
    """What stands beside a database, without its name and without what makes a version's name its own."""
    return sorted(without_own_part(path).removeprefix(db.name) for path in db.parent.iterdir())


def without_own_part(path):
    return re.sub(r"(\.v\d+)-[0-9a-f]{8}$", r"\1", path.name)


def contents(db):
    """Every row of every table of a published file, read anew."""
    with duckdb.connect(os.path.realpath(db), read_only=True) as con:
        tables = con.execute("SELECT table_name FROM duckdb_tables() ORDER BY table_name").fetchall()
        return {name: con.execute(f"FROM {name} ORDER BY ALL").fetchall() for (name,) in tables}


OF_LOADS = ("loads", "load_files", "changed_courses", "shown")


def without_number(tables):
    """What a version says of the data: without its own number and the loads before it."""
    kept = {name: rows for name, rows in tables.items() if name not in OF_LOADS}
    return kept | {name: [row[:-1] for row in kept[name]] for name in ("about", "load_report")}


def test_what_a_killed_load_left_behind_does_not_reach_the_next_file(published, files):
    db = published
    before = contents(db)
    left = db.with_name(f"{db.name}.building")
    left.mkdir()
    with duckdb.connect(str(left / "new.duckdb")) as con:
        con.execute("CREATE TABLE stray AS SELECT 1 AS one")
    load_csv(db, **files)
    assert without_number(contents(db)) == without_number(before)
    assert names(db) == ["", ".lock", ".v1", ".v2"]


@pytest.mark.parametrize("step", ["read_csv", "run", "write_grades", "flush"])
def test_a_load_that_fails_midway_leaves_the_old_file_and_nothing_else(published, files, monkeypatch, step):
    before, beside = contents(published), names(published)

    def fail(*_, **__):
        raise OSError("no space left on the device")

    owner = {"read_csv": publish.sources, "run": answers.rules, "flush": versions}.get(step, publish)
    with monkeypatch.context() as broken, pytest.raises(OSError, match="no space"):
        broken.setattr(owner, step, fail)
        load_csv(published, **files)
    assert contents(published) == before
    assert names(published) == beside == ["", ".lock", ".v1"]


def test_refused_files_leave_no_database(db, files, tmp_path):
    with pytest.raises(SourceError):
        load_csv(db, labs=tmp_path / "none.csv", exposures=files["exposures"])
    assert names(db) == [".lock"]


# The day that a version was published for, and all that its worklist says of it.
READ = """
    SELECT about.as_of, (
        SELECT string_agg(concat_ws('|', patient_id, drug, status, why), ';' ORDER BY patient_id, drug, status, why)
        FROM worklist
    )
    FROM about
"""


def test_readers_always_see_one_whole_version_while_loads_swap(db, files):
    """Two versions take turns, each with the worklist of its own day."""
    days, expected = [date(2024, 1, day) for day in (4, 22)], {}
    for day in days:
        load_csv(db, **files, as_of=day)
        expected[day] = read_from(Store(db))[1]
    assert len(set(expected.values())) == 2
    seen, wrong, done = Counter(), [], threading.Event()

    def read():
        store = Store(db)
        while not done.is_set():
            if os.path.realpath(db) != store.path:
                store = Store(db)
            day, worklist = read_from(store)
            seen[store.about.number] += 1
            if day != store.about.as_of or worklist != expected[day]:
                wrong.append(store.path)

    with ThreadPoolExecutor(2) as readers:
        reading = [readers.submit(read) for _ in range(2)]
        while (len(seen) < 12 or seen.total() < 2000) and not any(reader.done() for reader in reading):
            publish.undo(db)
        done.set()
    assert [reader.result() for reader in reading] == [None, None]
    assert wrong == []


def read_from(store):
    with store.cursor() as cursor:
        return cursor.execute(READ).fetchall()[0]


def test_a_reader_keeps_the_version_it_opened(published, files):
    old = Store(published)
    for _ in range(2):
        load_csv(published, **files, as_of=date(2024, 1, 4))
    assert not os.path.exists(old.path)
    assert old.about.as_of > date(2024, 1, 4)
    assert old.view().count(Filters()) > 0
    assert Store(published).about.as_of == date(2024, 1, 4)


def test_the_second_of_two_loads_at_once_is_refused_in_one_line(db, files):
    refusals = []

    def load_again(line):
        with pytest.raises(StoreError) as refused:
            load_csv(db, **files)
        refusals.append((line, str(refused.value)))

    load_csv(db, **files, say=load_again)
    assert [line for line, _ in refusals] == ["Reading the files", "Applying the rule", "Publishing"]
    assert {message for _, message in refusals} == {f"{db}: another load is running"}
    assert Store(db).about.number == 1


def test_a_file_that_leuko_did_not_publish_is_refused_and_untouched(db, files):
    db.write_text("a thesis")
    with pytest.raises(StoreError, match="not publish"):
        load_csv(db, **files)
    assert db.read_text() == "a thesis"
    assert names(db) == [""]


def test_a_folder_that_is_not_there_is_refused(tmp_path, files):
    with pytest.raises(StoreError, match="no folder"):
        load_csv(tmp_path / "none" / "leuko.duckdb", **files)


def test_only_the_newest_versions_stay_and_nothing_of_other_names_is_removed(published, files):
    db = published
    others = ("7", "leuko.duckdb.v", "leuko.duckdb.v1.bak", "leuko.duckdb.vx", "other.duckdb.v1")
    for name in others:
        (db.parent / name).write_text("mine")
    for _ in range(2):
        load_csv(db, **files)
    left = {without_own_part(path) for path in db.parent.iterdir()} - {*others, db.name, f"{db.name}.lock"}
    assert left == {"leuko.duckdb.v2", "leuko.duckdb.v3"}
    assert len(left) == KEPT
    assert all((db.parent / name).read_text() == "mine" for name in others)


def test_a_name_with_brackets_is_published_like_any_other(tmp_path, files):
    db = tmp_path / "ward[1].duckdb"
    for _ in range(2):
        load_csv(db, **files)
    assert Store(db).about.number == 2


def test_the_folder_can_be_moved(published, tmp_path):
    assert without_own_part(Path(os.readlink(published))) == "leuko.duckdb.v1"
    assert os.path.dirname(os.readlink(published)) == ""
    published.parent.rename(tmp_path / "moved")
    assert Store(tmp_path / "moved" / "leuko.duckdb").view().count(Filters()) > 0


def test_a_database_named_from_the_current_folder_is_published_there(tmp_path, files, monkeypatch):
    monkeypatch.chdir(tmp_path)
    load_csv("leuko.duckdb", **files)
    load_csv("leuko.duckdb", **files)
    path = Path(Store("leuko.duckdb").path)
    assert (path.parent, without_own_part(path)) == (tmp_path, "leuko.duckdb.v2")


def test_a_name_is_never_used_again_so_that_no_cache_takes_a_new_file_for_an_old_one(tmp_path, files):
    db = tmp_path / "leuko.duckdb"
    load_csv(db, **files)
    before = os.path.realpath(db)
    for path in tmp_path.iterdir():
        path.unlink()
    load_csv(db, **files)
    assert os.path.realpath(db) != before
