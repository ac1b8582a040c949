"""Protocols as database tables, the form in which the rule reads them."""

from collections.abc import Callable, Iterable, Iterator

import duckdb

from leuko.protocols.schema import Protocol

Row = tuple[object, ...]


def write_tables(
    con: duckdb.DuckDBPyConnection, protocols: Iterable[Protocol], *, temp: bool = False
) -> None:
    """Write the protocols into schema `main` of the connection's database, replacing what was there.

    Seven tables, each keyed by the protocol's id: `protocols`, `thresholds`, `dose_levels`, `clauses`,
    `conditions`, `monitoring`, `protocol_sources`. Rows of ordered tables are numbered from 1; counts are
    cells/µL, doses mg per day; NULL where the file does not give the key. `temp`: as temporary tables, which
    only this connection sees and which a read-only database allows.
    """
    protocols = tuple(protocols)
    database = "temp" if temp else con.execute("SELECT current_database()").fetchone()[0]
    for name, (columns, rows_of) in TABLES.items():
        table = f'"{database}".main.{name}'
        con.execute(f"CREATE OR REPLACE {'TEMP ' if temp else ''}TABLE {table} ({columns})")
        rows = [(protocol.id, *row) for protocol in protocols for row in rows_of(protocol)]
        if rows:
            con.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)


def protocol_rows(protocol: Protocol) -> Iterator[Row]:
    disease = protocol.disease_related
    related = (None,) * 5
    if disease is not None:
        related = (disease.action, disease.dose, disease.verified, disease.source, disease.why)
    yield (
        protocol.drug, protocol.setting, protocol.default, protocol.starting_dose_mg, protocol.cause_required,
        protocol.platelets is not None, *related,
    )


def threshold_rows(protocol: Protocol) -> Iterator[Row]:
    for analyte, threshold in (("anc", protocol.anc), ("platelets", protocol.platelets)):
        if threshold is not None:
            yield (
                analyte, threshold.hold.operator, threshold.hold.number,
                threshold.resume.operator, threshold.resume.number, threshold.verified, threshold.source,
            )


def dose_level_rows(protocol: Protocol) -> Iterator[Row]:
    for dose_mg in protocol.dose_levels_mg:
        yield (dose_mg,)


def clause_rows(protocol: Protocol) -> Iterator[Row]:
    for number, clause in enumerate(protocol.recovery, start=1):
        fixed = isinstance(clause.dose, float)
        yield (
            number, clause.action, "fixed" if fixed else clause.dose, clause.dose if fixed else None,
            clause.why, clause.verified, clause.source,
        )


def condition_rows(protocol: Protocol) -> Iterator[Row]:
    for number, clause in enumerate(protocol.recovery, start=1):
        for fact, condition in clause.conditions.items():
            yield (number, fact, condition.operator, condition.number, condition.word)


def monitoring_rows(protocol: Protocol) -> Iterator[Row]:
    for line, interval in enumerate(protocol.monitoring, start=1):
        anc = (interval.anc.operator, interval.anc.number) if interval.anc else (None, None)
        yield (line, *anc, interval.until_day, interval.every_days, interval.verified, interval.source)


def source_rows(protocol: Protocol) -> Iterator[Row]:
    for line, source in enumerate(protocol.source, start=1):
        yield (line, source.title, source.section, source.revised, source.url, source.quote, source.verified)


TABLES: dict[str, tuple[str, Callable[[Protocol], Iterator[Row]]]] = {
    "protocols": (
        """protocol TEXT, drug TEXT, setting TEXT, is_default BOOLEAN, starting_dose_mg DOUBLE,
        cause_required BOOLEAN, has_platelets BOOLEAN, disease_action TEXT, disease_dose_mg DOUBLE,
        disease_verified BOOLEAN, disease_source TEXT, disease_why TEXT""",
        protocol_rows,
    ),
    "thresholds": (
        """protocol TEXT, analyte TEXT, hold_operator TEXT, hold DOUBLE, resume_operator TEXT, resume DOUBLE,
        verified BOOLEAN, source TEXT""",
        threshold_rows,
    ),
    "dose_levels": ("protocol TEXT, dose_mg DOUBLE", dose_level_rows),
    "clauses": (
        """protocol TEXT, clause INTEGER, action TEXT, dose_rule TEXT, dose_mg DOUBLE, why TEXT,
        verified BOOLEAN, source TEXT""",
        clause_rows,
    ),
    "conditions": (
        "protocol TEXT, clause INTEGER, fact TEXT, operator TEXT, number DOUBLE, word TEXT",
        condition_rows,
    ),
    "monitoring": (
        """protocol TEXT, line INTEGER, anc_operator TEXT, anc DOUBLE, until_day INTEGER, every_days INTEGER,
        verified BOOLEAN, source TEXT""",
        monitoring_rows,
    ),
    "protocol_sources": (
        """protocol TEXT, line INTEGER, title TEXT, section TEXT, revised TEXT, url TEXT, quote TEXT,
        verified BOOLEAN""",
        source_rows,
    ),
}
