"""Protocol files: what the shipped ones say, what is refused and how, and their tables."""

import csv
import re
from pathlib import Path

import duckdb
import pytest

from leuko.count_units import CELLS
from leuko.protocols import ProtocolError, in_words, load_protocols, schema, version, write_tables
from leuko.protocols.conditions import OPERATORS
from leuko.rules import write_words

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
    "protocols": "protocol VARCHAR, drug VARCHAR, setting VARCHAR, is_default BOOLEAN, starting_dose_mg DOUBLE,"
    " cause_required BOOLEAN, schedule_restarts_after_days INTEGER, has_platelets BOOLEAN,"
    " reads_every_draw BOOLEAN",
    "requirements": "protocol VARCHAR, fact VARCHAR, word VARCHAR",
    "related": "protocol VARCHAR, cause VARCHAR, action VARCHAR, dose_mg DOUBLE, first VARCHAR[], why VARCHAR,"
    " verified BOOLEAN, source VARCHAR",
    "thresholds": "protocol VARCHAR, analyte VARCHAR, hold_operator VARCHAR, hold DOUBLE,"
    " resume_operator VARCHAR, resume DOUBLE, why VARCHAR, verified BOOLEAN, source VARCHAR",
    "dose_levels": "protocol VARCHAR, dose_mg DOUBLE",
    "clauses": "protocol VARCHAR, clause INTEGER, action VARCHAR, dose_rule VARCHAR, dose_amount DOUBLE,"
    " why VARCHAR, verified BOOLEAN, source VARCHAR",
    "conditions": "protocol VARCHAR, clause INTEGER, fact VARCHAR, operator VARCHAR, number DOUBLE,"
    " word VARCHAR",
    "during": "protocol VARCHAR, line INTEGER, open BOOLEAN, action VARCHAR, dose_rule VARCHAR,"
    " dose_amount DOUBLE, why VARCHAR, verified BOOLEAN, source VARCHAR",
    "during_bands": "protocol VARCHAR, line INTEGER, analyte VARCHAR, operator VARCHAR, number DOUBLE",
    "during_conditions": "protocol VARCHAR, line INTEGER, fact VARCHAR, operator VARCHAR, number DOUBLE,"
    " word VARCHAR",
    "monitoring": "protocol VARCHAR, line INTEGER, anc_operator VARCHAR, anc DOUBLE, first BOOLEAN,"
    " after_operator VARCHAR, after_anc DOUBLE, for_days INTEGER, until_day INTEGER, every_days INTEGER,"
    " why VARCHAR, verified BOOLEAN, source VARCHAR",
    "protocol_sources": "protocol VARCHAR, line INTEGER, title VARCHAR, section VARCHAR, revised VARCHAR,"
    " url VARCHAR, quote VARCHAR, verified BOOLEAN",
}
SHIPPED = load_protocols()


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

    def decision(part):
        return f"{part.action}{dose_words(part.dose)}{mark(part)}"

    yield "drug", protocol.drug
    yield "setting", protocol.setting
    yield "default", "yes" if protocol.default else "no"
    yield "cause required", "yes" if protocol.cause_required else "no"
    if protocol.facts:
        yield "requires", ", ".join(f"{fact} {word}" for fact, word in protocol.facts.items())
    if protocol.starting_dose_mg:
        yield "starting dose", f"{protocol.starting_dose_mg:g} mg"
    if protocol.dose_levels_mg:
        yield "dose levels", " ".join(f"{level:g}" for level in protocol.dose_levels_mg) + " mg"
    for analyte in ("anc", "platelets"):
        if threshold := getattr(protocol, analyte):
            yield f"{analyte} hold", f"{threshold.hold}{mark(threshold)}"
            yield f"{analyte} resume", f"{threshold.resume}{mark(threshold)}"
    for cause in ("disease", "treatment"):
        if related := getattr(protocol, f"{cause}_related"):
            yield f"{cause}-related", decision(related)
    for row, at_draw in enumerate(protocol.during, start=1):
        yield f"during {row}", f"{' and '.join(band_words(at_draw))}: {decision(at_draw)}"
    for row, clause in enumerate(protocol.recovery, start=1):
        when = " and ".join(f"{fact} {condition}" for fact, condition in clause.conditions.items())
        yield f"recovery {row}", f"{when or 'otherwise'}: {decision(clause)}"
    for row, interval in enumerate(protocol.monitoring, start=1):
        yield f"monitoring {row}", (
            f"{' and '.join(interval_words(interval)) or 'otherwise'}: every {interval.every_days} days{mark(interval)}"
        )
    if protocol.schedule_restarts_after_days:
        yield "schedule restarts after", f"{protocol.schedule_restarts_after_days} days"
    if unread := [source for source in protocol.source if not source.verified]:
        yield "sources not read", str(len(unread))


