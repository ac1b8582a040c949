"""What a SELECT of a mapping may be: DuckDB's own parser takes it apart, nothing is run."""

import json
from functools import cache

import duckdb

QUERIES = ("SELECT_NODE", "SET_OPERATION_NODE", "CTE_NODE", "RECURSIVE_CTE_NODE")
TABLE_FUNCTIONS = ("unnest", "generate_series", "range")
# written without brackets, the parser takes these for columns
CLOCKS = ("current_date", "current_time", "current_timestamp", "localtime", "localtimestamp")


def tables_of(text, known):
    """The raw tables, of those known, that a SELECT reads.

    Raises ValueError, in one line, where it is not exactly one SELECT, reads anything but these tables, or would give
    another answer on another day.
    """
    tree = _parsed(text)
    parts = list(_parts(tree))
    own = {entry["key"].lower() for part in parts for entry in part.get("cte_map", {}).get("map", ())}
    raw = {name.lower(): name for name in known}
    read = {}
    for part in parts:
        kind = part.get("type", "")
        if kind.endswith("_NODE") and kind not in QUERIES:
            raise ValueError("must only read, and holds another statement than SELECT")
        if kind == "SHOW_REF":
            raise ValueError("must be a SELECT, not DESCRIBE, SHOW or SUMMARIZE")
        if kind == "TABLE_FUNCTION" and part["function"]["function_name"].lower() not in TABLE_FUNCTIONS:
            raise ValueError(f"must read the raw tables only, not {part['function']['function_name']}()")
        if kind == "BASE_TABLE":
            name = part["table_name"].lower()
            qualified = part["schema_name"] or part["catalog_name"]
            if qualified or (name not in raw and name not in own):
                raise ValueError(f"reads {part['table_name']}, which is no raw table of the mapping")
            if name in raw:
                read[raw[name]] = None
        if part.get("sample"):
            raise ValueError("takes a sample: every row must be accounted for")
        if changes_with_the_day(part):
            raise ValueError(f"{_name(part)} would give another answer on another day")
    return tuple(read)


def _parsed(text):
    with duckdb.connect() as parser:
        try:
            statements = parser.extract_statements(text)
            tree = json.loads(parser.execute("SELECT json_serialize_sql(?)", [text]).fetchone()[0])
        except (duckdb.Error, RecursionError) as error:
            raise ValueError(f"cannot be parsed ({str(error).splitlines()[0]})") from error
    if len(statements) != 1 or tree["error"]:
        raise ValueError("must be exactly one SELECT")
    return tree


def _parts(tree):
    """Every object of the parser's tree."""
    waiting = [tree]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            yield part
            waiting.extend(part.values())
        elif isinstance(part, list):
            waiting.extend(part)


def changes_with_the_day(part):
    if part.get("type") == "COLUMN_REF":
        return len(part["column_names"]) == 1 and _name(part) in CLOCKS
    return part.get("class") == "FUNCTION" and _name(part) in _inconstant_functions()


def _name(part):
    return (part["column_names"][-1] if part["type"] == "COLUMN_REF" else part["function_name"]).lower()


@cache
def _inconstant_functions():
    """The functions that need not give the same answer for the same row: clocks, chance, settings."""
    with duckdb.connect() as con:
        rows = con.execute(
            "SELECT DISTINCT function_name FROM duckdb_functions() WHERE stability <> 'CONSISTENT'"
        ).fetchall()
    return {name for (name,) in rows}
