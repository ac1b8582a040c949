"""docs/set_aside.md lists every reason for which a reader sets a row aside, and no other."""

import ast
import re

import pytest

from tests.serving import ROOT
from tests.test_documentation import section, tables

DOCUMENT = (ROOT / "docs" / "set_aside.md").read_text(encoding="utf-8")
HEADINGS = {"fhir": "FHIR", "omop": "OMOP", "mapped": "Files with a mapping"}
# texts in the SQL that are put before a name or a number and tell no reason
NAMES = {"text", "care site", "provider", "concept"}
ONE_WORD = {"negative"}


def sql_of(reader):
    """The SQL of a reader: its files, and what its modules insert into `malformed` by themselves."""
    folder = ROOT / "leuko" / "sources" / reader
    texts = [re.sub(r"--.*", "", file.read_text(encoding="utf-8")) for file in folder.rglob("*.sql")]
    for file in folder.rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        strings = (ast.get_source_segment(text, node) or "" for node in ast.walk(ast.parse(text)))
        texts += [string for string in strings if re.match(r'f?"', string) and "INSERT INTO malformed" in string]
        texts += ["'malformed line: '"] * ("keep_bad_lines(" in text)  # which every reader of text files shares
    return "\n".join(texts)


def reasons_in(sql):
    """The words of a reason, without what follows them: a status, a type, a row, a fault of a line."""
    literals = re.findall(r"'([A-Za-z][A-Za-z0-9_ ,:]*)'", sql)
    words = {re.sub(r"^(malformed line):.*", r"\1", words).strip(" :") for words in literals if " " in words}
    return words - NAMES | ONE_WORD.intersection(literals)


@pytest.mark.parametrize("reader", HEADINGS)
def test_every_reason_of_a_reader_is_listed(reader):
    rows = tables(section(DOCUMENT, HEADINGS[reader]))[0]
    listed = [re.fullmatch(r"`([^`]+)`( …)?", row["reason"])[1] for row in rows]
    assert set(listed) == reasons_in(sql_of(reader))
    assert {reason for reason in listed if listed.count(reason) > 1} <= {"status"}, "told once"


def test_what_a_reason_is_told_of_stands_in_the_code():
    told = re.findall(r"\| `status` … \| [^|]+ \| (.*) \|", DOCUMENT)
    sql = sql_of("fhir")
    for status in re.findall(r"`([a-z-]+)`", " ".join(told)):
        assert f"'{status}'" in sql
