"""The worklist and the alerts as the screens read them: tables in the order of urgency, each row with its patient.

They are made once for a day, so that a click joins little and sorts nothing, however many patients there are.
"""

from pathlib import Path

import duckdb

FOLDER = Path(__file__).parent / "queries"
TABLES = {name: (FOLDER / f"{name}.sql").read_text(encoding="utf-8") for name in ("listed", "listed_alerts")}


def write(con: duckdb.DuckDBPyConnection, *, temporary: bool = False) -> None:
    """Write the tables from the answers, the alerts, the patients and the vocabulary of statuses in `con`.

    `con` knows the words of the rule, which ran in it.
    """
    for name, query in TABLES.items():
        con.execute(f"CREATE OR REPLACE {'TEMP TABLE' if temporary else 'TABLE'} {name} AS\n{query}")
