"""Protocols as database tables, the form in which the rule reads them."""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain

import duckdb

from leuko.protocols.schema import AtDraw, Clause, Protocol

Row = tuple[object, ...]


def write_tables(
    con: duckdb.DuckDBPyConnection, protocols: Iterable[Protocol], *, temp: bool = False
) -> None:
    """Write the protocols into schema `main` of the connection's database, replacing what was there.

    Each table of TABLES is keyed by the protocol's id. Rows of ordered tables are numbered from 1; counts are
    cells/µL, doses mg per day; NULL where the file does not give the key. `temp`: as temporary tables, which
    only this connection sees and which a read-only database allows.
    """
    protocols = tuple(protocols)
    database = "temp" if temp else con.execute("SELECT current_database()").fetchone()[0]
    for name, (columns, rows_of) in TABLES.items():
        rows = [(protocol.id, *row) for protocol in protocols for row in rows_of(protocol)]
        write_table(con, "TEMP TABLE" if temp else "TABLE", f'"{database}".main.{name}', columns, rows)


def copy_tables(source: duckdb.DuckDBPyConnection, target: duckdb.DuckDBPyConnection) -> None:
    """Write the protocol tables that `source` sees into `target`, as they are."""
    for name, (columns, _) in TABLES.items():
        write_table(target, "TABLE", name, columns, source.execute(f"FROM {name}").fetchall())


def write_table(con: duckdb.DuckDBPyConnection, kind: str, table: str, columns: str, rows: list[Row]) -> None:
    con.execute(f"CREATE OR REPLACE {kind} {table} ({columns})")
    if rows:
        row = f"({', '.join('?' * len(rows[0]))})"
        con.execute(f"INSERT INTO {table} VALUES {', '.join([row] * len(rows))}", [*chain.from_iterable(rows)])


def protocol_rows(protocol: Protocol) -> Iterator[Row]:
    yield (
        protocol.drug, protocol.setting, protocol.default, protocol.starting_dose_mg, protocol.cause_required,
        protocol.schedule_restarts_after_days, protocol.platelets is not None, protocol.reads_every_draw,
    )


def requirement_rows(protocol: Protocol) -> Iterator[Row]:
    yield from protocol.facts.items()


def related_rows(protocol: Protocol) -> Iterator[Row]:
    for cause, related in (("disease", protocol.disease_related), ("treatment", protocol.treatment_related)):
        if related is not None:
            first = list(related.first) if cause == "disease" else []
            yield (cause, related.action, related.dose, first, related.why, related.verified, related.source)


def threshold_rows(protocol: Protocol) -> Iterator[Row]:
    for analyte, threshold in (("anc", protocol.anc), ("platelets", protocol.platelets)):
        if threshold is not None:
            yield (
                analyte, threshold.hold.operator, threshold.hold.number,
                threshold.resume.operator, threshold.resume.number, threshold.why, threshold.verified, threshold.source,
            )


def dose_level_rows(protocol: Protocol) -> Iterator[Row]:
    for dose_mg in protocol.dose_levels_mg:
        yield (dose_mg,)


def clause_rows(protocol: Protocol) -> Iterator[Row]:
    for number, clause in enumerate(protocol.recovery, start=1):
        yield (number, clause.action, *dose_said(clause), clause.why, clause.verified, clause.source)


def condition_rows(protocol: Protocol) -> Iterator[Row]:
    yield from rows_of_conditions(protocol.recovery)


def during_rows(protocol: Protocol) -> Iterator[Row]:
    for line, row in enumerate(protocol.during, start=1):
        yield (line, row.open, row.action, *dose_said(row), row.why, row.verified, row.source)


def during_band_rows(protocol: Protocol) -> Iterator[Row]:
    for line, row in enumerate(protocol.during, start=1):
        for analyte, band in (("anc", row.anc), ("platelets", row.platelets)):
            for bound in band:
                yield (line, analyte, bound.operator, bound.number)


