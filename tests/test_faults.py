"""What may happen to a load: killed, no space, damage on the disk, half a file, another load. Nothing is lost by it."""

import itertools
import os
import random
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pytest

from leuko import publish, sources, versions
from leuko.__main__ import main
from leuko.inputs import Shape
from leuko.settings import SettingsError
from leuko.sources import SourceError
from leuko.store import StoreError
from leuko.watch import Watch
from tests import deliveries, test_fhir, wards
from tests.commands import Command
from tests.deliveries import asked, contents
from tests.mounting import on_small_disk

DAYS = (date(2024, 3, 1), date(2024, 3, 1), date(2024, 3, 9))
KILLS = 50  # of each of two databases
LONGEST = 60  # seconds that a test waits for what happens at once


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """A small hospital in three deliveries: their folders, and what a database says when each has come."""
    place = tmp_path_factory.mktemp("parts")
    split = deliveries.in_parts(wards.hospital(range(3)), (0.6, 0.2, 0.2), random.Random(1))
    folders = [deliveries.write(delivery, place / f"delivery{number}") for number, delivery in enumerate(split)]
    known = []
    for folder, day in zip(folders, DAYS, strict=True):
        deliveries.load(place / "ward.duckdb", folder, as_of=day)
        known.append(contents(place / "ward.duckdb"))
    assert len({str(state) for state in known}) == 3
    return SimpleNamespace(folders=folders, known=known, db=place / "ward.duckdb")


@pytest.fixture
def ward(parts, tmp_path):
    """The database of all three, with the version before, in a folder of its own."""
    for file in parts.db.parent.glob("ward.duckdb*"):
        shutil.copy(file, tmp_path, follow_symlinks=False)
    return tmp_path / "ward.duckdb"


def names(db):
    """What stands beside a database, without the checksums of its versions."""
    return sorted(path.name.removeprefix(db.name).partition("-")[0] for path in db.parent.glob(f"{db.name}*"))


# ---- killed ---------------------------------------------------------------------------------------


def steps(parts):
    """The three deliveries over and over: the first is a whole load, the others are added."""
    for number in itertools.cycle(range(3)):
        how = ("load", "--add") if number else ("load",)
        yield parts.known[number], (*how, "--from", parts.folders[number], "--as-of", DAYS[number])


def load_and_kill(parts, db, seed):
    """Kill each load twice, at random moments, then let it end; gives how many were killed."""
    moments, kills, lasts, before = random.Random(seed), 0, 1.0, None
    for after, arguments in steps(parts):
        for _ in range(2):
            load = Command(*arguments, "--db", db)
            time.sleep(moments.uniform(0, 1.1 * lasts))
            kills += load.kill()
            now = contents(db) if db.exists() else None
            assert now in (before, after)
            if now == after:
                break
        else:
            began = time.monotonic()
            load = Command(*arguments, "--db", db)
            assert load.wait() == 0, load.said()
            lasts = time.monotonic() - began
        assert contents(db) == after
        before = after
        if kills >= KILLS:
            return kills


def test_killed_at_any_moment_a_load_leaves_one_whole_version_and_the_next_works(parts, tmp_path):
    databases = [tmp_path / str(number) / "ward.duckdb" for number in range(2)]
    for db in databases:
        db.parent.mkdir()
    with ThreadPoolExecutor(2) as tracks:
        kills = list(tracks.map(load_and_kill, [parts] * 2, databases, range(2)))
    assert sum(kills) >= 100
    assert [len(versions.published(db)) for db in databases] == [versions.KEPT] * 2


@pytest.mark.parametrize("step", range(1, 9))
def test_killed_between_any_two_steps_of_publishing_the_old_version_or_the_new_stands(parts, ward, step):
    """The steps: the file to the disk, its name, a link beside it in two steps, the link, the folder to the disk, the
    oldest version. At the eighth all is done.
    """
    undoing = Command("undo", "--db", ward, dies_at=step)
    assert undoing.wait() == (-9 if step < 8 else 0)
    swapped = step > 5
    assert contents(ward) == parts.known[1 if swapped else 2]
    assert publish.undo(ward) == (3 if swapped else 2)
    assert contents(ward) == parts.known[2 if swapped else 1]
    assert names(ward)[:2] == ["", ".lock"]
    assert len(names(ward)) == 4


