"""The access log: only appended, by several processes at once, and whoever alters or takes out a line is found."""

import json
import os
import subprocess
import sys
from datetime import UTC, date, datetime

import pytest

from leuko import access_log
from leuko.__main__ import main as leuko
from leuko.access_log import LogError, Opened, Verdict, read, verify, write

WRITERS, LINES = 4, 50
WRITING = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from leuko.access_log import Opened, write
for number in range(int(sys.argv[3])):
    at = datetime(2026, 3, 1, tzinfo=UTC)
    write(Path(sys.argv[1]), Opened(at, sys.argv[2], "clinician", "", "panel", str(number)))
"""


def opened(number=1, **told):
    usual = {"who": "ida@example.org", "roles": "clinician", "address": "10.0.0.7", "opened": "patient"}
    return Opened(datetime(2026, 3, number, 7, 5, tzinfo=UTC), **usual | {"patient": f"P{number}"} | told)


@pytest.fixture
def log(tmp_path):
    file = tmp_path / access_log.FILE
    for number in range(1, 6):
        write(file, opened(number))
    return file


def test_two_accounts_with_one_address_are_told_apart(tmp_path):
    file = tmp_path / access_log.FILE
    for iss in ("https://a.example.org", "https://b.example.org"):
        write(file, opened(sub="7", iss=iss))
    assert read(file)["iss"].tolist() == ["https://b.example.org", "https://a.example.org"]
    assert read(file)["who"].nunique() == read(file)["sub"].nunique() == 1


def test_a_line_from_before_accounts_were_written_is_no_damage(tmp_path):
    file = tmp_path / access_log.FILE
    write(file, opened())
    line = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps({name: said for name, said in line.items() if name not in ("sub", "iss")}) + "\n")
    write(file, opened(2, sub="7"))
    assert verify(file).is_whole and read(file)["sub"].tolist() == ["7", ""]


def rewrite(file, change):
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(change(lines)))


def test_a_line_says_who_opened_what_when_and_from_where(log):
    row = read(log).iloc[0].to_dict()
    assert row == {
        "at": "2026-03-05T07:05:00.000+00:00", "who": "ida@example.org", "roles": "clinician", "address": "10.0.0.7",
        "opened": "patient", "patient": "P5", "what": "", "sub": "", "iss": "",
    }  # fmt: skip
    assert verify(log) == Verdict(5) and verify(log).words == "5 lines, each follows the one before it."


def test_the_file_is_for_its_owner_alone(log):
    assert log.stat().st_mode & 0o777 == 0o600


def test_a_log_that_is_not_there_yet_has_no_line(tmp_path):
    assert verify(tmp_path / "none") == Verdict(0)
    assert read(tmp_path / "none").empty and list(read(tmp_path / "none")) == list(access_log.COLUMNS)


@pytest.mark.parametrize(("asked", "patients"), [
    ({"most": 2}, ["P5", "P4"]), ({"most": None}, ["P5", "P4", "P3", "P2", "P1"]),
    ({"patient": "p3"}, ["P3"]), ({"who": "IDA"}, ["P5", "P4", "P3", "P2", "P1"]), ({"who": "kim"}, []),
    ({"day": date(2026, 3, 2)}, ["P2"]), ({"day": date(2026, 3, 9)}, []),
])  # fmt: skip
def test_lines_are_found_by_person_patient_and_day_the_newest_first(log, asked, patients):
    assert read(log, **asked)["patient"].tolist() == patients


@pytest.mark.parametrize(("change", "verdict"), [
    (lambda lines: [lines[0], lines[1].replace(b"P2", b"P9"), *lines[2:]], Verdict(5, [], [3])),
    (lambda lines: [*lines[:2], *lines[3:]], Verdict(4, [], [3])),
    (lambda lines: lines[1:], Verdict(4, [], [1])),
    (lambda lines: [lines[0], lines[2], lines[1], *lines[3:]], Verdict(5, [], [2, 3, 4])),
    (lambda lines: [*lines[:2], b"nothing\n", *lines[2:]], Verdict(6, [3], [4])),
    (lambda lines: [*lines[:4], lines[4][:20]], Verdict(5, [5], [])),
], ids=["altered", "taken out", "the first taken out", "in another order", "put in", "cut short"])  # fmt: skip
def test_whoever_alters_the_log_is_found_at_the_line(log, change, verdict):
    rewrite(log, change)
    assert verify(log) == verdict
    assert not verdict.is_whole


def test_after_a_line_that_was_cut_short_the_next_begins_on_a_line_of_its_own(log):
    rewrite(log, lambda lines: [*lines[:4], lines[4][:20]])
    write(log, opened(6))
    assert verify(log) == Verdict(6, [5], [])
    assert read(log)["patient"].tolist() == ["P6", "P4", "P3", "P2", "P1"]
    assert verify(log).words == "6 lines, of which 1 cannot be read (the first is line 5)."


def test_what_was_written_stays_as_it_is(log):
    before = log.read_bytes()
    write(log, opened(6))
    assert log.read_bytes().startswith(before) and len(log.read_bytes()) > len(before)


@pytest.mark.parametrize("text", ["\n", 'x"}\n{"at": "x', "\u202eabc", "\x00", "\N{SKULL}", "Zoë", "=1+1"])
def test_no_text_can_make_a_second_line(tmp_path, text):
    write(tmp_path / "log", opened(1, patient=text))
    assert (tmp_path / "log").read_bytes().count(b"\n") == 1
    assert read(tmp_path / "log")["patient"].iloc[0] == text
    assert verify(tmp_path / "log").is_whole


def test_half_a_letter_does_not_make_the_log_unreadable(tmp_path):
    write(tmp_path / "log", opened(1, patient="P\ud83d"))
    assert read(tmp_path / "log")["patient"].tolist() == ["P?"]


def test_a_text_as_long_as_somebody_likes_is_cut(tmp_path):
    for number in (1, 2, 3):
        write(tmp_path / "log", opened(number, what="\u0007" * 100_000, patient="P" * 100_000))
    assert read(tmp_path / "log")["what"].str.len().tolist() == [access_log.MOST_CHARACTERS] * 3
    assert verify(tmp_path / "log").is_whole


def test_several_processes_write_at_once_and_no_line_is_lost_or_mixed(tmp_path):
    file = tmp_path / "log"
    started = [
        subprocess.Popen([sys.executable, "-c", WRITING, str(file), f"writer {number}", str(LINES)])
        for number in range(WRITERS)
    ]
    assert [process.wait(timeout=120) for process in started] == [0] * WRITERS
    assert verify(file) == Verdict(WRITERS * LINES)
    rows = read(file)
    for number in range(WRITERS):
        own = rows.loc[rows["who"].eq(f"writer {number}"), "patient"].tolist()
        assert own == [str(line) for line in reversed(range(LINES))]


def test_where_a_line_cannot_be_written_whole_none_of_it_stays(log, monkeypatch):
    before = log.read_bytes()
    whole = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, line: whole(descriptor, line[:10]))
    with pytest.raises(LogError, match="the access log cannot be written: the disk is full"):
        write(log, opened(6))
    assert log.read_bytes() == before


def test_on_a_full_device_and_where_there_is_no_place_it_is_said(tmp_path):
    with pytest.raises(LogError, match="cannot be written"):
        write(tmp_path / "no" / "folder", opened())
    (tmp_path / "folder").mkdir()
    with pytest.raises(LogError, match="cannot be written: Is a directory"):
        write(tmp_path / "folder", opened())
    with pytest.raises(LogError, match="cannot be read"):
        read(tmp_path / "folder")


def test_the_command_prints_the_log_and_says_whether_it_is_whole(log, capsys):
    database = str(log.with_name("leuko.duckdb"))
    write(log, opened(6, patient="=1+1"))
    assert leuko(["access", "--db", database]) == 0
    told = capsys.readouterr()
    rows = told.out.splitlines()
    assert rows[0] == ",".join(access_log.COLUMNS) and len(rows) == 7
    assert ",'=1+1," in rows[1]  # no cell of it runs as a formula
    assert told.err == "6 lines, each follows the one before it.\n"
    rewrite(log, lambda lines: [*lines[:2], *lines[3:]])
    assert leuko(["access", "--db", database]) == 1
    assert "after a line altered or taken out (the first is line 3)" in capsys.readouterr().err


def test_the_command_reads_the_log_that_the_table_names(tmp_path, capsys):
    table = 'log = "elsewhere.jsonl"\n[[grant]]\nvalue = "a"\nrole = "admin"\nsites = "all"\n'
    (tmp_path / "access.toml").write_text(table, encoding="utf-8")
    write(tmp_path / "elsewhere.jsonl", opened())
    assert leuko(["access", "--db", str(tmp_path / "leuko.duckdb")]) == 0
    assert "P1" in capsys.readouterr().out


def test_every_line_is_json_for_other_programs(log):
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    assert [{*line} for line in lines] == [{*access_log.COLUMNS, access_log.BEFORE}] * 5
