"""The unit of counts is the site's choice: with ×10⁹/L no page, figure or file shows a count of cells/µL, and none
says another unit; with cells/µL nothing is converted.

The laboratory of this ward sends 10*9/L. Each of its counts has in cells/µL a decimal that nothing else here has
(431.73), so whatever is drawn or handed out can be searched for one that was not converted.
"""

import json
import re
import shutil
import tomllib
from datetime import date

import duckdb
import numpy
import pandas
import pytest

from leuko import rules
from leuko.__main__ import main as leuko
from leuko.count_units import CELLS, CountUnit, named, names
from leuko.facts import read_rows
from leuko.publish import undo
from leuko.store import Filters, Store
from tests.rendered import drawn, text_of, watched_downloads
from tests.serving import ROOT, app_at

LITRE = named("10^9/L")
DAY, EARLIER = "2026-03-31", "2026-03-10"
COUNTS = {  # patient: (analyte, day, cells/µL)
    "HELD": [("anc", "2026-01-01", 4131.73), ("anc", "2026-03-02", 431.73), ("wbc", "2026-03-02", 2231.73),
             ("platelets", "2026-03-02", 131431.73)],
    "BACK": [("anc", "2026-01-01", 3131.73), ("anc", "2026-02-01", 331.73), ("anc", "2026-02-07", 1231.73),
             ("platelets", "2026-02-01", 41131.73), ("platelets", "2026-02-07", 151131.73), ("anc", DAY, 2131.73)],
    "FEVER": [("anc", "2026-03-28", 1531.73), ("anc", "2026-03-30", 731.73)],
    "WBC": [("anc", "2026-02-01", 2531.73), ("wbc", "2026-03-30", 1831.73)],
    "ALONE": [("anc", "2026-03-30", 231.73)],
    "LATE": [("anc", "2026-01-01", 5131.73), ("anc", "2026-01-20", 631.73), ("anc", "2026-03-15", 461.73)],
    "CLOZ": [("anc", "2026-01-01", 2931.73), ("anc", "2026-03-29", 931.73)],
    "AL": [("anc", "2026-01-01", 2831.73), ("anc", "2026-03-25", 881.73), ("platelets", "2026-03-25", 21131.73)],
}  # fmt: skip
DRUGS = {"HELD": "dasatinib,,100", "BACK": "dasatinib,dasatinib-cp-us,100", "FEVER": "imatinib,,400",
         "WBC": "dasatinib,,100", "LATE": "dasatinib,dasatinib-cp-us,100", "CLOZ": "clozapine,,300",
         "AL": "dasatinib,dasatinib-advanced-us,140"}  # fmt: skip
PAGES = {
    "panel": [{}, {"as_of": EARLIER, "since": "2026-02-01"}],
    "patient": [*({"patient": patient} for patient in ("HELD", "FEVER", "WBC", "AL", "SIGN", "TWICE")),
                {"patient": "BACK", "scale": "log"}, {"patient": "BACK", "as_of": EARLIER}],
    "wall": [{}],
    "cohort": [{}, {"drug": "dasatinib", "anc": "median_anc", "weeks": "all"}],
    "protocols": [{"protocol": "clozapine-us"}, {"protocol": "mercaptopurine-anc"},
                  {"protocol": "dasatinib-cp-us", "part": "try"}],
    "data": [{}, {"check": "two_units"}, {"check": "low_resolution"}],
    "changes_if": [{"protocol": "dasatinib-cp-us", "instead": "dasatinib-cp-eln"}],
    "adherence": [{"measure": "hold_given", "ending": "not_met"}],
    "access": [{}],
}  # fmt: skip
CHARTS = ("trajectories", "weeks", "without_an_episode", "not_yet_recovered", "grades", "doses", "days")
UNCONVERTED = re.compile(r"(?<![\d.])(?:\d{1,3}(?:,\d{3})+|\d{3,})\.73(?!\d)")  # 431.73; 4,131.73; 131431.73
BARE = re.compile(r"\b(?:below|at least|at most|above|exactly) (?:\d{1,3},\d{3}|\d{3,})(?!\d| cells)")