def during_condition_rows(protocol: Protocol) -> Iterator[Row]:
    yield from rows_of_conditions(protocol.during)


def dose_said(row: Clause | AtDraw) -> tuple[str | None, float | None]:
    return (row.dose.rule, row.dose.amount) if row.dose else (None, None)


def rows_of_conditions(table: tuple[Clause | AtDraw, ...]) -> Iterator[Row]:
    for number, row in enumerate(table, start=1):
        for fact, condition in row.conditions.items():
            yield (number, fact, condition.operator, condition.number, condition.word)


def monitoring_rows(protocol: Protocol) -> Iterator[Row]:
    for line, interval in enumerate(protocol.monitoring, start=1):
        anc, after = (
            (condition.operator, condition.number) if condition else (None, None)
            for condition in (interval.anc, interval.after_anc)
        )
        yield (
            line, *anc, interval.first, *after, interval.for_days, interval.until_day, interval.every_days,
            interval.why, interval.verified, interval.source,
        )


def source_rows(protocol: Protocol) -> Iterator[Row]:
    for line, source in enumerate(protocol.source, start=1):
        yield (line, source.title, source.section, source.revised, source.url, source.quote, source.verified)


TABLES: dict[str, tuple[str, Callable[[Protocol], Iterator[Row]]]] = {
    "protocols": (
        """protocol TEXT, drug TEXT, setting TEXT, is_default BOOLEAN, starting_dose_mg DOUBLE,
        cause_required BOOLEAN, schedule_restarts_after_days INTEGER, has_platelets BOOLEAN,
        reads_every_draw BOOLEAN""",
        protocol_rows,
    ),
    "requirements": ("protocol TEXT, fact TEXT, word TEXT", requirement_rows),
    "related": (
        """protocol TEXT, cause TEXT, action TEXT, dose_mg DOUBLE, first TEXT[], why TEXT, verified BOOLEAN,
        source TEXT""",
        related_rows,
    ),
    "thresholds": (
        """protocol TEXT, analyte TEXT, hold_operator TEXT, hold DOUBLE, resume_operator TEXT, resume DOUBLE,
        why TEXT, verified BOOLEAN, source TEXT""",
        threshold_rows,
    ),
    "dose_levels": ("protocol TEXT, dose_mg DOUBLE", dose_level_rows),
    "clauses": (
        """protocol TEXT, clause INTEGER, action TEXT, dose_rule TEXT, dose_amount DOUBLE, why TEXT,
        verified BOOLEAN, source TEXT""",
        clause_rows,
    ),
    "conditions": (
        "protocol TEXT, clause INTEGER, fact TEXT, operator TEXT, number DOUBLE, word TEXT",
        condition_rows,
    ),
    "during": (
        """protocol TEXT, line INTEGER, open BOOLEAN, action TEXT, dose_rule TEXT, dose_amount DOUBLE, why TEXT,
        verified BOOLEAN, source TEXT""",
        during_rows,
    ),
    "during_bands": ("protocol TEXT, line INTEGER, analyte TEXT, operator TEXT, number DOUBLE", during_band_rows),
    "during_conditions": (
        "protocol TEXT, line INTEGER, fact TEXT, operator TEXT, number DOUBLE, word TEXT",
        during_condition_rows,
    ),
    "monitoring": (
        """protocol TEXT, line INTEGER, anc_operator TEXT, anc DOUBLE, first BOOLEAN, after_operator TEXT,
        after_anc DOUBLE, for_days INTEGER, until_day INTEGER, every_days INTEGER, why TEXT, verified BOOLEAN,
        source TEXT""",
        monitoring_rows,
    ),
    "protocol_sources": (
        """protocol TEXT, line INTEGER, title TEXT, section TEXT, revised TEXT, url TEXT, quote TEXT,
        verified BOOLEAN""",
        source_rows,
    ),
}
