"""The documents say what the code does: what README.md and the pages of docs/ name must exist, and be all of it."""

import argparse
import re
import tomllib
from datetime import date, timedelta
from decimal import Decimal

import pandas
import pytest
from pydantic import BaseModel

import leuko
from leuko import alerts, sources
from leuko.__main__ import build_parser
from leuko.facts import read_rows
from leuko.protocols import Protocol, conditions, schema
from tests.serving import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
RULE = (ROOT / "docs" / "rule.md").read_text(encoding="utf-8")
ALERTS = (ROOT / "docs" / "alerts.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
FIRST_DAY = date(2026, 1, 1)
DRUGS = {protocol.id: protocol.drug for protocol in leuko.load_protocols()}
REASON_FILES = ("sources/2_labs", "sources/4_exposures", "sources/5_patients", "sources/6_events")


def section(text, heading):
    """What stands under a heading, up to the next one of its level or above."""
    found = re.search(rf"^(##+) {re.escape(heading)}\n", text, re.MULTILINE)
    assert found, f"there is no heading {heading!r}"
    rest = text[found.end() :]
    return re.split(rf"^#{{1,{len(found[1])}}} ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def tables(text):
    """The tables of a text, each a list of rows (dicts by column)."""
    found = []
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        lines = [line.strip("|").split("|") for line in block.splitlines()]
        names, _, *rows = ([cell.strip() for cell in line] for line in lines)
        found.append([dict(zip(names, row, strict=True)) for row in rows])
    return found


def code(text):
    """The words between single backticks, outside of fenced blocks."""
    return re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))


def fenced(text, language):
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


# ---------------------------------------------------------------- the rule


def test_the_worklist_lists_every_status_and_their_urgency():
    worklist = section(RULE, "The worklist")
    listed = [status for row in tables(worklist)[0] for status in code(row["status"])]
    urgency = code(re.search(r"\*\*Urgency\*\*.*?\.\s+Within", worklist, re.DOTALL)[0])
    known = sorted(read_rows("statuses"), key=lambda row: int(row["urgency"]))
    assert set(listed) == {row["status"] for row in known}
    assert urgency == [row["status"] for row in known]


HEADING = re.compile(r"(docs/\w+\.md), ([^:]+):")
HEADED = [limit for limit in read_rows("limits") if HEADING.match(limit["source"])]


@pytest.mark.parametrize("limit", HEADED, ids=lambda limit: limit["name"])
def test_every_limit_stands_under_the_heading_that_its_source_names(limit):
    page, heading = HEADING.match(limit["source"]).groups()
    told = section((ROOT / page).read_text(encoding="utf-8"), heading)
    assert re.search(rf"\b{int(limit['value']):,} {limit['unit']}", told), "number and unit"


def reasons():
    """Every reason for which a row is set aside, as the SQL has it."""
    texts = [(ROOT / "leuko" / f"{name}.sql").read_text(encoding="utf-8") for name in REASON_FILES]
    found = {reason for text in texts for reason in re.findall(r"THEN\s+'([^']+)'", text)}
    reader = (ROOT / "leuko" / "sources" / "__init__.py").read_text(encoding="utf-8")
    unmatched = next((ROOT / "leuko" / "rules").glob("*_unmatched.sql")).read_text(encoding="utf-8")
    found |= {reason.strip() for reason in re.findall(r"(?:THEN|ELSE) '([^']+)'", unmatched)}
    return found | set(re.findall(r"'(malformed line): '", reader))


def test_every_reason_to_set_a_row_aside_is_listed():
    rows = tables(section(RULE, "Results that are set aside"))[0]
    listed = [reason for row in rows for reason in code(row["reason"])]
    assert len(listed) == len(set(listed))
    assert set(listed) == reasons()


# ---------------------------------------------------------------- alerts


ORDINALS = {2: "second", 3: "third", 4: "fourth"}


def of_alerts():
    """The rows of limits.csv that the alerts read, and those of settings.csv."""
    texts = "\n".join((*alerts.STEPS.values(), *alerts.TEXTS.values()))
    limits = [row for row in read_rows("limits") if re.search(rf"\blimits\.{row['name']}\b", texts)]
    settings = [row for row in read_rows("settings") if re.search(rf"\${row['name']}\b", texts)]
    return limits, settings


def numbers_in(text):
    return set(re.findall(r"(?<![\w.])\d+(?:,\d{3})*(?:\.\d+)?", text))


def in_text(row):
    return f"{Decimal(row['value']):,}"


def test_the_alerts_are_listed_by_urgency():
    known = sorted(read_rows("alert_kinds"), key=lambda row: int(row["urgency"]))
    assert [row["kind"] for row in tables(ALERTS)[0]] == [f"`{row['kind']}`" for row in known]