def dose_words(dose):
    if dose is None:
        return ""
    if isinstance(dose, float):
        return f" {dose:g} mg"
    return {
        "fixed": f" {dose.amount} mg",
        "minus_mg": f" -{dose.amount} mg",
        "minus_percent": f" -{dose.amount} %",
    }.get(dose.rule, f" {dose.rule}").replace(".0 ", " ")


def band_words(at_draw):
    for analyte in ("anc", "platelets"):
        yield from (f"{analyte} {bound}" for bound in getattr(at_draw, analyte))
    if at_draw.open is not None:
        yield "open" if at_draw.open else "not open"
    yield from (f"{fact} {condition}" for fact, condition in at_draw.conditions.items())


def interval_words(interval):
    if interval.anc:
        yield f"{'first ' if interval.first else ''}ANC {interval.anc}"
    if interval.after_anc:
        yield f"after {interval.after_anc} for {interval.for_days} days"
    if interval.until_day is not None:
        yield f"until day {interval.until_day}"


def rules_of(protocol):
    """Every part of a protocol that decides something or gives a number."""
    parts = [protocol.anc, protocol.platelets, protocol.disease_related, protocol.treatment_related]
    return [part for part in parts if part] + [*protocol.during, *protocol.recovery, *protocol.monitoring]


@pytest.mark.parametrize("protocol", SHIPPED, ids=lambda protocol: protocol.id)
def test_shipped_protocol_says_what_the_specification_says(protocol):
    rows = [row for row in spec("protocol_values.csv") if row["protocol"] == protocol.id]
    assert dict(in_plain_lines(protocol)) == {row["key"]: row["expected"] for row in rows}


def test_at_least_sixteen_protocols_ship_sorted_by_id():
    assert [protocol.id for protocol in SHIPPED] == sorted({row["protocol"] for row in spec("protocol_values.csv")})
    assert len(SHIPPED) >= 16


def test_every_shipped_protocol_is_listed_with_its_drug_and_setting():
    """The list in docs/protocols.md has a row for each file, and no other."""
    document = (Path(__file__).parents[1] / "docs" / "protocols.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `([\w-]+)` \| (.+?) \| (.+?) \|", document, re.MULTILINE)
    assert sorted(listed) == [(protocol.id, protocol.drug, protocol.setting) for protocol in SHIPPED]


def test_the_file_of_a_shipped_protocol_has_its_id():
    assert {file.stem for file in Path(schema.__file__).parent.glob("*.toml")} == {each.id for each in SHIPPED}


@pytest.mark.parametrize("protocol", SHIPPED, ids=lambda protocol: protocol.id)
def test_shipped_rules_name_where_they_were_read(protocol):
    """Every rule with a number names its source; what only says that the text is silent has none."""
    rules = [rule for rule in rules_of(protocol) if getattr(rule, "action", None) != "review"]
    assert all(rule.source for rule in rules)


@pytest.mark.parametrize("protocol", SHIPPED, ids=lambda protocol: protocol.id)
def test_shipped_sources_that_were_read_can_be_found_again(protocol):
    """A verified source has its address or, where it has none, its words; every linked rule a source."""
    assert all(source.url or source.quote for source in protocol.source if source.verified)
    addresses = {source.url for source in protocol.source}
    assert {rule.source for rule in rules_of(protocol) if (rule.source or "").startswith("http")} <= addresses


@pytest.mark.parametrize("protocol", SHIPPED, ids=lambda protocol: protocol.id)
def test_what_was_not_seen_says_what_the_text_would_have_said(protocol):
    """A decision that is not verified turns into a review: its remark is then all that is left of it."""
    unseen = [rule for rule in rules_of(protocol) if hasattr(rule, "action") and not rule.verified]
    assert all(rule.why for rule in unseen)


@pytest.mark.parametrize(("episode", "dose"), [("first", "140 mg"), ("second", "100 mg"), ("third", "80 mg")])
def test_unverified_steps_in_advanced_phase_say_what_the_text_would_have_said(episode, dose):
    advanced = next(each for each in SHIPPED if each.id == "dasatinib-advanced-us")
    clauses = [clause for clause in advanced.recovery if not clause.verified]
    assert any(episode in clause.why and dose in clause.why for clause in clauses)


