"""The bar of a load in the terminal: it fills with the work, and where there is no terminal nothing is written."""

import re

import duckdb
import pytest

from leuko import sources
from leuko.__main__ import main
from leuko.progress import Bar

LABS = "patient_id,analyte,value,unit,collected_at\nA,anc,2,K/uL,2024-01-02\n"
DOSES = "patient_id,drug,dose_mg,start_on\nA,dasatinib,100,2024-01-01\n"


@pytest.fixture
def as_terminal(monkeypatch):
    """Called in a test, makes a terminal of the stream that pytest put in the place of stderr."""
    return lambda: monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "labs.csv").write_text(LABS)
    (tmp_path / "exposures.csv").write_text(DOSES)
    return tmp_path


def load(folder):
    return main(["load", "--from", str(folder), "--db", str(folder / "x.duckdb")])


def shares(written):
    return [int(share) for share in re.findall(r"(\d+)%", written)]


def test_the_bar_fills_from_the_first_file_to_the_published_one(folder, as_terminal, capsys):
    as_terminal()
    assert load(folder) == 0
    written = capsys.readouterr().err
    said = shares(written)
    assert said == sorted(said)
    assert (said[0], said[-1], written[-1]) == (0, 100, "\n")
    assert len(set(said)) > 20
    parts = re.findall(r"%  (.*?) …", written)
    assert list(dict.fromkeys(parts)) == ["Reading the files", "Applying the rule", "Publishing"]
    assert parts == sorted(parts, key=list(dict.fromkeys(parts)).index)


def test_nothing_is_written_where_there_is_no_terminal(folder, capsys):
    assert load(folder) == 0
    assert capsys.readouterr() == ("", "")


def test_what_was_refused_stands_on_a_line_of_its_own(folder, as_terminal, capsys):
    as_terminal()
    (folder / "labs.csv").write_text("patient_id\n")
    assert load(folder) == 1
    bar, line, end = capsys.readouterr().err.split("\n")
    assert (line, end) == ("labs.csv: required column analyte is missing", "")
    assert shares(bar)[-1] < 100


def test_a_shorter_line_leaves_nothing_of_a_longer_one(as_terminal, capsys):
    as_terminal()
    with Bar({"A long part": 1, "End": 1}) as bar:
        bar.say("A long part")
        bar.say("End")
    first, second, third = capsys.readouterr().err.strip("\n").split("\r")[1:]
    assert first == f"[{'.' * 24}]   0%  A long part …"
    assert second == f"[{'#' * 12}{'.' * 12}]  50%  End …".ljust(len(first))
    assert third == f"[{'#' * 24}] 100%  End …"


def test_a_part_that_was_not_announced_leaves_the_bar_where_it_is(as_terminal, capsys):
    as_terminal()
    with Bar({"One": 1}) as bar:
        bar.say("Two")
        bar.step(1)
    assert capsys.readouterr().err == ""


def test_reading_tells_the_share_that_is_done(folder):
    told = []
    with duckdb.connect() as con:
        sources.read_csv(con, labs=folder / "labs.csv", exposures=folder / "exposures.csv", on_step=told.append)
    assert told == sorted(told)
    assert (told[-1], len(told)) == (1, 4 + 7)
