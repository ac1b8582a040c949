"""Protocol files: what the shipped ones say, what is refused and how, and their tables."""

import csv
from pathlib import Path

import duckdb
import pytest

from leuko.protocols import ProtocolError, in_words, load_protocols, version, write_tables
from leuko.protocols.schema import OPERATORS
from leuko.rules import WORDS

SPEC = Path(__file__).parent / "spec"

EXAMPLE = """\
id = "example"
drug = "dasatinib"
setting = "an example"
starting_dose_mg = 100
dose_levels_mg = [100, 80, 50]

[anc]
hold = "< 500"
resume = ">= 1000"

[[recovery]]
days_to_recovery = "<= 7"
action = "resume"
dose = "starting"

[[recovery]]
days_below = "> 7"
action = "reduce"
dose = "next_level"

[[recovery]]
action = "review"
why = "The text is silent."

[[monitoring]]
until_day = 84
every_days = 14

[[monitoring]]
every_days = 90

[[source]]
title = "A label"
"""

DESIGN = {
    "protocols": "protocol VARCHAR, drug VARCHAR, setting VARCHAR, is_default BOOLEAN,"
    " starting_dose_mg DOUBLE, cause_required BOOLEAN, has_platelets BOOLEAN, disease_action VARCHAR,"
    " disease_dose_mg DOUBLE, disease_verified BOOLEAN, disease_source VARCHAR, disease_why VARCHAR",
    "thresholds": "protocol VARCHAR, analyte VARCHAR, hold_operator VARCHAR, hold DOUBLE,"
    " resume_operator VARCHAR, resume DOUBLE, verified BOOLEAN, source VARCHAR",
    "dose_levels": "protocol VARCHAR, dose_mg DOUBLE",
    "clauses": "protocol VARCHAR, clause INTEGER, action VARCHAR, dose_rule VARCHAR, dose_mg DOUBLE,"
    " why VARCHAR, verified BOOLEAN, source VARCHAR",
    "conditions": "protocol VARCHAR, clause INTEGER, fact VARCHAR, operator VARCHAR, number DOUBLE,"
    " word VARCHAR",
    "monitoring": "protocol VARCHAR, line INTEGER, anc_operator VARCHAR, anc DOUBLE, until_day INTEGER,"
    " every_days INTEGER, verified BOOLEAN, source VARCHAR",
    "protocol_sources": "protocol VARCHAR, line INTEGER, title VARCHAR, section VARCHAR, revised VARCHAR,"
    " url VARCHAR, quote VARCHAR, verified BOOLEAN",
}


