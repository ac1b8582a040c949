"""New rows brought into the tables of a published file: what `load --add` adds, and whom it touches.

The numbered SQL files beside this one run in reading order on four catalogs: `base` (the file that grows), `added`
(what a reader made of the new files alone) and, in memory, those who are touched, as they `was` and `anew`. A row that
came before in every field is counted as already there. What a row takes the place of stays in the table `replaced`.
docs/loading.md says it in words.
"""

from datetime import date, timedelta
from pathlib import Path

import duckdb

from leuko import sources

FOLDER = Path(__file__).parent
STEPS = {path.stem[2:]: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("[0-9]_*.sql"))}
UNSETTLED = (FOLDER / "unsettled.sql").read_text(encoding="utf-8")
# Where a larger share of all patients is answered anew, everybody is: that takes no longer then.
MOST_ANEW = 0.4
# The results of the draws of which anything came, before and now.
OF_DRAWS_ANEW = tuple(
    f"(FROM {labs} SEMI JOIN draws_anew USING (patient_id, collected_at))" for labs in ("was.labs", "anew.labs")
)
BROUGHT = ("new_labs", "new_other_cells", "new_exposures", "new_patients", "new_events", "new_rejected")


def merge(con: duckdb.DuckDBPyConnection, number: int) -> int:
    """Bring the rows of `added` into `base`, as load `number`; gives how many patients they touch.

    `con` has both attached and `base` in use, as a load published it. Leaves two catalogs, which other connections to
    the same file see too: `anew` with `touched` (patient_id) and all results of these patients, `labs`; and `was` with
    these results as they were. The temporary table `draws_anew` says of which draws anything came.
    """
    con.execute("ATTACH ':memory:' AS was; ATTACH ':memory:' AS anew")
    con.execute(f"CREATE OR REPLACE TEMP TABLE this_load AS SELECT {number:d} AS number")
    for step in STEPS.values():
        con.execute(step)
    con.execute("CREATE TABLE anew.labs AS FROM was.labs UNION ALL BY NAME FROM new_labs")
    derive_again(con)
    for table in ("this_load", "named", *BROUGHT, "to_derive"):
        con.execute(f"DROP TABLE temp.{table}")
    return con.execute("SELECT count(*) FROM anew.touched").fetchall()[0][0]


def take_in_unsettled(con: duckdb.DuckDBPyConnection, was_on: date, as_of: date) -> bool:
    """Count those among the touched whom `as_of` may answer otherwise than `was_on`, the day of `before`, did.

    Gives whether all others stand as they were; False, and nothing is counted, where these would be too few to spare.
    """
    if as_of <= was_on:
        return as_of == was_on
    others = f"FROM ({UNSETTLED}) ANTI JOIN anew.touched USING (patient_id)"
    con.execute(f"CREATE TEMP TABLE older AS {others}", {"as_of": was_on})
    anew = "(SELECT count(*) FROM older) + (SELECT count(*) FROM anew.touched)"
    everybody = "SELECT count(DISTINCT patient_id) FROM before.worklist"
    if con.execute(f"SELECT {anew} > {MOST_ANEW} * ({everybody})").fetchall()[0][0]:
        return False
    con.execute("INSERT INTO anew.touched FROM older")
    con.execute("INSERT INTO was.labs FROM before.labs SEMI JOIN older USING (patient_id)")
    con.execute("INSERT INTO anew.labs FROM was.labs SEMI JOIN older USING (patient_id)")
    known_since = "SELECT patient_id, collected_at FROM anew.labs WHERE greatest(collected_at, reported_at) >= ?"
    con.execute(f"INSERT INTO draws_anew {known_since}", [was_on + timedelta(days=1)])
    con.execute("DROP TABLE temp.older")
    return True


def derive_again(con: duckdb.DuckDBPyConnection) -> None:
    """Derive the ANC of those of whom a part of a differential is new: its other parts may have come before."""
    con.execute("CREATE TEMP TABLE labs AS FROM anew.labs SEMI JOIN to_derive USING (patient_id) WHERE NOT derived")
    con.execute("CREATE TEMP TABLE other_cells AS FROM base.other_cells SEMI JOIN to_derive USING (patient_id)")
    sources.derive_anc(con)
    for catalog in ("base", "anew"):
        con.execute(f"DELETE FROM {catalog}.labs WHERE derived AND patient_id IN (FROM to_derive)")
    con.execute("INSERT INTO base.labs BY NAME SELECT * EXCLUDE (source) FROM temp.labs WHERE derived")
    con.execute("UPDATE temp.labs SET source = source_file WHERE derived")  # a copy does not work it out
    con.execute("INSERT INTO anew.labs BY NAME FROM temp.labs WHERE derived")
    con.execute("DROP TABLE temp.labs; DROP TABLE temp.other_cells")