def test_every_limit_stands_in_a_document():
    assert [row["name"] for row in read_rows("limits") if row not in HEADED and row not in of_alerts()[0]] == []


def test_the_numbers_of_the_alerts_are_those_of_their_tables_and_no_others():
    limits, settings = of_alerts()
    by_name = {row["name"]: row for row in (*limits, *settings)}
    (white_cells,) = (f"{Decimal(row['below']):,}" for row in read_rows("wbc_limits") if not row["drug"])
    fahrenheit = Decimal(by_name["fever_once"]["value"]) * 9 / 5 + 32
    from_episode = by_name.pop("gcsf_from_episode")
    assert f"the {ORDINALS[int(from_episode['value'])]} or later" in ALERTS
    assert numbers_in(ALERTS) == {in_text(row) for row in by_name.values()} | {white_cells, str(fahrenheit)}
    words = " ".join(ALERTS.split())
    for row in by_name.values():
        assert row["unit"] == "cells/µL" or f"{in_text(row)} {row['unit']}" in words, row["name"]


def test_every_local_convention_of_the_alerts_is_called_one():
    told = " ".join(ALERTS.partition("**Local conventions**")[2].split())
    limits, settings = of_alerts()
    for row in limits:
        if row["source"].startswith("local convention"):
            assert f"{in_text(row)} {row['unit']}" in told, row["name"]
    assert {row["name"] for row in settings} <= set(code(told))


# ---------------------------------------------------------------- protocol files


def parts():
    """The tables of a protocol file, each with its keys."""
    return [
        each
        for each in vars(schema).values()
        if isinstance(each, type) and issubclass(each, BaseModel) and each.__module__ == schema.__name__
    ]


def keys_in(written):
    if isinstance(written, dict):
        for key, value in written.items():
            yield key
            yield from keys_in(value)
    elif isinstance(written, list):
        for each in written:
            yield from keys_in(each)


def test_the_example_of_a_protocol_file_has_every_key_and_is_accepted():
    (example,) = fenced(section(RULE, "A protocol file"), "toml")
    Protocol.model_validate(tomllib.loads(example))
    known = {key for part in parts() for key in part.model_fields}
    assert set(keys_in(tomllib.loads(example))) == known


def test_the_words_of_a_protocol_file_are_listed():
    named = set(re.findall(r"[\w<>=]+", " ".join(code(section(RULE, "A protocol file")))))
    words = {*conditions.OPERATORS, *schema.FACTS, *schema.DRAW_FACTS, *conditions.DOSE_RULES, *schema.Action.__args__}
    assert words <= named
    known = {key for part in parts() for key in part.model_fields}
    assert known <= named | {*schema.FACTS, *schema.DRAW_FACTS}


def test_readme_quotes_a_protocol_that_ships():
    (excerpt,) = fenced(README, "toml")
    quoted = tomllib.loads(excerpt)
    shipped = tomllib.loads((ROOT / "leuko/protocols/dasatinib-guideline.toml").read_text(encoding="utf-8"))
    assert quoted["anc"].items() <= shipped["anc"].items()
    assert len(quoted["recovery"]) == len(shipped["recovery"])
    for clause, original in zip(quoted["recovery"], shipped["recovery"], strict=True):
        assert clause.items() <= original.items()


def test_readme_names_the_drugs_that_have_a_table_and_how_many_there_are():
    number, drugs = re.search(r"^(\d+) tables ship, for (.*?)\. ", README, re.DOTALL | re.MULTILINE).groups()
    shipped = leuko.load_protocols()
    assert int(number) == len(shipped)
    assert re.split(r",\s+|\s+and\s+", drugs) == sorted({protocol.drug for protocol in shipped})


# ---------------------------------------------------------------- worked examples


EXAMPLES = re.findall(r"^### (.+)\n", section(RULE, "Worked examples"), re.MULTILINE)


def day(number):
    return FIRST_DAY + timedelta(days=int(number))


def frames(rows, protocol):
    """Labs, exposures and events of an example; a dose holds until the next one."""
    labs = [
        {
            "patient_id": "P", "analyte": column.lower(), "value": row[column], "unit": "/uL",
            "collected_at": day(row["day"]),
        }
        for row in rows
        for column in ("ANC", "platelets")
        if row.get(column)
    ]  # fmt: skip
    doses = [row for row in rows if row["dose"]]
    ends = [day(row["day"]) - timedelta(days=1) for row in doses[1:]] + [None]
    exposures = [
        {
            "patient_id": "P", "drug": DRUGS[protocol], "setting": protocol, "dose_mg": row["dose"],
            "start_on": day(row["day"]), "end_on": end,
        }
        for row, end in zip(doses, ends, strict=True)
    ]  # fmt: skip
    events = [
        {"patient_id": "P", "kind": "cytopenia_cause", "value": row["cause"], "occurred_at": day(row["day"])}
        for row in rows
        if row.get("cause")
    ]
    return pandas.DataFrame(labs), pandas.DataFrame(exposures), pandas.DataFrame(events) if events else None


