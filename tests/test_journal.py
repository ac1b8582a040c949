"""The journal: what was decided stands until the recommendation is another; nothing is changed, lost or kept twice.

Every case runs on a DuckDB file and on a real PostgreSQL server.
"""

import os
import random
import signal
import tempfile
import time
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import count

import duckdb
import psycopg
import pytest

from leuko import journal_backup
from leuko.__main__ import main as leuko
from leuko.access import Person
from leuko.journal import INSERT, Entry, Journal, Visit, as_row, in_words, key, key_in_words, waits
from leuko.journal_databases import JournalError, prepare, run_on
from tests import postgres
from tests.commands import CONTEXT
from tests.mounting import on_small_disk

AT = datetime(2026, 3, 31, 14, 5, tzinfo=UTC)
DAY = date(2026, 3, 31)
HOLD = key("hold", None, date(2026, 3, 30))
COURSE = ("P1", "dasatinib", "dasatinib-guideline")
KILLS = 24  # of each database
LONGEST = 60  # seconds
NAMES = count(1)
TOKENS = count(1)


def entry(kind="acknowledged", **told):
    """An entry on the hold of P1, as Ida makes one."""
    patient, drug, protocol = COURSE
    usual = {
        "number": 0, "token": f"t{next(TOKENS)}", "at": AT, "who": "ida@example.org", "role": "clinician",
        "patient_id": patient, "site": "North", "drug": drug, "protocol": protocol, "recommendation": HOLD,
        "episode": 2, "kind": kind,
    }  # fmt: skip
    return Entry(**usual | told)


@pytest.fixture(scope="module")
def server():
    if not postgres.programs():
        pytest.skip(postgres.MISSING)
    with postgres.server() as started:
        yield started


@pytest.fixture(params=["duckdb", "postgresql"])
def place(request, tmp_path):
    """Where an empty journal is kept."""
    if request.param == "duckdb":
        return tmp_path / "ward.journal.duckdb"
    return request.getfixturevalue("server").new_database(f"ward{next(NAMES)}")


@pytest.fixture
def journal(place):
    return Journal(place)


def standing(journal):
    return journal.standing(["P1"]).get(COURSE)


# ---- what stands -----------------------------------------------------------------------------------


def test_an_entry_is_read_as_it_was_written(journal):
    told = {"site": "Nörd", "words": "5 % – “ANC”?\nsecond line", "reason": "repeat"}
    written = journal.record(entry("not_followed", **told))
    assert written.number == 1
    assert journal.entries() == [written] == journal.entries(["P1"])
    assert journal.entries(["P2"]) == journal.entries([]) == []
    assert (written.at, written.words, written.episode) == (AT, told["words"], 2)


def test_a_journal_that_nobody_has_written_to_says_nothing(journal):
    assert journal.entries() == [] and journal.standing(["P1"]) == {}
    assert waits(None, HOLD, DAY)


@pytest.mark.parametrize(
    ("kind", "told", "is_open"),
    [
        ("acknowledged", {}, False),
        ("done", {}, False),
        ("not_followed", {"reason": "repeat"}, False),
        ("snoozed", {"until_on": DAY + timedelta(days=1)}, False),
        ("snoozed", {"until_on": DAY}, True),
        ("handover", {"addressee": "bo@example.org"}, True),
    ],
)
def test_what_was_decided_closes_a_recommendation_until_its_day(journal, kind, told, is_open):
    journal.record(entry(kind, **told))
    assert waits(standing(journal), HOLD, DAY) == is_open


def test_whoever_wrote_of_a_patient_of_a_site_is_found_by_the_site(journal):
    journal.record(entry(who="north@example.org", site="North", token="1"))
    journal.record(entry(who="south@example.org", site="South", token="2"))
    journal.visit(Person("looked@example.org"), Visit(1, DAY, AT))
    assert journal.readers(("North",)) == ["north@example.org"] and journal.readers(()) == []
    assert journal.readers() == ["looked@example.org", "north@example.org", "south@example.org"]