def test_third_episode_in_chronic_phase_names_both_ways_on():
    chronic = next(each for each in SHIPPED if each.id == "dasatinib-cp-us")
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
        ('dose = "starting"', 'dose = "-100 mg"'),
        ('dose = "starting"', 'dose = "-12.5%"'),
        ("starting_dose_mg = 100", "requires = { duffy_null = false }"),
        ("starting_dose_mg = 100", 'requires = { duffy_null = true, diagnosis = "CML" }'),
        ("starting_dose_mg = 100", "schedule_restarts_after_days = 1"),
        ("until_day = 84", "until_day = 0"),
        ("until_day = 84", 'anc = "< 1500"\nfirst = true'),
        ("until_day = 84", 'anc = ">= 1500"\nafter_anc = "< 1000"\nfor_days = 1'),
        ("starting_dose_mg = 100", 'during = [{ open = true, action = "hold" }]'),
        ("starting_dose_mg = 100", 'during = [{ open = false, action = "escalate" }]'),
        ("starting_dose_mg = 100", 'during = [{ anc = "< 100", action = "discontinue" }]'),
        ("starting_dose_mg = 100", 'during = [{ anc = [">= 100", "< 500"], action = "reduce", dose = "-25 %" }]'),
        ("starting_dose_mg = 100", 'during = [{ anc = "< 100", action = "reduce", dose = "next_level" }]'),
        (
            "starting_dose_mg = 100",
            'platelets = { hold = "< 10", resume = "> 20" }\nduring = [{ platelets = "< 5", action = "review" }]',
        ),
        ("starting_dose_mg = 100", 'cause_required = true\ntreatment_related = { action = "review" }'),
        ("starting_dose_mg = 100", 'cause_required = true\ntreatment_related = { action = "reduce", dose = 80 }'),
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


@pytest.mark.parametrize(
    ("first", "second", "refused"),
    [
        ("", "duffy_null = true", False),
        ("duffy_null = true", "duffy_null = false", False),
        ('diagnosis = "CML"', 'diagnosis = "ALL"', False),
        ('duffy_null = true, diagnosis = "CML"', 'duffy_null = true, diagnosis = "ALL"', False),
        ("duffy_null = true", "duffy_null = true", True),
        ('diagnosis = "CML"', 'diagnosis = " cml "', True),
        ("duffy_null = true", 'diagnosis = "CML"', True),
        ("duffy_null = true", 'duffy_null = true, diagnosis = "CML"', True),
    ],
)
def test_two_defaults_need_facts_that_tell_them_apart(tmp_path, first, second, refused):
    """A patient must never fit two of the defaults that ask for something."""
    for name, facts in {"a": first, "b": second}.items():
        text = EXAMPLE.replace('"example"', f'"{name}"').replace('"an example"', f'"setting {name}"')
        required = f"requires = {{ {facts} }}\n" if facts else ""
        (tmp_path / f"{name}.toml").write_text(f"default = true\n{required}{text}", encoding="utf-8")
    if refused:
        with pytest.raises(ProtocolError, match=r"^b\.toml: default: dasatinib already has its default in a\.toml$"):
            load_protocols(tmp_path)
    else:
        assert len(load_protocols(tmp_path)) == 2


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
    write_tables(con, SHIPPED, temp=temp)
    for table, columns in DESIGN.items():
        described = con.execute(f"DESCRIBE {table}").fetchall()
        assert ", ".join(f"{name} {kind}" for name, kind, *_ in described) == columns
    temporary = con.execute("SELECT DISTINCT temporary FROM duckdb_tables()").fetchall()
    assert temporary == [(temp,)]