# ---- no space -------------------------------------------------------------------------------------


def test_a_full_disk_leaves_the_old_data_and_says_so_and_with_space_the_next_load_works(parts, tmp_path):
    place = tmp_path / "disk"
    place.mkdir()
    ended = on_small_disk("tests.small_disk", place, *parts.folders[:2])
    assert ended.returncode == 0, ended.stdout + ended.stderr


# ---- damage on the disk ---------------------------------------------------------------------------


def damage(db, kind):
    """Overwrite or cut the file that readers open."""
    file = Path(os.path.realpath(db))
    size = file.stat().st_size
    if kind == "truncated":
        os.truncate(file, size // 2)
        return
    with open(file, "r+b") as content:
        content.seek({"head": 0, "middle": size // 2, "end": size - 100}[kind])
        content.write(b"damaged!")


@pytest.mark.parametrize("kind", ["head", "middle", "end", "truncated"])
def test_nothing_is_added_to_a_damaged_database_and_undo_or_a_whole_load_mends_it(parts, ward, kind):
    damage(ward, kind)
    adding = Command("load", "--add", "--from", parts.folders[0], "--db", ward)
    assert (adding.wait(), len(adding.said())) == (1, 1)
    assert "damaged" in adding.said()[0]
    shutil.copytree(ward.parent, ward.parent / "copy", symlinks=True)
    undoing = Command("undo", "--db", ward.parent / "copy" / ward.name)
    assert undoing.wait() == 0, undoing.said()
    assert contents(ward.parent / "copy" / ward.name) == parts.known[1]
    loading = Command("load", "--from", parts.folders[0], "--db", ward, "--as-of", DAYS[0])
    assert loading.wait() == 0, loading.said()
    assert contents(ward) == parts.known[0]


def test_a_damaged_version_before_is_not_put_back(parts, ward):
    before = versions.published(ward)[2]
    os.truncate(before, before.stat().st_size - 1)
    undoing = Command("undo", "--db", ward)
    assert (undoing.wait(), len(undoing.said())) == (1, 1)
    assert contents(ward) == parts.known[2]


# ---- half a file ----------------------------------------------------------------------------------


def test_a_resource_that_was_cut_off_is_set_aside_and_the_others_are_loaded(tmp_path):
    whole = test_fhir.lines(
        test_fhir.patient(), test_fhir.request(), test_fhir.observation(), test_fhir.observation(value=0.31)
    )
    (tmp_path / "export").mkdir()
    (tmp_path / "export" / "export.ndjson").write_bytes(whole[:-30])
    db = tmp_path / "ward.duckdb"
    assert main(["load", "--format", "fhir", "--from", str(tmp_path / "export"), "--db", str(db)]) == 0
    assert asked(db, "SELECT value FROM labs") == [(900,)]
    assert asked(db, "SELECT rows_read, loaded, set_aside FROM load_report") == [(4, 3, 1)]


LINE = "A,anc,4321,cells/uL,2026-01-20T12:00"


@pytest.mark.parametrize("cut", range(1, len(LINE)))
def test_a_last_line_that_was_cut_off_is_set_aside_or_says_the_same_day(tmp_path, cut):
    """No count of it is half a count: where all columns are there, only the time of the day can be lost."""
    labs = tmp_path / "labs.csv"
    labs.write_text(f"patient_id,analyte,value,unit,collected_at\nB,anc,1000,cells/uL,2026-01-20\n{LINE[:-cut]}")
    with duckdb.connect() as con:
        sources.read_csv(con, labs=labs)
        read = con.execute("SELECT value, CAST(collected_at AS DATE) FROM labs WHERE patient_id <> 'B'").fetchall()
        ((loaded, set_aside),) = con.execute("SELECT loaded, set_aside FROM load_report").fetchall()
    assert read in ([], [(4321, date(2026, 1, 20))])
    assert (loaded, set_aside) == (1 + len(read), 1 - len(read)) or cut == len(LINE)


def test_a_file_that_is_written_while_it_is_read_is_refused(parts, ward, tmp_path):
    folder = shutil.copytree(parts.folders[0], tmp_path / "export")
    before, stop = contents(ward), threading.Event()

    def write_on():
        with open(folder / "labs.csv", "a", encoding="utf-8") as file:
            while not stop.wait(0.001):
                file.write("late,anc,400,,cells/uL,2024-01-05,,,,,\n")
                file.flush()

    writer = threading.Thread(target=write_on)
    writer.start()
    try:
        load = Command("load", "--from", folder, "--db", ward)
        assert (load.wait(), load.said()) == (1, ["labs.csv: was still being written; load it when it is complete"])
    finally:
        stop.set()
        writer.join()
    assert contents(ward) == before


# ---- two loads ------------------------------------------------------------------------------------


def begun(db):
    """Wait until a load of this database builds its file."""
    until = time.monotonic() + LONGEST
    while not Path(f"{db}.building").exists():
        assert time.monotonic() < until
        time.sleep(0.005)


def test_of_two_loads_at_once_the_second_is_refused_and_a_watch_waits(parts, tmp_path):
    db, inbox, told = tmp_path / "ward.duckdb", tmp_path / "inbox", []
    shutil.copytree(parts.folders[1], inbox / "delivery")
    watch = Watch(inbox, db, Shape(), told.append)
    watch.look()
    first = Command("load", "--from", parts.folders[0], "--db", db, "--as-of", DAYS[0])
    begun(db)
    second = Command("load", "--from", parts.folders[1], "--db", db)
    watch.look()
    assert (second.wait(), second.said()) == (1, [f"{db}: another load is running"])
    assert first.wait() == 0
    assert told == []
    assert contents(db) == parts.known[0]
    watch.look()
    assert told == ["delivery: loaded; 0 rows were set aside at the load"]
    assert contents(db)["labs"] == parts.known[1]["labs"]


# ---- watch ----------------------------------------------------------------------------------------


@pytest.fixture
def inbox(tmp_path):
    (tmp_path / "inbox").mkdir()
    return tmp_path / "inbox"


@pytest.fixture
def watching(inbox, tmp_path, monkeypatch):
    """A watch whose loads are only written down, in `taken`; `told` is what it says, `hindered` what hinders them."""
    seen = SimpleNamespace(taken=[], told=[], hindered=None)

    def take(db, read, *, files, origin):
        if seen.hindered:
            raise seen.hindered
        seen.taken.append([file.name for file in files])
        return 0

    monkeypatch.setattr(publish, "add", take)
    monkeypatch.setattr(publish, "remembers", lambda db, files: False)
    (tmp_path / "ward.duckdb").touch()
    seen.look = Watch(inbox, tmp_path / "ward.duckdb", Shape(), seen.told.append).look
    return seen


def put(inbox, *names):
    for name in names:
        (inbox / name).write_text("patient_id,kind,occurred_at\n")


def test_deliveries_are_taken_in_the_order_of_their_names_when_they_stand_still(inbox, watching):
    put(inbox, "labs-2.csv", "labs-10.csv", "events-3.csv", ".events-4.csv")
    watching.look()
    assert watching.taken == []
    watching.look()
    assert watching.taken == [["events-3.csv"], ["labs-10.csv"], ["labs-2.csv"]]
    watching.look()
    assert len(watching.taken) == 3


def test_what_is_still_being_written_waits_and_so_does_what_comes_after_it(inbox, watching):
    put(inbox, "labs-1.csv", "labs-2.csv", "labs-3.csv")
    for size in range(3):
        watching.look()
        (inbox / "labs-2.csv").write_text("x" * size)
    assert watching.taken == [["labs-1.csv"]]
    watching.look()
    watching.look()
    assert watching.taken == [["labs-1.csv"], ["labs-2.csv"], ["labs-3.csv"]]


def test_what_is_refused_is_told_once_passed_over_and_taken_when_it_is_mended(inbox, watching):
    put(inbox, "labs-1.csv", "notes.txt")
    watching.hindered = SourceError("labs-1.csv: required column value is missing")
    for _ in range(4):
        watching.look()
    refusals = [
        "labs-1.csv: refused: labs-1.csv: required column value is missing",
        "notes.txt: refused: no folder, and no CSV file named labs…, exposures…, patients… or events…",
    ]
    assert watching.told == refusals
    watching.hindered = None
    put(inbox, "labs-2.csv")
    (inbox / "labs-1.csv").write_text("mended")
    watching.look()
    watching.look()
    assert watching.taken == [["labs-1.csv"], ["labs-2.csv"]]


@pytest.mark.parametrize(
    "hindrance", [OSError(28, "No space left on device"), StoreError("damaged"), SettingsError("not a number")]
)
def test_what_hinders_every_load_is_told_once_and_the_same_delivery_is_tried_again(inbox, watching, hindrance):
    put(inbox, "labs-1.csv", "labs-2.csv")
    watching.hindered = hindrance
    for _ in range(4):
        watching.look()
    assert watching.told == [f"labs-1.csv: could not finish: {hindrance}; trying again"]
    watching.hindered = None
    watching.look()
    assert watching.taken == [["labs-1.csv"], ["labs-2.csv"]]


def test_a_file_that_vanishes_under_the_look_ends_no_watch(inbox, watching, monkeypatch):
    put(inbox, "labs-1.csv")
    is_file = Path.is_file

    def vanish(path):
        found = is_file(path)
        path.unlink(missing_ok=True)
        return found

    with monkeypatch.context() as vanishing:
        vanishing.setattr(Path, "is_file", vanish)
        watching.look()
    watching.look()
    assert (watching.taken, watching.told) == ([], [])


def watched(inbox, db):
    """What `watch --once` says; its status must be 0."""
    watch = Command("watch", inbox, "--db", db, "--once", "--every", "0.1")
    assert watch.wait() == 0, watch.said()
    return watch.said()


def test_each_delivery_is_loaded_once_whatever_happens_to_the_watch(parts, inbox, tmp_path):
    """The first makes the database. A watch that was killed, a second run, an undone load: none takes one twice."""
    db = tmp_path / "ward.duckdb"
    for number, folder in enumerate(parts.folders[:2]):
        shutil.copytree(folder, inbox / f"2024-03-0{number + 1}")
    watch = Command("watch", inbox, "--db", db, "--every", "0.1")
    until = time.monotonic() + LONGEST
    while not db.exists() and time.monotonic() < until:
        time.sleep(0.01)
    assert watch.kill()
    said = watched(inbox, db)
    assert [line.partition(":")[0] for line in said] == ["2024-03-02"] * len(said)
    assert asked(db, "SELECT kind FROM loads ORDER BY number") == [("load",), ("add",)]
    assert contents(db)["labs"] == parts.known[1]["labs"]
    assert watched(inbox, db) == []
    publish.undo(db)
    assert watched(inbox, db) == []
    assert asked(db, "SELECT kind FROM loads ORDER BY number") == [("load",), ("add",), ("undo",)]


def test_the_first_delivery_has_labs_and_exposures(inbox, tmp_path):
    told = []
    put(inbox, "labs-1.csv")
    watch = Watch(inbox, tmp_path / "ward.duckdb", Shape(), told.append)
    watch.look()
    watch.look()
    assert told == ["labs-1.csv: refused: the first delivery is a folder with labs.csv and exposures.csv"]
    assert not (tmp_path / "ward.duckdb").exists()


@pytest.mark.parametrize("wrong", [["--every", "0"], ["--every", "-1"], ["--every", "often"], ["--every", "inf"]])
def test_between_two_looks_some_time_passes(inbox, tmp_path, wrong):
    with pytest.raises(SystemExit) as left:
        main(["watch", str(inbox), "--db", str(tmp_path / "ward.duckdb"), *wrong])
    assert left.value.code == 2


def test_a_folder_that_is_not_there_is_not_watched(tmp_path, capsys):
    assert main(["watch", str(tmp_path / "none"), "--db", str(tmp_path / "ward.duckdb"), "--once"]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1