def test_what_is_told_of_an_entry_is_what_the_reader_may_read_of_it(journal, place):
    journal.record(entry("comment", words="of Ida Kern"))
    told = Journal(place, lambda found: replace(found, words=""))
    readings = (told.entries(), told.entries(["P1"]), told.as_corrected(["P1"]))
    assert {one.words for found in readings for one in found} == {""}
    journal.record(entry(words="of Ida Kern", token="2"))
    assert told.standing(["P1"])[COURSE].words == "" and standing(journal).words == "of Ida Kern"


def test_a_comment_decides_nothing(journal):
    journal.record(entry())
    journal.record(entry("comment", words="called the ward"))
    assert standing(journal).kind == "acknowledged"


@pytest.mark.parametrize(
    "other",
    [
        key("reduce", 80, date(2026, 3, 30)),
        key("hold", 80, date(2026, 3, 30)),
        key("hold", None, date(2026, 3, 31)),
    ],
)
def test_another_status_dose_or_day_opens_again(journal, other):
    journal.record(entry("done"))
    assert not waits(standing(journal), HOLD, DAY)
    assert waits(standing(journal), other, DAY)


def test_what_was_decided_on_an_earlier_recommendation_does_not_come_back(journal):
    journal.record(entry("done"))
    journal.record(entry(recommendation=key("keep_holding", 0, date(2026, 3, 30))))
    assert waits(standing(journal), HOLD, DAY)


def test_each_course_has_its_own(journal):
    journal.record(entry())
    journal.record(entry("done", drug="nilotinib", protocol="nilotinib-us"))
    journal.record(entry("done", patient_id="P2"))
    found = journal.standing(["P1", "P3"])
    assert {course: one.kind for course, one in found.items()} == {
        COURSE: "acknowledged", ("P1", "nilotinib", "nilotinib-us"): "done"
    }  # fmt: skip


# ---- edits -----------------------------------------------------------------------------------------


def test_an_edit_is_a_new_row_and_says_what_counts(journal):
    first = journal.record(entry("done"))
    second = journal.record(entry("not_followed", reason="other", words="on leave", replaces=first.number))
    third = journal.record(entry("not_followed", reason="patient", replaces=first.number))
    assert standing(journal) == third
    assert journal.entries() == [first, second, third]
    assert in_words(third) == (
        "Not followed: the patient decided otherwise. By ida@example.org on 31 March 2026 at 14:05 UTC, "
        "correcting entry 1."
    )


def test_an_edit_takes_the_place_of_what_it_corrects_and_not_of_what_came_after(journal):
    first = journal.record(entry())
    later = journal.record(entry("done"))
    journal.record(entry("not_followed", reason="repeat", replaces=first.number))
    assert standing(journal) == later


def test_an_entry_corrected_into_a_comment_no_longer_decides(journal):
    first = journal.record(entry("done"))
    journal.record(entry("comment", words="wrong patient", replaces=first.number))
    assert standing(journal) is None


@pytest.mark.parametrize(
    "told",
    [
        {"who": "bo@example.org"}, {"patient_id": "P2"}, {"drug": "imatinib"}, {"replaces": 7},
        {"recommendation": key("resume", 100, DAY)},
    ],
)  # fmt: skip
def test_only_the_writer_corrects_an_entry_and_only_on_its_own_recommendation(journal, told):
    journal.record(entry())
    with pytest.raises(JournalError, match="not one of yours"):
        journal.record(entry("done", **{"replaces": 1} | told))
    assert len(journal.entries()) == 1


