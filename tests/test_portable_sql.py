"""The rule keeps to SQL that was shown to mean the same on DuckDB and on Spark: see tests/portable_sql.csv.

What the translation gets wrong without a word is not on that list: the order in `list(x ORDER BY y)`, ASOF joins,
`quantile_cont`, `time_bucket`.
"""

import pytest
import sqlglot
from sqlglot import exp

from leuko import rules
from leuko.count_units import CELLS
from tests import portable

PROVEN = portable.proven()
MACROS = {macro.this.this.name: macro for macro in sqlglot.parse(rules.words_in(CELLS), read="duckdb")}
OTHER_WORDS = {"number_words"}  # what Spark is told in other words: see `leuko.spark`


def called(text):
    """The macros that a text calls, and those that they call in turn."""
    calls = (call.name.lower() for each in sqlglot.parse(text, read="duckdb") for call in each.find_all(exp.Anonymous))
    direct = {name for name in calls if name in MACROS and name not in OTHER_WORDS}
    return direct.union(*(called(MACROS[name].expression.sql("duckdb")) for name in direct))


TEXTS = dict(rules.STEPS)
TEXTS |= {name: MACROS[name].sql("duckdb") for name in sorted(called(";".join(TEXTS.values())))}


def refused(text):
    return {used for used in portable.constructs(text, frozenset(MACROS)) if used not in PROVEN}


@pytest.mark.parametrize("name", TEXTS)
def test_the_rule_uses_only_what_carries_over_to_spark(name):
    unproven = sorted(refused(TEXTS[name]))
    assert not unproven, (
        f"{name} uses {', '.join(unproven)}, not shown to mean the same on Spark: say it in another way, or add it "
        "with a query to tests/portable_sql.csv and run `make test-spark`"
    )


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("SELECT list(value ORDER BY day) FROM counts", "arrayagg"),
        ("SELECT array_agg(value ORDER BY day) FROM counts", "arrayagg"),
        ("SELECT first(value ORDER BY day) FROM counts", "first"),
        ("SELECT * FROM counts ASOF JOIN doses ON counts.day >= doses.day", "ASOF JOIN"),
        ("SELECT * FROM counts ASOF LEFT JOIN doses ON counts.day >= doses.day", "ASOF LEFT JOIN"),
        ("SELECT quantile_cont(value, 0.5) FROM counts", "percentilecont"),
        ("SELECT median(value) FROM counts", "median"),
        ("SELECT time_bucket(INTERVAL 7 DAY, day) FROM counts", "datebin"),
        ("SELECT list_transform(found, lambda x: x + 1) FROM counts", "transform"),
        ("SELECT unnest(found) FROM counts", "explode"),
        ("SELECT fill(value) OVER (ORDER BY day) FROM counts", "fill()"),
        ("SELECT format('{:,}', value) FROM counts", "format"),
        ("SELECT string_agg(word, ', ') FROM counts", "string_agg"),
        ("SELECT count(*) FILTER (WHERE low) OVER (PARTITION BY course ORDER BY day) FROM counts", "FILTER OVER"),
        ("SELECT date_diff('hour', drawn, reported) FROM counts", "date_diff 'hour'"),
        ("SELECT strftime(drawn_at, '%H:%M') FROM counts", "strftime '%H:%M'"),
        ("SELECT value > 1.5 FROM counts", "number with decimals"),
        ("SELECT value // 7 FROM counts", "intdiv"),
        ("SELECT CAST(day AS DECIMAL(9, 2)) FROM counts", "CAST AS DECIMAL(9, 2)"),
        ("SELECT trim(word, 'x') FROM counts", "trim of given characters"),
        ("SELECT max(value) OVER (ORDER BY day RANGE INTERVAL 28 DAY PRECEDING) FROM counts", "interval unit"),
        ("SELECT word FROM counts ORDER BY day NULLS FIRST", "ORDER BY NULLS FIRST"),
    ],
)
def test_what_does_not_carry_over_is_refused_by_its_name(text, named):
    assert named in refused(text)


@pytest.mark.parametrize("construct", PROVEN)
def test_each_construct_of_the_list_stands_in_its_query(construct):
    assert construct in set(portable.constructs(PROVEN[construct]))
