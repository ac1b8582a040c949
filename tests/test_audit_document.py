"""docs/audit.md says what the audit does: its measures, endings, reasons and settings, and a count made by hand."""

import re

import pytest

from leuko import audit, measures
from leuko.__main__ import main
from leuko.extract import ENDINGS
from leuko.measures import MEASURES
from leuko.settings import default_settings
from leuko.store import Store
from leuko.workbook import plain_cells
from tests import hostile
from tests.serving import ROOT
from tests.test_documentation import code, section, tables

TEXT = (ROOT / "docs" / "audit.md").read_text(encoding="utf-8")
WORDS = {word: ending for ending, (word, _) in ENDINGS.items()}
ANY = "…"


@pytest.fixture(scope="module")
def demonstration(tmp_path_factory):
    path = tmp_path_factory.mktemp("demonstration") / "leuko.duckdb"
    assert main(["load", "--from", str(ROOT / "data"), "--db", str(path)]) == 0
    store = Store(path)
    yield store
    store.close()


def test_the_measures_are_those_of_the_sql_files_in_their_words():
    (listed,) = (table for table in tables(section(TEXT, "What is counted")) if "measure" in table[0])
    found = [row.pop("measure") for row in listed]
    assert found == [f"`{name}` {measure.title}" for name, measure in MEASURES.items()]
    for row, measure in zip(listed, MEASURES.values(), strict=True):
        setting = "none" if measure.grace == "none" else f"`{measure.grace}`"
        assert row == {
            "population": measure.population,
            "met where": measure.numerator,
            "excluded": measure.exclusions,
            "one event": measure.grain,
            "setting": setting,
            "unit": measure.unit,
            "standard": measure.standard,
        }


def test_the_endings_are_explained_as_everywhere():
    rows = tables(section(TEXT, "Four endings"))[0]
    assert {row["ending"]: row["meaning"] for row in rows} == dict(ENDINGS.values())


def test_the_settings_are_those_that_ship():
    (listed,) = tables(section(TEXT, "Settings"))
    assert [row["setting"] for row in listed] == [f"`{name}`" for name in default_settings()]
    for row, setting in zip(listed, default_settings().values(), strict=True):
        bounds = (row["default"], row["from"], row["to"])
        assert bounds == (setting.in_words, setting.written(setting.least), setting.written(setting.most))
        assert (row["what it means"], row["source"]) == (setting.what, setting.source)


def test_every_setting_of_a_grace_period_is_one_that_takes_effect_at_once():
    said = section(TEXT, "Settings").partition("|")[0]
    at_load = {"follow_up_every_days"} & set(code(said))
    assert at_load == {"follow_up_every_days"}
    assert not at_load & {measure.grace for measure in MEASURES.values()}


# ---- reasons -----------------------------------------------------------------------------------


def reasons():
    """(measure, ending, reason with … for what differs) of every row."""
    graced = [name for name, measure in MEASURES.items() if measure.grace != "none"]
    for row in tables(section(TEXT, "Reasons"))[0]:
        (reason,) = code(row["reason"])
        for name in code(row["measure"]) or graced:
            yield name, WORDS[row["ending"]], reason


def pattern(reason):
    return ".*".join(re.escape(part) for part in reason.split(ANY))


def test_every_reason_that_occurs_is_listed_with_its_measure_and_ending(demonstration, tmp_path):
    hospital = Store(hostile.database(tmp_path, range(30)))
    listed = list(reasons())
    for store in (demonstration, hospital):
        with store.cursor() as cursor:
            found = cursor.execute(
                "SELECT DISTINCT measure, ending, reason FROM audit_events WHERE reason IS NOT NULL"
            ).fetchall()
        assert len(found) > 20
        for measure, ending, reason in found:
            fitting = (pattern(each) for name, kind, each in listed if (name, kind) == (measure, ending))
            assert any(re.fullmatch(each, reason) for each in fitting), (measure, ending, reason)
    hospital.close()


def test_every_listed_reason_is_in_the_sql():
    sql = "\n".join([*measures.TEXTS.values(), measures.WORDS]).replace("''", "'")
    for measure, _, reason in reasons():
        for part in reason.split(ANY):
            # `held` or `reduced`, `higher` or `lower` are put before the same words
            assert part.strip() in sql or part.strip().partition(" ")[2] in sql, (measure, reason)
    assert all(measure in MEASURES for measure, *_ in reasons())


# ---- the count by hand -------------------------------------------------------------------------


def by_hand():
    return tables(section(TEXT, "A count by hand"))[0]


HILL = audit.Scope(site=("Hill",))


def test_the_count_by_hand_agrees_event_by_event(demonstration):
    events = demonstration.view().audit_events(demonstration.settings, HILL, "cause_looked_for")
    columns = ["patient_id", "drug", "episode", "due_on", "happened_on", "days", "ending"]
    found = sorted(map(list, zip(*(plain_cells(events[column]) for column in columns), strict=True)))
    heads = ("patient", "drug", "episode", "reported", "cause recorded", "days")
    assert found == sorted([*(row[head] for head in heads), WORDS[row["ending"]]] for row in by_hand())


def test_the_sum_of_the_count_by_hand_is_the_number_of_the_page(demonstration):
    every = demonstration.view().measures(demonstration.settings, HILL)
    counted = every.set_index("measure").loc["cause_looked_for"]
    by_ending = [sum(row["ending"] == word for row in by_hand()) for word in WORDS]
    assert by_ending == [counted[ending] for ending in WORDS.values()]
    met, not_met, excluded, cannot_tell = by_ending
    said = " ".join(section(TEXT, "A count by hand").split())
    assert f"{met} met + {not_met} not met + {excluded} excluded + {cannot_tell} cannot tell = {len(by_hand())}" in said
    assert f"{met} of {met + not_met} ({100 * counted['rate']:.0f} %)" in said


def test_the_count_by_hand_stands_in_the_files():
    lines = (ROOT / "data" / "events.csv").read_text(encoding="utf-8").splitlines()
    for row in by_hand():
        if row["cause recorded"]:
            start = f"{row['patient']},cytopenia_cause,{row['cause']},{row['cause recorded']}T"
            assert any(line.startswith(start) for line in lines), start


# ---- what it names exists ----------------------------------------------------------------------


def test_links_and_files_of_the_document_exist():
    for target in re.findall(r"\]\(([^)\s]+)\)", TEXT):
        path, _, anchor = target.partition("#")
        file = ROOT / "docs" / path
        assert file.exists(), target
        headings = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
        assert not anchor or anchor in [heading.lower().replace(" ", "-") for heading in headings], target
    for name in code(TEXT):
        if re.fullmatch(r"(leuko|tests|data|docs)/\S*", name):
            assert (ROOT / name).exists(), name


def test_the_files_that_the_command_writes_are_listed(demonstration, tmp_path):
    assert main(["audit", "--db", demonstration.path, "--out", str(tmp_path)]) == 0
    listed = {name for row in tables(section(TEXT, "Out of the app"))[0] for name in code(row["file"])}
    assert listed == {path.name for path in tmp_path.iterdir()} | {"report.pdf"}