def files(folder, unit):
    """The ward as it was on the earlier day (`before`) and what came since (`after`), in a folder with the setting."""
    folder.mkdir()
    settings = f'count_unit = "{unit.name}"\nminimum_denominator = 1\n'
    (folder / "settings.toml").write_text(settings, encoding="utf-8")
    rows = [
        f"{patient},{analyte},,{LITRE.number(cells).replace(',', '')},10*9/L,{day}T08:00"
        for patient, counts in COUNTS.items()
        for analyte, day, cells in counts
    ]
    rows += [
        "SIGN,anc,<,0.13173,10*9/L,2026-03-30T08:00",
        "TWICE,anc,,0.5217,10*9/L,2026-03-20T08:00", "TWICE,anc,,0.6217,K/uL,2026-03-20T08:00",
        "TWICE,anc,,5.217,10*8/L,2026-03-21T08:00",
        "COARSE,anc,,0.5,10*9/L,2026-03-20T08:00",
    ]  # fmt: skip
    parts = {
        "before": [row for row in rows if row.rpartition(",")[2][:10] <= EARLIER],
        "after": [row for row in rows if row.rpartition(",")[2][:10] > EARLIER],
    }
    head = "patient_id,analyte,comparator,value,unit,collected_at"
    doses = [f"{patient},{drug},mg,2026-01-02," for patient, drug in DRUGS.items()]
    doses += [f"{patient},dasatinib,,100,mg,2026-03-01," for patient in ("SIGN", "TWICE", "COARSE")]
    for name, part in parts.items():
        (folder / f"{name}.csv").write_text("\n".join([head, *part]) + "\n", encoding="utf-8")
    (folder / "exposures.csv").write_text(
        "\n".join(["patient_id,drug,setting,dose_mg,dose_unit,start_on,end_on", *doses]) + "\n", encoding="utf-8"
    )
    (folder / "events.csv").write_text(
        "patient_id,kind,value,occurred_at\nFEVER,fever,39.1,2026-03-30T09:00\nLATE,cytopenia_cause,treatment,2026-03-16\n",
        encoding="utf-8",
    )
    return folder


def published(folder, unit):
    """The ward loaded up to the earlier day, and then what came since added to it."""
    files(folder, unit)
    db = str(folder / "leuko.duckdb")
    first = [f"--{kind}={folder / name}.csv" for kind, name in (("labs", "before"), ("exposures", "exposures"))]
    assert leuko(["load", *first, f"--events={folder / 'events.csv'}", "--db", db, "--as-of", EARLIER]) == 0
    assert leuko(["load", "--add", f"--labs={folder / 'after.csv'}", "--db", db, "--as-of", DAY]) == 0
    return folder / "leuko.duckdb"


@pytest.fixture(scope="module")
def wards(tmp_path_factory):
    """The same ward twice, by the unit of its site."""
    place = tmp_path_factory.mktemp("wards")
    return {unit: published(place / f"power{unit.power}", unit) for unit in (CELLS, LITRE)}


@pytest.fixture(scope="module")
def unserved(wards, tmp_path_factory):
    """The same as files that no page has open."""
    place = tmp_path_factory.mktemp("unserved")
    copied = {unit: shutil.copytree(db.parent, place / db.parent.name, symlinks=True) for unit, db in wards.items()}
    return {unit: folder / "leuko.duckdb" for unit, folder in copied.items()}


@pytest.fixture(scope="module")
def published_texts():
    """What protocols, checks, alerts and settings quote or explain with a number: it keeps its own unit."""
    texts = set()

    def collect(value):
        if isinstance(value, dict):
            collect(list(value.values()))
        elif isinstance(value, list):
            for each in value:
                collect(each)
        elif isinstance(value, str):
            texts.add(value)

    for file in sorted((ROOT / "leuko" / "protocols").glob("*.toml")):
        collect(tomllib.loads(file.read_text(encoding="utf-8")))
    for table in ("alert_kinds", "checks/checks", "settings", "wbc_limits"):
        collect([row["source"] for row in read_rows(table)])
    return sorted((text for text in texts if re.search("cells/µL|[0-9]", text)), key=len, reverse=True)