def test_the_writer_is_who_has_his_account_under_whatever_name(journal):
    journal.record(entry(account="sso 1"))
    with pytest.raises(JournalError, match="not one of yours"):
        journal.record(entry("done", replaces=1, account="sso 2"))
    journal.record(entry("done", replaces=1, account="sso 1", who="ida.kern@example.org"))
    assert standing(journal).kind == "done"


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"kind": "not_followed"}, "a reason is needed"),
        ({"kind": "not_followed", "reason": "because"}, "a reason is needed"),
        ({"kind": "not_followed", "reason": "other"}, "words are needed"),
        ({"kind": "done", "reason": "repeat"}, "a reason is only for"),
        ({"kind": "comment", "words": " "}, "words are needed"),
        ({"kind": "snoozed"}, "has a day"),
        ({"kind": "done", "until_on": DAY}, "has a day"),
        ({"kind": "handover"}, "has an addressee"),
        ({"kind": "deleted"}, "nothing that can be recorded"),
        ({"who": ""}, "is missing"),
        ({"words": "x" * 2001}, "more than 2,000"),
        ({"at": AT.replace(tzinfo=None)}, "no zone"),
    ],
)
def test_what_is_not_whole_is_refused(journal, told, words):
    with pytest.raises(JournalError, match=words):
        journal.record(entry(**told))
    assert journal.entries() == []


def test_text_that_a_database_cannot_hold_is_made_legible(journal):
    written = journal.record(entry("comment", words="a\0b\ud800'); DROP TABLE entries; --"))
    assert journal.entries() == [written]
    assert written.words == "ab?'); DROP TABLE entries; --"


# ---- only appended ---------------------------------------------------------------------------------


@pytest.mark.parametrize("statement", ["UPDATE entries SET words = ''", "DELETE FROM entries", "TRUNCATE entries"])
def test_postgresql_refuses_to_change_a_row(server, statement):
    address = server.new_database(f"ward{next(NAMES)}")
    written = Journal(address).record(entry())
    with psycopg.connect(address) as con, pytest.raises(psycopg.Error, match="only appended"):
        con.execute(statement)
    assert Journal(address).entries() == [written]


def test_the_only_statement_that_writes_an_entry_is_the_insert():
    from leuko import journal, journal_databases

    texts = "\n".join(
        str(value) for module in (journal, journal_databases) for value in vars(module).values() if type(value) is str
    )
    assert "INSERT INTO entries" in texts
    assert not [word for word in ("UPDATE entries", "DELETE FROM", "DROP ", "MERGE ") if word in texts]


def test_the_file_is_for_its_owner_alone(tmp_path):
    Journal(tmp_path / "ward.journal.duckdb").record(entry())
    assert (tmp_path / "ward.journal.duckdb").stat().st_mode & 0o777 == 0o600


# ---- several at once, and faults -------------------------------------------------------------------


def write_on(place, acknowledged, name, first, how_many):
    """Record entry after entry; the token of each is written down when the journal has said that it is kept."""
    journal = Journal(place)
    with open(acknowledged, "ab", buffering=0) as file:
        for number in range(first, first + how_many):
            journal.record(entry("comment", token=f"{name}-{number}", words=f"{number}"))
            file.write(f"{name}-{number}\n".encode())


def tokens_in(file):
    return file.read_text().split() if file.exists() else []


def test_several_write_at_once_and_every_entry_has_its_own_number(place, tmp_path):
    writers = [
        CONTEXT.Process(target=write_on, args=(place, tmp_path / "acknowledged", name, 0, 10)) for name in "abcd"
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(LONGEST)
    assert [writer.exitcode for writer in writers] == [0] * 4
    entries = Journal(place).entries()
    assert [one.number for one in entries] == list(range(1, 41))
    assert {one.token for one in entries} == {f"{name}-{number}" for name in "abcd" for number in range(10)}


def test_the_same_click_twice_is_one_entry(journal):
    click = entry("done")
    assert journal.record(click) == journal.record(click)
    assert len(journal.entries()) == 1


def test_killed_in_the_middle_of_writes_every_acknowledged_entry_is_there_and_none_twice(place, tmp_path):
    """A writer that was killed begins again with the entry of which it never heard, as a reader clicks again."""
    acknowledged, moments, kills = tmp_path / "acknowledged", random.Random(7), 0
    Journal(place).record(entry())
    while kills < KILLS:
        known = len(tokens_in(acknowledged))
        writer = CONTEXT.Process(target=write_on, args=(place, acknowledged, "k", known, 10_000))
        writer.start()
        deadline = time.monotonic() + LONGEST
        while len(tokens_in(acknowledged)) == known and time.monotonic() < deadline:
            time.sleep(0.005)  # until it writes
        time.sleep(moments.uniform(0, 0.15))
        writer.kill()
        writer.join()
        assert writer.exitcode == -9
        kills += 1
        kept = [one.token for one in Journal(place).entries()][1:]
        sure = tokens_in(acknowledged)
        assert kept[: len(sure)] == sure and len(kept) - len(sure) in (0, 1)
        assert kept == [f"k-{number}" for number in range(len(kept))]
    assert len(kept) > KILLS


@pytest.mark.parametrize("kind", ["duckdb", "postgresql"])
def test_a_full_disk_is_said_keeps_what_was_acknowledged_and_with_space_the_next_entry_is_kept(kind, request):
    if kind == "postgresql":
        request.getfixturevalue("server")  # which skips where there is none
    with tempfile.TemporaryDirectory(prefix="leuko-disk-") as place:
        os.chmod(place, 0o755)  # for the user who runs the server
        ended = on_small_disk("tests.small_journal", place, kind)
        assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT])