def number(value):
    return "" if value is None or pandas.isna(value) else f"{value:g}"


@pytest.mark.parametrize("heading", EXAMPLES)
def test_worked_example(heading):
    text = section(RULE, heading)
    protocol = re.match(r"\s*Protocol `([\w-]+)`", text)[1]
    rows, answers = tables(text)
    labs, exposures, events = frames(rows, protocol)
    assert answers
    for expected in answers:
        result = leuko.evaluate(labs, exposures, events, as_of=day(expected["on day"]))
        (row,) = result.worklist.to_dict("records")
        found = {
            "on day": expected["on day"],
            "status": f"`{row['status']}`",
            "dose": number(row["dose_mg"]),
            "since day": str((row["since"].date() - FIRST_DAY).days),
            "clause": number(next(iter(result.recommendations["clause"][::-1]), None)),
            "certainty": row["certainty"] if isinstance(row["certainty"], str) else "",
        }
        assert found == expected


# ---------------------------------------------------------------- README


def test_links_and_images_lead_somewhere():
    for name, text in {"README.md": README, "docs/rule.md": RULE, "docs/alerts.md": ALERTS}.items():
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            path, _, anchor = target.partition("#")
            file = (ROOT / name).parent / path if path else ROOT / name
            assert file.exists(), f"{name}: {target}"
            if anchor:
                headings = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
                assert anchor in [heading.lower().replace(" ", "-") for heading in headings], target


def test_the_layout_names_what_is_there():
    listed = re.findall(r"^ {4}(\S+)", section(README, "Repository"), re.MULTILINE)
    assert listed and [path for path in listed if not (ROOT / path).exists()] == []


def test_file_names_between_backticks_exist():
    names = {name for name in code(README + RULE + ALERTS) if re.fullmatch(r"(leuko|tests|data|docs|pages)/\S*", name)}
    assert [name for name in sorted(names) if not (ROOT / name).exists()] == []


def test_every_make_target_is_named_and_exists():
    targets = set(re.findall(r"^([a-z]+):", MAKEFILE, re.MULTILINE))
    named = set(re.findall(r"(?:`|^ {4})make ([a-z]+)", README + RULE, re.MULTILINE))
    assert named == targets
    for variable in re.findall(r"make [a-z]+ ([A-Z_]+)=", README):
        assert re.search(rf"^{variable} \?=", MAKEFILE, re.MULTILINE), variable


def options():
    """{option: the commands that take it} of the command line."""
    (commands,) = (each for each in build_parser()._actions if isinstance(each, argparse._SubParsersAction))
    taken = {}
    for command, parser in commands.choices.items():
        for option in (name for action in parser._actions for name in action.option_strings):
            taken.setdefault(option, set()).add(command)
    return {option: where for option, where in taken.items() if option not in ("-h", "--help")}


def test_every_option_of_the_command_line_is_listed_with_its_commands():
    (listed,) = (table for table in tables(README) if "option" in table[0])
    said = {option: set(row["for"].split(", ")) for row in listed for option in code(row["option"])}
    assert said == options()


def test_readme_names_no_option_that_does_not_exist():
    assert set(re.findall(r"(?<!\S)`?(--[a-z][a-z-]+)", README)) <= options().keys()


def test_every_column_of_the_input_files_is_listed():
    (listed,) = (table for table in tables(README) if "file" in table[0])
    assert {row["file"]: tuple(code(row["needed"])) for row in listed} == sources.REQUIRED
    every = {row["file"]: {*code(row["needed"]), *code(row["may be added"])} for row in listed}
    assert every == {kind: set(columns) for kind, columns in sources.COLUMNS.items()}


def test_the_dependencies_are_those_of_the_requirements():
    (listed,) = (table for table in tables(README) if "package" in table[0])
    for purpose, name in {"run": "requirements.txt", "test": "requirements-dev.txt"}.items():
        required = re.findall(r"^([\w-]+)(?:\[\w+\])?==", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE)
        assert [row["package"] for row in listed if row["needed to"] == purpose] == required
    assert all(row["why"] for row in listed)


def test_the_python_example_prints_what_readme_says(capsys):
    (example,) = fenced(README, "python")
    exec(example, {})
    shown = re.search(r"```python\n.*?```\n\n((?: {4}[^\n]*\n)+)", README, re.DOTALL)[1]
    assert capsys.readouterr().out.splitlines() == [line[4:] for line in shown.splitlines()]