def without(text, published_texts):
    """A text as it was sent, without what is quoted; once more as JSON, as a figure quotes it."""
    for quoted in published_texts:
        for form in (quoted, json.dumps(quoted)[1:-1], json.dumps(quoted, ensure_ascii=False)[1:-1]):
            text = text.replace(form, "")
    return text


def numbers_in(frame):
    """Every number of a table, also those in lists: whoever takes the table along takes these."""
    for column in frame:
        for value in frame[column]:
            if isinstance(value, list | tuple | numpy.ndarray):
                yield from map(float, value)
            elif isinstance(value, int | float | numpy.number) and not pandas.isna(value):
                yield float(value)


@pytest.mark.parametrize(
    ("where", "address"), [(where, address) for where, addresses in PAGES.items() for address in addresses]
)
def test_in_litres_no_page_figure_or_file_shows_a_count_in_another_unit(
    wards, published_texts, monkeypatch, where, address
):
    monkeypatch.setenv("LEUKO_DB", str(wards[LITRE]))
    handed_out = watched_downloads(monkeypatch)
    app = app_at("dashboard.py", {}, timeout=120)
    for name, value in address.items():
        app.query_params[name] = value
    for chart in CHARTS:
        app.session_state[f"numbers_{chart}"] = True
    app.switch_page(f"pages/{where}.py").run()
    assert not app.exception
    whole = "\n".join([drawn(app), *map(text_of, handed_out)]).replace("\xa0", " ").replace("\\u00a0", " ")
    said = without(whole, published_texts)
    for wrong in ("cells/µL", "cells/\\u00b5L"):
        assert wrong not in said, said[said.index(wrong) - 200 :][:300]
    assert UNCONVERTED.findall(said) == []
    assert BARE.findall(said) == []
    counted = {cells for counts in COUNTS.values() for *_, cells in counts}
    for table in app.dataframe:
        assert not counted & {*numbers_in(table.value)}


def test_every_page_is_visited():
    assert set(PAGES) == {path.stem for path in (ROOT / "pages").glob("*.py")}


def test_the_walk_would_find_a_count_that_was_not_converted(wards, published_texts, monkeypatch):
    """In cells/µL the same search finds the unit, the counts and the thresholds."""
    monkeypatch.setenv("LEUKO_DB", str(wards[CELLS]))
    app = app_at("dashboard.py", {"patient": "HELD"}, timeout=120).switch_page("pages/patient.py").run()
    said = without(drawn(app), published_texts)
    assert "cells/µL" in said and "×10⁹/L" not in said
    assert {"431.73", "4,131.73", "4131.73"} <= {*UNCONVERTED.findall(said)}
    assert {"below 500", "at least 1,000"} <= {*BARE.findall(said)}
    assert {431.73, 4131.73} <= {number for table in app.dataframe for number in numbers_in(table.value)}


def test_what_is_said_of_a_patient_in_either_unit(wards):
    said = {}
    for unit, db in wards.items():
        store = Store(db)
        view = store.view()
        listed = view.worklist(Filters()).set_index("patient_id")
        alerts = view.alerts(Filters()).set_index("patient_id")
        said[unit] = {
            "HELD": listed.at["HELD", "why"], "BACK": listed.at["BACK", "why"],
            "FEVER": alerts.at["FEVER", "why"], "WBC": alerts.at["WBC", "why"], "ALONE": alerts.at["ALONE", "why"],
            "SIGN": listed.at["SIGN", "why"],
            "new": view.changes(Filters()).set_index("patient_id").at["SIGN", "counts"],
        }  # fmt: skip
        store.close()
    assert said[CELLS]["HELD"] == "ANC 431.73 on 2 March 2026 is below 500."
    assert said[LITRE]["HELD"] == "ANC 0.43173 ×10⁹/L on 2 March 2026 is below 0.5 ×10⁹/L."
    assert "ANC <131.73 on 30 March 2026 is below 500." in said[CELLS]["SIGN"]
    assert "ANC <0.13173 ×10⁹/L on 30 March 2026 is below 0.5 ×10⁹/L." in said[LITRE]["SIGN"]
    assert said[CELLS]["new"] == "ANC <131.73 cells/µL of 30 March 2026"
    assert said[LITRE]["new"] == "ANC <0.13173 ×10⁹/L of 30 March 2026"
    named_in = {"FEVER": ("731.73", "1,531.73"), "WBC": ("1,831.73", "3,000"), "ALONE": ("231.73", "500")}
    for patient, counts in named_in.items():
        for count in counts:
            assert count in said[CELLS][patient]
            assert LITRE.sentence(float(count.replace(",", ""))) in said[LITRE][patient]