def test_a_server_that_was_stopped_or_crashed_is_said_and_keeps_what_it_acknowledged(server, how):
    """The same `Journal` goes on when the server is back."""
    journal = Journal(server.new_database(f"ward{next(NAMES)}"))
    kept = [journal.record(entry()) for _ in range(5)]
    server.stop(how)
    try:
        for work in (journal.entries, lambda: journal.record(entry())):
            with pytest.raises(JournalError) as said:
                work()
            assert len(str(said.value).splitlines()) == 1
    finally:
        server.start()
    assert journal.entries() == kept
    assert journal.record(entry()).number == 6


def test_a_restart_finds_every_entry(place):
    kept = [Journal(place).record(entry()) for _ in range(3)]
    assert Journal(place).entries() == kept


def test_a_file_that_is_no_journal_is_said_and_left_as_it_is(tmp_path):
    file = tmp_path / "ward.journal.duckdb"
    file.write_bytes(b"not a database" * 1000)
    for work in (Journal(file).entries, lambda: Journal(file).record(entry())):
        with pytest.raises(JournalError):
            work()
    assert file.read_bytes() == b"not a database" * 1000


def test_where_nothing_can_be_written_it_is_said(tmp_path):
    with pytest.raises(JournalError, match="no folder"):
        Journal(tmp_path / "none" / "ward.journal.duckdb").record(entry())
    with pytest.raises(JournalError):
        Journal(f"postgresql://leuko@/ward?host={tmp_path}").record(entry())


# ---- journals from before accounts were kept -------------------------------------------------------

OLDER = (
    """CREATE TABLE entries (
        number BIGINT PRIMARY KEY, token TEXT NOT NULL UNIQUE, written_at TIMESTAMP NOT NULL,
        who TEXT NOT NULL, role TEXT NOT NULL, patient_id TEXT NOT NULL, site TEXT NOT NULL,
        drug TEXT NOT NULL, protocol TEXT NOT NULL, recommendation TEXT NOT NULL, episode BIGINT,
        kind TEXT NOT NULL, reason TEXT NOT NULL, until_on DATE, addressee TEXT NOT NULL, words TEXT NOT NULL,
        replaces BIGINT
    )""",
    """CREATE TABLE visits (
        who TEXT NOT NULL, load_number BIGINT NOT NULL, as_of DATE NOT NULL, written_at TIMESTAMP NOT NULL
    )""",
    f"""INSERT INTO entries VALUES (1, 't', '2026-03-31 14:05', 'ida@example.org', 'clinician', 'P1', 'North',
        'dasatinib', 'dasatinib-guideline', '{HOLD}', 2, 'handover', '', NULL, 'bo@example.org', '', NULL)""",
    "INSERT INTO visits VALUES ('ida@example.org', 1, '2026-03-30', '2026-03-30 08:00')",
)


@pytest.fixture
def older(place):
    with psycopg.connect(place) if isinstance(place, str) else duckdb.connect(str(place)) as con:
        for statement in OLDER:
            con.execute(statement)
    return place


