"""New rows brought into the tables of a published file: what `load --add` adds, and whom it touches.

The numbered SQL files beside this one run in reading order on three catalogs: `base` (the file that grows), `added`
(what a reader made of the new files alone) and temporary tables. A row that came before in every field is counted as
already there. What a row takes the place of stays in the table `replaced`. docs/loading.md says it in words.
"""

from pathlib import Path

import duckdb

from leuko import sources

FOLDER = Path(__file__).parent
STEPS = {path.stem[2:]: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.sql"))}
# The results of the draws of which anything came, before and now.
OF_DRAWS_ANEW = tuple(
    f"(FROM {labs} SEMI JOIN draws_anew USING (patient_id, collected_at))"
    for labs in ("shared.labs_before", "labs_now")
)
BROUGHT = ("new_labs", "new_other_cells", "new_exposures", "new_patients", "new_events", "new_rejected")


def merge(con: duckdb.DuckDBPyConnection, number: int) -> int:
    """Bring the rows of `added` into `base`, as load `number`; gives how many patients they touch.

    `con` has both attached and `base` in use, as a load published it. Leaves temporary tables for what is to be
    answered anew: `touched` (patient_id), all results of these patients as they are, `labs_now`, and of which draws
    anything came, `draws_anew`. In a catalog in memory, `shared`, other connections to the same file see `touched` too,
    and `labs_before`: these results as they were.
    """
    con.execute(f"CREATE OR REPLACE TEMP TABLE this_load AS SELECT {number:d} AS number")
    for step in STEPS.values():
        con.execute(step)
    share(con)
    derive_again(con)
    for table in ("this_load", "named", *BROUGHT, "to_derive"):
        con.execute(f"DROP TABLE temp.{table}")
    return con.execute("SELECT count(*) FROM touched").fetchall()[0][0]


def share(con: duckdb.DuckDBPyConnection) -> None:
    """Copy what was touched to the catalog `shared`: temporary tables are seen by their own connection alone."""
    con.execute("ATTACH ':memory:' AS shared")
    for table in ("touched", "labs_before"):
        con.execute(f"CREATE TABLE shared.{table} AS FROM temp.{table}")


def derive_again(con: duckdb.DuckDBPyConnection) -> None:
    """Make `labs_now` of `labs_before`, and derive the ANC of those of whom a part of a differential is new.

    Its other parts may have come before.
    """
    con.execute(
        """CREATE TEMP TABLE labs AS
        FROM (FROM labs_before UNION ALL BY NAME FROM new_labs) AS known SEMI JOIN to_derive USING (patient_id)
        WHERE NOT derived"""
    )
    con.execute("CREATE TEMP TABLE other_cells AS FROM base.other_cells SEMI JOIN to_derive USING (patient_id)")
    sources.derive_anc(con)
    con.execute("DELETE FROM base.labs WHERE derived AND patient_id IN (FROM to_derive)")
    con.execute("INSERT INTO base.labs BY NAME SELECT * EXCLUDE (source) FROM temp.labs WHERE derived")
    con.execute("UPDATE temp.labs SET source = source_file WHERE derived")  # a copy does not work it out
    con.execute("DELETE FROM temp.labs_before WHERE derived AND patient_id IN (FROM to_derive)")
    con.execute("INSERT INTO temp.labs_before BY NAME FROM new_labs")
    con.execute("INSERT INTO temp.labs_before BY NAME FROM temp.labs WHERE derived")
    con.execute("ALTER TABLE temp.labs_before RENAME TO labs_now")
    con.execute("DROP TABLE temp.labs; DROP TABLE temp.other_cells")