def test_what_is_kept_and_decided_is_the_same_in_either_unit(unserved):
    """Numbers, statuses and doses: only sentences differ."""
    found = {}
    for unit, db in unserved.items():
        with duckdb.connect(str(db), read_only=True) as con:
            found[unit] = [
                con.execute(f"SELECT {columns} FROM {table} ORDER BY ALL").fetchall()
                for table, columns in {
                    "labs": "patient_id, analyte, value, comparator, collected_at",
                    "worklist": "patient_id, drug, protocol, status, dose_mg, since, last_anc, last_anc_on, certainty",
                    "episodes": "patient_id, episode, onset_on, recovered_on, anc_nadir, platelets_nadir",
                    "recommendations": "patient_id, decided_on, action, dose_mg, clause",
                    "alerts": "patient_id, kind, since, answered, grave",
                    "check_results": '"check", result, looked_at, failing',
                    "thresholds": "protocol, analyte, hold, resume",
                }.items()
            ]
    assert found[CELLS] == found[LITRE]


def test_the_tables_of_the_rule_stay_in_cells_with_their_sentences(unserved, tmp_path):
    """`evaluate` writes fixed columns in cells/µL, so its sentences are in cells/µL too."""
    for unit, db in unserved.items():
        assert leuko(["evaluate", "--db", str(db), "--out", str(tmp_path / f"power{unit.power}")]) == 0
    for name in ("worklist", "recommendations", "alerts", "episodes"):
        cells, litre = ((tmp_path / f"power{unit.power}" / f"{name}.csv").read_text() for unit in unserved)
        assert cells == litre
    assert "431.73" in (tmp_path / "power3" / "worklist.csv").read_text()


def test_what_the_command_line_says_of_a_database_is_in_its_unit(unserved, published_texts, tmp_path, capsys):
    capsys.readouterr()
    for arguments in ([], ["--since", EARLIER]):
        assert leuko(["changes", "--db", str(unserved[LITRE]), *arguments]) == 0
    assert leuko(["audit", "--db", str(unserved[LITRE]), "--out", str(tmp_path)]) == 0
    protocols = str(ROOT / "leuko" / "protocols")
    assert leuko(["diff", "--db", str(unserved[LITRE]), "--protocols", protocols, "--out", str(tmp_path)]) == 0
    written = [text_of(file.read_bytes()) for file in sorted(tmp_path.iterdir())]
    said = without("\n".join([capsys.readouterr().out, *written]), published_texts)
    assert "0.13173 ×10⁹/L" in said
    assert "cells/µL" not in said and not UNCONVERTED.findall(said) and not BARE.findall(said)


# ---- when it takes effect ----------------------------------------------------------------------


def unit_of(db):
    store = Store(db)
    try:
        listed = store.view().worklist(Filters()).set_index("patient_id")
        return store.unit, store.settings_waiting, listed.at["HELD", "why"]
    finally:
        store.close()


def test_a_changed_unit_waits_for_the_next_load_and_then_holds_for_every_sentence(tmp_path):
    """Never two units in one file: what was not touched by the load is said anew too, and an undo goes back whole."""
    db = published(tmp_path / "ward", CELLS)
    folder = db.parent
    (folder / "settings.toml").write_text('count_unit = "10^9/L"\n', encoding="utf-8")
    unit, waiting, why = unit_of(db)
    assert (unit, waiting) == (CELLS, ("count_unit",)) and "431.73" in why
    new = "patient_id,analyte,value,unit,collected_at\n{},anc,2.5,10*9/L,2026-03-31T09:00\n"
    (folder / "new.csv").write_text(new.format("ALONE"), encoding="utf-8")
    assert leuko(["load", "--add", f"--labs={folder / 'new.csv'}", "--db", str(db)]) == 0
    unit, waiting, why = unit_of(db)
    assert (unit, waiting) == (LITRE, ()) and "0.43173 ×10⁹/L" in why
    undo(db)
    unit, waiting, why = unit_of(db)
    assert (unit, waiting) == (CELLS, ("count_unit",)) and "431.73" in why
    (folder / "new.csv").write_text(new.format("WBC"), encoding="utf-8")
    assert leuko(["load", "--add", f"--labs={folder / 'new.csv'}", "--db", str(db)]) == 0
    unit, waiting, why = unit_of(db)
    assert (unit, waiting) == (LITRE, ()) and "0.43173 ×10⁹/L" in why


