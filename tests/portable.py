"""Which constructs of SQL a text uses, told apart as far as DuckDB and Spark may part on them."""

import csv
from collections.abc import Iterator
from pathlib import Path

import sqlglot
from sqlglot import exp

LIST = Path(__file__).with_name("portable_sql.csv")
# What holds the constructs together, and what has no way to be read in two ways.
PLAIN = (
    exp.Alias, exp.Boolean, exp.Column, exp.Create, exp.CTE, exp.DataType, exp.DataTypeParam, exp.From, exp.Having,
    exp.Identifier, exp.If, exp.Null, exp.Order, exp.Paren, exp.Properties, exp.PropertyEQ, exp.Select, exp.Subquery,
    exp.Table, exp.TableAlias, exp.TemporaryProperty, exp.Tuple, exp.UserDefinedFunction, exp.Var, exp.Where, exp.With,
)  # fmt: skip
# What a function may be given without being another construct.
USUAL = (
    "this", "expression", "expressions", "ifs", "default", "high", "low", "alias",
    "big_int", "coalesce", "ignore_nulls", "safe",  # what the parser notes of DuckDB
)  # fmt: skip


def proven() -> dict[str, str]:
    """The constructs that carry over, each with the query that shows it on both engines (tests/spark)."""
    with open(LIST, encoding="utf-8", newline="") as file:
        return {row["construct"]: row["query"] for row in csv.DictReader(file)}


def constructs(text: str, macros: frozenset[str] = frozenset()) -> Iterator[str]:
    """Every construct of a text, which may be several statements; calls of `macros` are not told."""
    for statement in sqlglot.parse(text, read="duckdb"):
        for node in statement.walk():
            plain = type(node) in PLAIN or (isinstance(node, exp.Anonymous) and node.name.lower() in macros)
            if not plain and not is_plain_literal(node):
                yield construct(node)


def is_plain_literal(node: exp.Expression) -> bool:
    return isinstance(node, exp.Literal) and (node.is_string or node.name.isdecimal())


def construct(node: exp.Expression) -> str:
    match node:
        case exp.Literal():
            return "number with decimals"
        case exp.Placeholder():
            return "$parameter"
        case exp.Anonymous():
            return f"{node.name.lower()}()"
        case exp.Star():
            return " ".join(["*", *(key.upper() for key in ("except_", "replace") if node.args.get(key))])
        case exp.Cast() | exp.TryCast():
            return f"{'TRY_' if isinstance(node, exp.TryCast) else ''}CAST AS {node.to.sql('duckdb')}"
        case exp.DateDiff():
            return f"date_diff '{node.unit.name.lower()}'"
        case exp.TimeToStr():
            return f"strftime {node.args['format'].sql('duckdb')}"
        case exp.Join():
            words = [node.args.get("method"), node.args.get("side"), node.args.get("kind"), "JOIN"]
            return " ".join(word for word in words if word)
        case exp.Union():
            return "UNION" if node.args.get("distinct") else "UNION ALL"
        case exp.Group():
            others = [key.upper() for key, value in node.args.items() if key != "expressions" and value]
            return " ".join(["GROUP BY", *others])
        case exp.In() if node.args.get("query"):
            return "IN (SELECT)"
        case exp.Trim() if node.args.get("expression"):
            return "trim of given characters"
        case exp.Ordered():
            nulls = node.args.get("nulls_first")
            return f"ORDER BY{' DESC' if node.args.get('desc') else ''}{' NULLS FIRST' if nulls else ''}"
        case exp.Exists():
            return "EXISTS in ON" if node.find_ancestor(exp.Join, exp.Select).key == "join" else "EXISTS"
        case exp.Distinct():
            if isinstance(node.parent, exp.Select):
                return f"SELECT DISTINCT{' ON' if node.args.get('on') else ''}"
            return f"{(node.find_ancestor(exp.AggFunc) or node.parent).key}(DISTINCT)"
        case exp.GroupConcat():
            return "string_agg ORDER BY" if isinstance(node.this, exp.Order) else "string_agg"
        case exp.Filter():
            return "FILTER OVER" if isinstance(node.parent, exp.Window) else "FILTER"
        case exp.IgnoreNulls():
            return f"{node.this.key} IGNORE NULLS"
        case exp.WindowSpec():
            ends = [[node.args.get(f"{end}_side"), node.args.get(end)] for end in ("start", "end")]
            said = [" ".join(str(word) for word in reversed(end) if word) for end in ends]
            return f"{node.args['kind']} BETWEEN {' AND '.join(said)}".removesuffix(" AND ")
        case exp.Window():
            ordered = node.args.get("order") or node.args.get("alias")
            which = "row_number " if isinstance(node.this, exp.RowNumber) else ""
            return "OVER" if ordered else f"{which}OVER without ORDER BY"
        case _:
            return " ".join([node.key, *sorted(key for key, given in node.args.items() if given and key not in USUAL)])