@pytest.mark.parametrize("first", ["reading", "writing"])
def test_an_older_journal_is_read_and_goes_on_with_accounts(older, first):
    journal = Journal(older)
    kept = entry("handover", number=1, token="t", addressee="bo@example.org")
    if first == "reading":
        assert journal.entries() == [kept] and standing(journal) == kept
    taken = journal.record(entry("taken_over", who="bo@example.org", account="sso 2"))
    assert Journal(older).entries() == [kept, taken]
    assert journal.visit(Person("ida@example.org", "sso 1"), Visit(2, DAY, AT)).load_number == 1


def test_an_older_journal_that_was_killed_while_it_was_brought_up_to_date_is_whole(tmp_path):
    place = tmp_path / "ward.journal.duckdb"
    with duckdb.connect(str(place)) as con:
        for statement in OLDER:
            con.execute(statement)
    writer = CONTEXT.Process(target=record_and_die, args=(place,))
    writer.start()
    writer.join(LONGEST)
    assert writer.exitcode == 9 and place.with_suffix(".duckdb.wal").exists()
    assert [one.account for one in Journal(place).entries()] == ["", "sso 1"]
    assert Journal(place).record(entry()).number == 3


def record_and_die(place):
    with Journal(place).database._opened(writing=True) as con:
        run = run_on(con)
        run("BEGIN TRANSACTION")
        prepare(run, "TABLE")
        run(INSERT, *as_row(entry(number=2, account="sso 1")))
        run("COMMIT")
        os._exit(9)


def test_whoever_may_only_write_rows_asks_for_the_owner_of_an_older_journal(server):
    address = server.new_database(f"ward{next(NAMES)}")
    with psycopg.connect(address) as con:
        for statement in OLDER:
            con.execute(statement)
        con.execute("DROP ROLE IF EXISTS ward")
        con.execute("CREATE ROLE ward LOGIN")
        con.execute("GRANT SELECT, INSERT ON entries, visits TO ward")
    ward = Journal(address.replace("leuko@", "ward@"))
    with pytest.raises(JournalError, match="permission denied") as said:
        ward.entries()
    assert len(str(said.value).splitlines()) == 1
    assert len(Journal(address).entries()) == 1
    assert len(ward.entries()) == 1 and ward.record(entry()).number == 2


# ---- visits ----------------------------------------------------------------------------------------


def test_a_reader_is_told_what_he_last_saw_of_another_load(journal):
    def look(who, load, day):
        return journal.visit(who, Visit(load, date(2026, 3, day), datetime(2026, 3, day, 8, tzinfo=UTC)))

    ida, bo = Person("ida"), Person("bo")
    assert look(ida, 1, 1) is None
    assert look(ida, 2, 5) == Visit(1, date(2026, 3, 1), datetime(2026, 3, 1, 8, tzinfo=UTC))
    assert look(ida, 2, 6).load_number == 1, "a second look at the same load forgets nothing"
    assert look(bo, 2, 6) is None
    assert look(Person("IDA"), 4, 9).load_number == 2
    assert look(Person("ida", "sso 1"), 5, 10).load_number == 4, "kept before his account was"
    assert look(Person("ida.kern", "sso 1"), 6, 11).load_number == 5
    assert look(Person("ida", "sso 2"), 6, 12).load_number == 4, "what another account saw is not his"


# ---- backup ----------------------------------------------------------------------------------------


@pytest.fixture
def written(journal):
    journal.record(entry("not_followed", reason="other", words="=1+1, “so”\n'quoted\"", site=""))
    journal.record(entry("snoozed", until_on=DAY, replaces=1, episode=None))
    journal.record(entry("handover", addressee="@bo", words="'=x", account="sso 1", addressee_account="=sso 2"))
    return journal


@pytest.fixture
def empty(place, tmp_path, request):
    """Another journal, of the same kind of database."""
    if isinstance(place, str):
        return request.getfixturevalue("server").new_database(f"ward{next(NAMES)}")
    return tmp_path / "restored.duckdb"