# ---- a count in words --------------------------------------------------------------------------


SAID = {  # cells/µL: as digits of cells/µL, and of 10⁹/L
    0: ("0", "0"), 1: ("1", "0.001"), 350: ("350", "0.35"), 499.9999: ("499.9999", "0.4999999"), 500: ("500", "0.5"),
    999: ("999", "0.999"), 1000: ("1,000", "1"), 1001: ("1,001", "1.001"), 1500: ("1,500", "1.5"),
    100_000: ("100,000", "100"), 1_234_567: ("1,234,567", "1,234.567"), 1234.567: ("1,234.567", "1.234567"),
    499.99999999999994: ("499.99999999999994", "0.49999999999999994"),
}  # fmt: skip


@pytest.mark.parametrize(("cells", "digits"), SAID.items())
@pytest.mark.parametrize("place", range(2))
def test_a_count_keeps_its_digits_and_gains_none(cells, digits, place):
    unit = named(names()[place])
    assert unit.number(cells) == digits[place]
    assert unit.said(cells) == f"{digits[place]} {unit.words}"
    assert float(digits[place].replace(",", "")) == unit.value(cells)
    with duckdb.connect() as con:
        rules.write_words(con, unit)
        said = con.execute("SELECT cells_number($1), cells_said($1), cells_words($1)", [float(cells)]).fetchall()[0]
    assert [*said] == [unit.number(cells), unit.said(cells), unit.sentence(cells)]


def test_a_bare_number_in_a_sentence_is_of_cells_alone():
    assert CELLS.sentence(500) == "500"
    assert LITRE.sentence(500) == "0.5 ×10⁹/L"


def test_days_doses_and_episodes_are_never_converted():
    with duckdb.connect() as con:
        rules.write_words(con, LITRE)
        (said,) = con.execute(
            """SELECT [
                days_words(1500), dose_words(500, 'mg'), condition_words('episode', '>=', 3),
                condition_words('days_to_recovery', '<=', 7), condition_words('platelets_nadir', '<', 25000)
            ]"""
        ).fetchall()[0]
    assert said == ["1,500 days", "500 mg", "at least 3", "at most 7", "below 25 ×10⁹/L"]


def test_every_unit_has_a_source_and_can_be_read_back():
    """What a reader types in a unit goes through the reader of every file."""
    known = {row["spelling"]: row for row in read_rows("units")}
    for row in read_rows("count_units"):
        assert row["source"] and known[row["unit"]]["power"] == row["power"]
    assert [*map(named, names())] == [CELLS, LITRE] == [CountUnit("cells/uL", "cells/µL", 0), LITRE]


@pytest.mark.parametrize("unit", [CELLS, LITRE])
def test_an_imagined_patient_is_typed_in_the_unit_and_judged_alike(wards, unit):
    from leuko.checker import Typed, ask

    store = Store(wards[unit])
    typed = Typed(
        counts=(("2026-01-01", unit.number(3000).replace(",", ""), ""), ("2026-01-08", unit.number(499), "")),
        doses=(("2026-01-01", "100"),),
    )
    answer = ask(store, "dasatinib-guideline", "dasatinib", typed)
    store.close()
    assert answer.patient.worklist["status"].tolist() == ["hold"]
    assert answer.counts["value"].tolist() == [3000, 499]
    said = f"ANC {unit.sentence(499)} on 8 January 2026 is below {unit.sentence(500)}."
    assert said in answer.patient.worklist["why"][0]
    assert answer.as_of == date(2026, 1, 8)
