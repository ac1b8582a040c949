"""Running the SELECTs of a mapping over the raw tables, where nothing else can be reached."""

from contextlib import closing

import duckdb

from leuko.sources import COLUMNS, REQUIRED, SourceError

LOCKED = {
    "enable_external_access": "false",
    "autoload_known_extensions": "false",
    "autoinstall_known_extensions": "false",
    "python_enable_replacements": "false",
    "force_compression": "uncompressed",
    "lock_configuration": "true",
}
LONGEST_MINUTES = 10  # of one SELECT; ten million rows take less than one
TARGETS = {**COLUMNS, "aside": ("reason",)}
NEEDED = {**REQUIRED, "aside": ("reason",)}


def run_selects(raw, wanted):
    """Fill the tables `selected.labs` and so on of the raw database; SourceError, one line a fault, where refused."""
    faults = []
    limited = LOCKED | {"max_execution_time": f"{LONGEST_MINUTES * 60_000:.0f}"}
    with closing(duckdb.connect(str(raw), config=limited)) as con:
        con.execute("CREATE SCHEMA selected")
        for target, columns in TARGETS.items():
            try:
                _fill(con, target, columns, wanted.selects.get(target))
            except duckdb.InterruptException:
                faults.append(f"{wanted.name}: {target}: the SELECT takes longer than {LONGEST_MINUTES:g} minutes")
            except duckdb.Error as error:
                faults.append(f"{wanted.name}: {target}: {str(error).splitlines()[0]}")
            except ValueError as refused:
                faults.append(f"{wanted.name}: {target}: {refused}")
    if faults:
        raise SourceError("\n".join(faults))


def _fill(con, target, columns, text):
    if text is None:
        empty = ", ".join(f"{name} TEXT" for name in (*columns, "source"))
        con.execute(f"CREATE TABLE selected.{target} ({empty})")
        return
    rows = "(\n" + text.rstrip().removesuffix(";") + "\n)"
    given = [name.lower() for name, *_ in con.execute(f"DESCRIBE FROM {rows}").fetchall()]
    for name in given:
        if name not in (*columns, "source"):
            raise ValueError(f"column {name} is not known")
    for name in (*NEEDED[target], "source"):
        if name not in given:
            raise ValueError(f"required column {name} is missing")
    every = (*columns, "source")
    selected = ", ".join(f"CAST({name if name in given else 'NULL'} AS TEXT) AS {name}" for name in every)
    con.execute(f"CREATE TABLE selected.{target} AS SELECT {selected} FROM {rows}")
    if target in COLUMNS:
        _number_parts(con, f"selected.{target}")


def _number_parts(con, table):
    """Tell apart the records that one raw row holds: " part 1", " part 2" behind their source."""
    if con.execute(f"SELECT count(DISTINCT hash(source)) < count(source) FROM {table}").fetchone()[0]:
        con.execute(
            f"""CREATE OR REPLACE TABLE {table} AS
            SELECT * REPLACE (CASE WHEN count(*) OVER (PARTITION BY source) > 1 THEN source || ' part '
                || row_number() OVER (PARTITION BY source ORDER BY rowid) ELSE source END AS source)
            FROM {table}"""
        )