def spec(name):
    with (SPEC / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def changed(find, put):
    """The example file with one text replaced; `TOP:` puts the new line at the head of the file instead."""
    find, put = find.replace("\\n", "\n"), put.replace("\\n", "\n")
    assert EXAMPLE.count(find) == 1, f"the example has no single {find!r}"
    if put.startswith("TOP:"):
        return put.removeprefix("TOP:") + "\n" + EXAMPLE.replace(find, "")
    return EXAMPLE.replace(find, put)


def refusals(folder, **files):
    for name, text in files.items():
        (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ProtocolError) as refused:
        load_protocols(folder)
    return str(refused.value).splitlines()


def in_plain_lines(protocol):
    """Every number of a protocol, one short line each, as protocol_values.csv writes them."""
    def mark(part):
        return "" if part.verified else " (not verified)"

    def dose(value):
        return f" {value:g} mg" if isinstance(value, float) else f" {value}" if value else ""

    yield "drug", protocol.drug
    yield "setting", protocol.setting
    yield "default", "yes" if protocol.default else "no"
    yield "cause required", "yes" if protocol.cause_required else "no"
    if protocol.starting_dose_mg:
        yield "starting dose", f"{protocol.starting_dose_mg:g} mg"
    if protocol.dose_levels_mg:
        yield "dose levels", " ".join(f"{level:g}" for level in protocol.dose_levels_mg) + " mg"
    for analyte in ("anc", "platelets"):
        if threshold := getattr(protocol, analyte):
            yield f"{analyte} hold", f"{threshold.hold}{mark(threshold)}"
            yield f"{analyte} resume", f"{threshold.resume}{mark(threshold)}"
    if disease := protocol.disease_related:
        yield "disease-related", f"{disease.action}{dose(disease.dose)}{mark(disease)}"
    for row, clause in enumerate(protocol.recovery, start=1):
        when = " and ".join(f"{fact} {condition}" for fact, condition in clause.conditions.items())
        yield f"recovery {row}", f"{when or 'otherwise'}: {clause.action}{dose(clause.dose)}{mark(clause)}"
    for row, interval in enumerate(protocol.monitoring, start=1):
        when = [f"ANC {interval.anc}"] if interval.anc else []
        when += [f"until day {interval.until_day}"] if interval.until_day else []
        yield f"monitoring {row}", (
            f"{' and '.join(when) or 'otherwise'}: every {interval.every_days} days{mark(interval)}"
        )
    if unread := [source for source in protocol.source if not source.verified]:
        yield "sources not read", str(len(unread))


@pytest.mark.parametrize("protocol", load_protocols(), ids=lambda protocol: protocol.id)
def test_shipped_protocol_says_what_the_specification_says(protocol):
    rows = [row for row in spec("protocol_values.csv") if row["protocol"] == protocol.id]
    assert dict(in_plain_lines(protocol)) == {row["key"]: row["expected"] for row in rows}


def test_five_protocols_ship_sorted_by_id():
    assert [protocol.id for protocol in load_protocols()] == sorted(
        {row["protocol"] for row in spec("protocol_values.csv")}
    )
    assert len(load_protocols()) == 5


@pytest.mark.parametrize("protocol", load_protocols(), ids=lambda protocol: protocol.id)
def test_shipped_rules_name_where_they_were_read(protocol):
    """Every rule with a number names its source; what only says that the text is silent has none."""
    rules = [protocol.anc, protocol.platelets, protocol.disease_related, *protocol.monitoring]
    rules += [clause for clause in protocol.recovery if clause.action != "review"]
    assert all(rule.source for rule in rules if rule is not None)


@pytest.mark.parametrize("protocol", load_protocols(), ids=lambda protocol: protocol.id)
def test_shipped_sources_that_were_read_can_be_found_again(protocol):
    """A verified source has its address or, where it has none, its words; every linked rule a source."""
    assert all(source.url or source.quote for source in protocol.source if source.verified)
    addresses = {source.url for source in protocol.source}
    rules = [protocol.anc, *protocol.recovery, *protocol.monitoring]
    assert {rule.source for rule in rules if (rule.source or "").startswith("http")} <= addresses


@pytest.mark.parametrize(("episode", "dose"), [("first", "140 mg"), ("second", "100 mg"), ("third", "80 mg")])
def test_unverified_steps_in_advanced_phase_say_what_the_text_would_have_said(episode, dose):
    advanced = next(each for each in load_protocols() if each.id == "dasatinib-advanced-us")
    clauses = [clause for clause in advanced.recovery if not clause.verified]
    assert any(episode in clause.why and dose in clause.why for clause in clauses)


def test_third_episode_in_chronic_phase_names_both_ways_on():
    chronic = next(each for each in load_protocols() if each.id == "dasatinib-cp-us")
    assert "50 mg if newly diagnosed; discontinue if resistant or intolerant" in chronic.recovery[0].why


@pytest.mark.parametrize("case", spec("protocol_errors.csv"), ids=lambda case: case["refused"])
def test_refused_with_file_key_and_reason(tmp_path, case):
    lines = refusals(tmp_path, ward=changed(case["find"], case["put"]))
    fitting = [line for line in lines if line.startswith(f"ward.toml: {case['key']}: ")]
    assert any(case["reason"] in line for line in fitting), lines
    assert not any(word in str(lines).lower() for word in ("pydantic", "input should", "traceback"))


def test_the_example_of_the_refusals_is_itself_accepted(tmp_path):
    (tmp_path / "ward.toml").write_text(EXAMPLE, encoding="utf-8")
    assert [protocol.id for protocol in load_protocols(str(tmp_path))] == ["example"]


@pytest.mark.parametrize(
    ("find", "put"),
    [
        ('resume = ">= 1000"', 'resume = "> 500"'),
        ('resume = ">= 1000"', 'resume = ">= 500"'),
        ('hold = "< 500"', 'hold = "<= 999.5"'),
        ('hold = "< 500"', 'hold = "  <500 "'),
        ("starting_dose_mg = 100", "cause_required = true"),
        ('days_below = "> 7"', 'episode = 2\ncause = "treatment"'),
        ('dose = "starting"', 'dose = "current"'),
        ('setting = "an example"', ""),
        ("every_days = 90", 'every_days = 90\nverified = false\nsource = "custom"\nwhy = "custom"'),
    ],
)
def test_accepted(tmp_path, find, put):
    (tmp_path / "ward.toml").write_text(changed(find, put), encoding="utf-8")
    assert len(load_protocols(tmp_path)) == 1


def test_a_plain_number_means_exactly_that_number(tmp_path):
    for plain in ("3", '"3"', '"= 3"'):
        text = changed('days_below = "> 7"', f"episode = {plain}")
        (tmp_path / "ward.toml").write_text(text, encoding="utf-8")
        assert str(load_protocols(tmp_path)[0].recovery[1].episode) == "= 3"


def test_every_fault_of_every_file_is_reported_at_once(tmp_path):
    two_faults = changed('hold = "< 500"', 'hold = "> 500"').replace("every_days = 14", "every_days = 0")
    lines = refusals(tmp_path, east=two_faults, north=EXAMPLE, west="id =")
    assert [line.split(": ")[:2] for line in lines] == [
        ["east.toml", "anc.hold"],
        ["east.toml", "monitoring.every_days (row 1)"],
        ["west.toml", "the file"],
    ]


@pytest.mark.parametrize(
    ("id", "setting", "default", "fault"),
    [
        ("example", "another", "false", 'id: "example" is already used by a.toml'),
        ("other", "an example", "false", 'setting: "an example" already names the protocol of a.toml'),
        ("other", "example", "false", 'setting: "example" already names the protocol of a.toml'),
        ("an example", "another", "false", 'id: "an example" is already the setting of a.toml'),
        ("other", "another", "true", "default: dasatinib already has its default in a.toml"),
    ],
)
def test_two_files_that_an_exposure_could_not_tell_apart_are_refused(tmp_path, id, setting, default, fault):
    head = 'id = "example"\ndrug = "dasatinib"\nsetting = "an example"\n'
    second = f'id = "{id}"\ndrug = "Dasatinib"\nsetting = "{setting}"\ndefault = {default}\n'
    lines = refusals(tmp_path, a="default = true\n" + EXAMPLE, b=second + EXAMPLE.removeprefix(head))
    assert lines == [f"b.toml: {fault}"]


def test_two_drugs_may_share_a_setting_and_each_have_a_default(tmp_path):
    first = EXAMPLE.replace("starting_dose_mg = 100", "default = true")
    (tmp_path / "a.toml").write_text(first, encoding="utf-8")
    (tmp_path / "b.toml").write_text(
        first.replace('"example"', '"other"').replace('"dasatinib"', '"imatinib"'), encoding="utf-8"
    )
    assert [protocol.id for protocol in load_protocols(tmp_path)] == ["example", "other"]


def test_a_folder_without_protocols_is_refused(tmp_path):
    with pytest.raises(ProtocolError, match="no protocol file"):
        load_protocols(tmp_path)
    with pytest.raises(ProtocolError, match="no such folder"):
        load_protocols(tmp_path / "absent")


def test_a_file_that_is_not_text_is_refused(tmp_path):
    (tmp_path / "ward.toml").write_bytes(b'id = "\xff\xfe"')
    with pytest.raises(ProtocolError, match=r"^ward\.toml: the file: is not UTF-8 text$"):
        load_protocols(tmp_path)


@pytest.mark.parametrize("temp", [False, True])
def test_tables_have_the_designed_columns(temp):
    con = duckdb.connect()
    write_tables(con, load_protocols(), temp=temp)
    for table, columns in DESIGN.items():
        described = con.execute(f"DESCRIBE {table}").fetchall()
        assert ", ".join(f"{name} {kind}" for name, kind, *_ in described) == columns
    temporary = con.execute("SELECT DISTINCT temporary FROM duckdb_tables()").fetchall()
    assert temporary == [(temp,)]


def test_tables_hold_the_rules():
    con = duckdb.connect()
    write_tables(con, load_protocols())

    def rows(query):
        return con.execute(f"{query} ORDER BY ALL").fetchall()

    def of(protocol, columns, table):
        return rows(f"SELECT {columns} FROM {table} WHERE protocol = '{protocol}'")

    assert rows(
        "SELECT protocol, is_default, starting_dose_mg, cause_required, has_platelets,"
        " disease_action, disease_dose_mg FROM protocols WHERE drug = 'dasatinib'"
    ) == [
        ("dasatinib-advanced-us", False, 140, True, True, "escalate", 180),
        ("dasatinib-cp-us", False, 100, False, True, None, None),
        ("dasatinib-guideline", True, 100, False, False, None, None),
    ]
    assert of("dasatinib-cp-us", "* EXCLUDE (protocol, source)", "thresholds") == [
        ("anc", "<", 500, ">=", 1000, True),
        ("platelets", "<", 50000, ">=", 50000, True),
    ]
    assert of("dasatinib-guideline", "dose_mg", "dose_levels") == [(50,), (80,), (100,)]
    assert of("dasatinib-cp-us", "clause, action, dose_rule, dose_mg", "clauses") == [
        (1, "review", None, None),
        (2, "reduce", "fixed", 80),
        (3, "reduce", "fixed", 80),
        (4, "resume", "starting", None),
        (5, "review", None, None),
    ]
    assert of("dasatinib-advanced-us", "* EXCLUDE protocol", "conditions")[:3] == [
        (1, "cause", "=", None, "disease"),
        (2, "cause", "=", None, "treatment"),
        (2, "episode", "=", 1, None),
    ]
    assert of("dasatinib-guideline", "* EXCLUDE (protocol, source)", "monitoring") == [
        (1, "<", 1000, None, 7, False),
        (2, None, None, 84, 14, True),
        (3, None, None, None, 90, True),
    ]
    assert rows("SELECT count(*) FROM protocol_sources WHERE NOT verified AND quote IS NOT NULL") == [(0,)]


def test_tables_are_replaced_and_temporary_ones_leave_the_lasting_ones_alone():
    con = duckdb.connect()
    write_tables(con, load_protocols()[:1])
    write_tables(con, load_protocols(), temp=True)
    write_tables(con, load_protocols()[:2])
    assert con.execute("SELECT count(*) FROM memory.main.protocols").fetchone() == (2,)
    assert con.execute("SELECT count(*) FROM temp.main.protocols").fetchone() == (5,)


def test_temporary_tables_can_stand_beside_a_read_only_file(tmp_path):
    duckdb.connect(tmp_path / "counts.duckdb").close()
    with duckdb.connect(tmp_path / "counts.duckdb", read_only=True) as con:
        write_tables(con, load_protocols(), temp=True)
        assert con.execute("SELECT count(*) FROM protocols").fetchone() == (5,)


def test_version_follows_the_content_only(tmp_path):
    shipped = load_protocols()
    assert version(shipped) == version(reversed(shipped)) == version(load_protocols())
    stamps = {version(shipped), version(shipped[:1])}
    for text in (EXAMPLE, "# a comment\n" + EXAMPLE, EXAMPLE.replace("<= 7", "<= 8")):
        (tmp_path / "ward.toml").write_text(text, encoding="utf-8")
        stamps.add(version(load_protocols(tmp_path)))
    assert len(stamps) == 4


@pytest.mark.parametrize(
    ("operator", "words"),
    [("<", "below"), ("<=", "at most"), (">", "above"), (">=", "at least"), ("=", "exactly")],
)
def test_operators_in_words(operator, words):
    assert in_words(operator) == words


def test_sentences_of_the_rule_say_operators_in_the_same_words():
    con = duckdb.connect()
    con.execute(WORDS[1])
    for operator in OPERATORS:
        said = con.execute("SELECT threshold_words(?, 1500)", [operator]).fetchall()[0][0]
        assert said == f"{in_words(operator)} 1,500"


def test_there_are_words_for_every_operator():
    assert all(in_words(operator) for operator in OPERATORS)
