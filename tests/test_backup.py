"""A backup is a copy of the folder: the copy, put back elsewhere, is the same database with its log and its tables."""

import shutil
from datetime import UTC, datetime

from leuko import access_log
from leuko.__main__ import main as leuko
from leuko.publish import load_csv
from leuko.store import Filters, Store
from tests import wards


def listed(db) -> list[dict]:
    store = Store(db)
    try:
        return store.view().worklist(Filters(), per_page=1000).drop(columns="recent_anc").astype(str).to_dict("records")
    finally:
        store.close()


def test_a_copy_of_the_folder_put_back_is_the_same_database_and_goes_on(tmp_path, capsys):
    data, backup, restored = (tmp_path / name for name in ("data", "backup", "restored"))
    data.mkdir()
    (tmp_path / "files").mkdir()
    files = wards.hospital(range(4)).write(tmp_path / "files")
    load_csv(data / "clinic.duckdb", **files)
    load_csv(data / "clinic.duckdb", **files)
    access_log.write(data / access_log.FILE, access_log.Opened(datetime.now(UTC), "ida", "clinician", "", "panel"))
    before = listed(data / "clinic.duckdb")
    shutil.copytree(data, backup, symlinks=True)
    shutil.rmtree(data)
    shutil.copytree(backup, restored, symlinks=True)
    assert before and listed(restored / "clinic.duckdb") == before
    assert leuko(["loads", "--db", str(restored / "clinic.duckdb")]) == 0
    assert leuko(["access", "--db", str(restored / "clinic.duckdb")]) == 0
    assert "1 line, each follows the one before it." in capsys.readouterr().err
    assert leuko(["undo", "--db", str(restored / "clinic.duckdb")]) == 0
    load_csv(restored / "clinic.duckdb", **files)
    assert listed(restored / "clinic.duckdb") == before
