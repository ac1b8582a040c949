"""The large screen: what is to be done and for whom first, without a click; nobody is silently left out."""

import re

import pytest

from leuko.publish import load_csv
from tests.serving import app_at

LABS = "patient_id,analyte,value,unit,collected_at\n"
EXPOSURES = "patient_id,drug,dose_mg,start_on\n"
PATIENTS = "patient_id,name,site\n"


def ward(folder, holds: int, name: str = "Ida Kern"):
    """A database of so many patients with an ANC of 430 on dasatinib, and one who may continue."""
    people = [f"P{number:02d}" for number in range(holds)]
    files = {
        "labs": LABS + "".join(f"{who},anc,430,cells/uL,2026-03-02T08:00\n" for who in people)
        + "C1,anc,3000,cells/uL,2026-03-02T08:00\n",
        "exposures": EXPOSURES + "".join(f"{who},dasatinib,100,2026-02-01\n" for who in [*people, "C1"]),
        "patients": PATIENTS + "".join(f'{who},"{name}",{"North" if who < "P02" else "South"}\n' for who in people),
    }
    for kind, text in files.items():
        (folder / f"{kind}.csv").write_text(text, encoding="utf-8")
    load_csv(folder / "ward.duckdb", **{kind: folder / f"{kind}.csv" for kind in files})
    return folder / "ward.duckdb"


@pytest.fixture
def open_wall(tmp_path, monkeypatch):
    """`open_wall(3, site="North")`: the words of the large screen over a ward with three holds."""

    def run(holds: int, name: str = "Ida Kern", **address) -> str:
        monkeypatch.setenv("LEUKO_DB", str(ward(tmp_path, holds, name)))
        app = app_at("dashboard.py", address, timeout=60)
        app.switch_page("pages/wall.py").run()
        assert not app.exception
        return next(piece.value for piece in app.get("html") if "wall-head" in piece.value)

    return run


def rows(words: str) -> list[str]:
    return re.findall("<tr>(.*?)</tr>", words.partition("<tbody>")[2])


def test_it_says_how_many_need_what_and_lists_them_first_in_line_first(open_wall):
    words = open_wall(3)
    assert "3 patients need a hold" in words
    assert re.findall("<th>(.*?)</th>", words) == ["Status", "Patient", "What to do", "Since"]
    assert ["Hold" in row for row in rows(words)] == [True] * 3
    assert [re.search(r"P\d\d", row)[0] for row in rows(words)] == ["P00", "P01", "P02"]
    assert "Nobody else waits." in words


@pytest.mark.parametrize(("holds", "left"), [(14, "Nobody else waits."), (15, "And 1 more on the panel.")])
def test_who_has_no_place_is_counted(open_wall, holds, left):
    words = open_wall(holds)
    assert len(rows(words)) == 14
    assert left in words


def test_the_filters_of_the_address_hold_and_are_said(open_wall):
    words = open_wall(4, site="North")
    assert len(rows(words)) == 2
    assert "Only site North." in words


def test_where_nobody_waits_it_says_so(open_wall):
    words = open_wall(0)
    assert rows(words) == []
    assert "0 patients need a hold" in words


def test_a_name_from_the_data_is_text(open_wall):
    assert "<script>" not in open_wall(1, name="<script>alert(1)</script>")