def test_tables_hold_the_rules():
    con = duckdb.connect()
    write_tables(con, SHIPPED)

    def rows(query):
        return con.execute(f"{query} ORDER BY ALL").fetchall()

    def of(protocol, columns, table):
        return rows(f"SELECT {columns} FROM {table} WHERE protocol = '{protocol}'")

    assert rows(
        "SELECT protocol, is_default, starting_dose_mg, cause_required, schedule_restarts_after_days,"
        " has_platelets, reads_every_draw FROM protocols"
        " WHERE protocol IN ('dasatinib-advanced-us', 'dasatinib-guideline', 'mercaptopurine-anc', 'clozapine-us')"
    ) == [
        ("clozapine-us", True, None, False, 30, False, True),
        ("dasatinib-advanced-us", False, 140, True, None, True, False),
        ("dasatinib-guideline", True, 100, False, None, False, False),
        ("mercaptopurine-anc", True, None, False, None, False, True),
    ]
    assert rows("SELECT * FROM requirements") == [("clozapine-us-ben", "duffy_null", "true")]
    assert of("dasatinib-advanced-us", "cause, action, dose_mg, verified", "related") == [
        ("disease", "escalate", 180, True)
    ]
    ((first,),) = of("dasatinib-advanced-us", "first", "related")
    assert [words.split()[0] for words in first] == ["whether", "that", "that", "what"]
    assert of("ponatinib-us-older", "first", "related") == [([],)]
    assert of("dasatinib-cp-us", "* EXCLUDE (protocol, why, source)", "thresholds") == [
        ("anc", "<", 500, ">=", 1000, True),
        ("platelets", "<", 50000, ">=", 50000, True),
    ]
    assert of("dasatinib-guideline", "dose_mg", "dose_levels") == [(50,), (80,), (100,)]
    assert of("dasatinib-cp-us", "clause, action, dose_rule, dose_amount", "clauses") == [
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
    assert of("mercaptopurine-anc", "line, open, action, dose_rule, dose_amount, verified", "during") == [
        (1, False, "review", None, None, True),
        (2, False, "review", None, None, True),
    ]
    assert of("mercaptopurine-anc", "* EXCLUDE protocol", "during_bands") == [
        (1, "anc", "<", 750),
        (1, "anc", ">=", 500),
        (2, "anc", ">=", 750),
    ]
    assert of("mercaptopurine-anc", "* EXCLUDE protocol", "during_conditions") == [
        (2, "days_in_band", ">=", 56, None)
    ]
    assert of("dasatinib-guideline", "* EXCLUDE (protocol, why, source)", "monitoring") == [
        (1, "<", 1000, False, None, None, None, None, 7, False),
        (2, None, None, False, None, None, None, 84, 14, True),
        (3, None, None, False, None, None, None, None, 90, True),
    ]
    assert of("clozapine-us", "* EXCLUDE (protocol, why, source)", "monitoring")[:4] == [
        (1, "<", 1500, True, None, None, None, None, 1, True),
        (2, "<", 1000, False, None, None, None, None, 1, True),
        (3, "<", 1500, False, None, None, None, None, 2, True),
        (4, ">=", 1500, False, "<", 1000, 28, None, 7, True),
    ]
    assert rows("SELECT count(*) FROM protocol_sources WHERE NOT verified AND quote IS NOT NULL") == [(0,)]


def test_steps_and_causes_of_a_made_up_protocol_are_in_the_tables():
    con = duckdb.connect()
    write_tables(con, load_protocols(SPEC / "protocols"))

    def of(protocol, columns, table):
        return con.execute(f"SELECT {columns} FROM {table} WHERE protocol = '{protocol}' ORDER BY ALL").fetchall()

    assert of("example-c", "line, open, action, dose_rule, dose_amount", "during")[2:5] == [
        (3, True, "reduce", "next_level", None),
        (4, False, "reduce", "minus_percent", 25),
        (5, False, "escalate", "fixed", 140),
    ]
    assert of("example-c", "action, dose_rule, dose_amount", "clauses") == [("reduce", "minus_mg", 20)]
    assert of("example-d", "cause, action, dose_mg, verified", "related") == [("treatment", "reduce", 60, False)]
    assert of("example-d", "line, fact, operator, number, word", "during_conditions")[0] == (
        1, "cause", "=", None, "treatment",
    )  # fmt: skip


def test_tables_are_replaced_and_temporary_ones_leave_the_lasting_ones_alone():
    con = duckdb.connect()
    write_tables(con, SHIPPED[:1])
    write_tables(con, SHIPPED, temp=True)
    write_tables(con, SHIPPED[:2])
    assert con.execute("SELECT count(*) FROM memory.main.protocols").fetchone() == (2,)
    assert con.execute("SELECT count(*) FROM temp.main.protocols").fetchone() == (len(SHIPPED),)


def test_temporary_tables_can_stand_beside_a_read_only_file(tmp_path):
    duckdb.connect(tmp_path / "counts.duckdb").close()
    with duckdb.connect(tmp_path / "counts.duckdb", read_only=True) as con:
        write_tables(con, SHIPPED, temp=True)
        assert con.execute("SELECT count(*) FROM protocols").fetchone() == (len(SHIPPED),)


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
    write_words(con, CELLS)
    for operator in OPERATORS:
        said = con.execute("SELECT threshold_words(?, 1500)", [operator]).fetchall()[0][0]
        assert said == f"{in_words(operator)} 1,500"


def test_there_are_words_for_every_operator():
    assert all(in_words(operator) for operator in OPERATORS)