@pytest.mark.parametrize("name", ["journal.csv", "journal.parquet"])
def test_what_is_put_back_is_what_was_exported_and_goes_on(written, empty, tmp_path, name):
    assert journal_backup.export(written, tmp_path / name) == 3
    assert journal_backup.restore(Journal(empty), tmp_path / name) == 3
    assert Journal(empty).entries() == written.entries()
    assert Journal(empty).record(entry()).number == 4


@pytest.mark.parametrize("name", ["journal.csv", "journal.parquet"])
def test_what_was_exported_before_accounts_were_kept_is_put_back_without_them(written, empty, tmp_path, name):
    journal_backup.export(written, tmp_path / name)
    with duckdb.connect() as con:
        con.execute(f"CREATE TABLE older AS SELECT * EXCLUDE (account, addressee_account) FROM '{tmp_path / name}'")
        con.execute(f"COPY (SELECT COLUMNS(*)::VARCHAR FROM older) TO '{tmp_path}/older{name[7:]}'")
    assert journal_backup.restore(Journal(empty), tmp_path / f"older{name[7:]}") == 3
    assert Journal(empty).entries() == [
        replace(one, account="", addressee_account="") for one in written.entries()
    ]


def test_no_cell_of_the_csv_file_runs(written, tmp_path):
    journal_backup.export(written, tmp_path / "journal.csv")
    with duckdb.connect() as con:
        rows = con.execute("FROM read_csv(?, all_varchar=true)", [str(tmp_path / "journal.csv")]).fetchall()
    assert len(rows) == 3
    assert not [cell for row in rows for cell in row if cell and cell.startswith(("=", "+", "-", "@"))]


def test_a_backup_is_put_back_only_into_an_empty_journal(written, tmp_path):
    journal_backup.export(written, tmp_path / "journal.csv")
    with pytest.raises(JournalError, match="only into an empty one"):
        journal_backup.restore(written, tmp_path / "journal.csv")
    assert len(written.entries()) == 3


def test_a_damaged_backup_puts_nothing_back(written, empty, tmp_path):
    file = tmp_path / "journal.csv"
    journal_backup.export(written, file)
    whole = file.read_text(encoding="utf-8")
    twice, undated = whole.replace("\n2,", "\n1,"), whole.replace("2026-03-31T", "noon ")
    for damaged in ("", "a,b\n1,2\n", whole[:-20], twice, undated):
        file.write_text(damaged, encoding="utf-8")
        with pytest.raises(JournalError) as said:
            journal_backup.restore(Journal(empty), file)
        assert len(str(said.value).splitlines()) == 1
        assert Journal(empty).entries() == []


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (("reduce", 80.0, DAY), "Reduce, dose 80, since 31 March 2026"),
        (("hold", 0.0, DAY), "Hold, since 31 March 2026"),
        (("no_result", None, None), "No ANC, since a day not known"),
    ],
)
def test_a_reader_is_told_in_words_what_an_entry_is_of(seen, words):
    assert key_in_words(key(*seen)) == words


def test_the_command_exports_and_restores(place, written, empty, tmp_path, monkeypatch, capsys):
    db, file = tmp_path / "ward.duckdb", tmp_path / "out.csv"
    monkeypatch.setenv("LEUKO_JOURNAL", str(place))
    assert leuko(["journal", "--db", str(db), "--export", str(file)]) == 0
    assert leuko(["journal", "--db", str(db), "--restore", str(file)]) == 1
    monkeypatch.setenv("LEUKO_JOURNAL", str(empty))
    assert leuko(["journal", "--db", str(db), "--restore", str(file)]) == 0
    assert Journal(empty).entries() == written.entries()
    assert capsys.readouterr().err.splitlines() == [
        f"{file}: 3 entries", "this journal has entries: a backup is put back only into an empty one",
        f"{file}: 3 entries",
    ]  # fmt: skip
    assert leuko(["journal", "--db", str(db), "--export", str(tmp_path / "out.doc")]) == 1
