"""The rule on Spark: the SQL files of `leuko.rules` themselves, transpiled, over more rows than one machine holds.

Needs pyspark and sqlglot (the extra `spark`), which nothing else of leuko imports. docs/scale.md says how to submit it,
how it partitions and what it costs.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import date, timedelta
from functools import cache
from os import PathLike, fspath

import duckdb
import sqlglot
from pyspark.sql import DataFrame, SparkSession
from sqlglot import exp

from leuko import rules
from leuko.count_units import CELLS
from leuko.evaluation import COLUMNS, OPTIONAL
from leuko.facts import write_facts
from leuko.folders import BUCKETS
from leuko.protocols import Protocol, load_protocols, write_tables
from leuko.protocols.tables import TABLES
from leuko.sources import REQUIRED, SourceError

Rows = DataFrame | str | PathLike

CONSTRAINTS = "spark.sql.constraintPropagation.enabled"
OURS = "leuko_"  # before the names of our temporary views, so that none of the session's is replaced
BUCKET = "CAST(conv(substr(md5(coalesce(patient_id, '')), 1, 8), 16, 10) AS BIGINT) % {buckets}"
# Macros that Spark has to say in another way; each is compared with the original in tests/spark.
OTHER_WORDS = {
    # DuckDB writes 12345678.5 as it is, Spark as 1.23456785E7.
    "number_words": """format_number(floor(number), 0) || CASE WHEN number = floor(number) THEN ''
        ELSE '.' || rtrim('0', split_part(CAST(TRY_CAST(number AS DECIMAL(38, 18)) AS STRING), '.', 2)) END"""
}


@dataclass(frozen=True)
class Answers:
    """What the rule found, as Spark frames with the columns of `leuko.evaluate`; `unmatched`: see there, `rejected`."""

    episodes: DataFrame
    recommendations: DataFrame
    worklist: DataFrame
    unmatched: DataFrame

    def write(self, folder: str | PathLike, buckets: int = BUCKETS) -> None:
        """Write each table as Parquet into `folder/<table>/bucket=<number>/`; the buckets are those of `leuko.folders`.

        Spark fails where one of them is there already.
        """
        for table in fields(self):
            frame = getattr(self, table.name).selectExpr("*", f"{BUCKET.format(buckets=buckets)} AS bucket")
            frame.repartition(buckets, "bucket").write.partitionBy("bucket").parquet(f"{fspath(folder)}/{table.name}")


def evaluate(
    spark: SparkSession,
    labs: Rows,
    exposures: Rows,
    events: Rows | None = None,
    protocols: Iterable[Protocol] | None = None,
    as_of: date | None = None,
    *,
    patients: Rows | None = None,
) -> Answers:
    """Say what the protocols ask for each course on `as_of`, as `leuko.evaluate` does.

    `labs`, `exposures`, `events` and `patients` are canonical tables: Spark frames, or folders of Parquet such as
    `python -m leuko export` writes. Counts are in cells/µL: raw results, which have a column `unit`, are refused, since
    units, spellings and differentials are read by a load on DuckDB. `protocols` and `as_of`: see `leuko.evaluate`.

    Raises SourceError where a needed column is missing, where results are raw, or where there is no day to evaluate.
    """
    with without_constraints(spark), views(spark) as show:
        for name, rows in {"labs": labs, "exposures": exposures, "events": events, "patients": patients}.items():
            show(name, canonical(spark, name, rows))
        day = as_of or last_day(spark)
        for name, rows in small_tables(load_protocols() if protocols is None else protocols).items():
            show(name, spark.createDataFrame(rows))
        days = {"as_of": day, "after": day + timedelta(days=1)}
        steps = {}
        for name, step in rules.STEPS:
            steps[name] = spark.sql(in_spark(step, days))
            if name not in rules.VIEWS:
                steps[name] = worked_out(spark, steps[name])
            show(name, steps[name])
    columns = COLUMNS | {"unmatched": COLUMNS["rejected"]}
    return Answers(**{table.name: steps[table.name].select(*columns[table.name]) for table in fields(Answers)})


@contextmanager
def views(spark: SparkSession) -> Iterator:
    """A function that shows a frame to SQL under a name of ours, until the block ends."""
    shown = []

    def show(name: str, frame: DataFrame) -> None:
        shown.append(OURS + name)
        frame.createOrReplaceTempView(OURS + name)

    try:
        yield show
    finally:
        for name in shown:
            spark.catalog.dropTempView(name)


@contextmanager
def without_constraints(spark: SparkSession) -> Iterator[None]:
    """Without what Spark infers from filters: from a checkpoint that is read twice, 4.3 infers it wrongly and fails."""
    before = spark.conf.get(CONSTRAINTS)
    spark.conf.set(CONSTRAINTS, "false")
    try:
        yield
    finally:
        spark.conf.set(CONSTRAINTS, before)


def worked_out(spark: SparkSession, frame: DataFrame) -> DataFrame:
    """The rows of a step, worked out once: many steps read it, and Spark would work it out anew for each.

    In the checkpoint folder where the session has one, since what stands with the workers is lost with a worker.
    """
    return frame.checkpoint() if spark.sparkContext.getCheckpointDir() else frame.localCheckpoint()


def canonical(spark: SparkSession, name: str, rows: Rows | None) -> DataFrame:
    """A canonical table, with what it leaves out filled in as missing."""
    if rows is None:
        return spark.sql(f"SELECT {', '.join(left_out(name))} LIMIT 0")
    frame = rows if isinstance(rows, DataFrame) else spark.read.parquet(fspath(rows))
    present = {column.lower() for column in frame.columns}
    for column in REQUIRED[name]:
        if column not in present:
            raise SourceError(f"{name}: required column {column} is missing")
    if name == "labs" and "unit" in present:
        raise SourceError("labs: has a column unit: these are raw results; load them with `python -m leuko load` first")
    return frame.selectExpr("*", *left_out(name, present))


def left_out(name: str, present: Iterable[str] = ()) -> list[str]:
    return [
        f"{sqlglot.transpile(value, read='duckdb', write='spark')[0]} AS {column}"
        for column, value in OPTIONAL[name].items()
        if column not in present
    ]


def last_day(spark: SparkSession) -> date:
    """The last day with a result or the start of an exposure; `SourceError` where there is neither."""
    (row,) = spark.sql(
        f"""SELECT greatest(
            (SELECT max(CAST(collected_at AS DATE)) FROM {OURS}labs),
            (SELECT max(CAST(start_on AS DATE)) FROM {OURS}exposures)
        )"""
    ).collect()
    if row[0] is None:
        raise SourceError("no result and no exposure can be used: there is no day to evaluate; name one")
    return row[0]


def small_tables(protocols: Iterable[Protocol]) -> dict:
    """The tables of protocols, limits and statuses, as DuckDB writes them, in Arrow's form."""
    with duckdb.connect() as con:
        write_tables(con, protocols)
        write_facts(con)
        return {name: con.sql(f"FROM {name}").to_arrow_table() for name in (*TABLES, "limits", "statuses")}


def in_spark(step: str, days: Mapping[str, date]) -> str:
    """A step of the rule in Spark's SQL: macros written out, days as literals, tables under our names."""
    tree = spelled_out(sqlglot.parse_one(step, read="duckdb"))
    own = {part.alias for part in tree.find_all(exp.CTE)}

    def translated(node: exp.Expression) -> exp.Expression:
        match node:
            case exp.Placeholder():
                return exp.cast(exp.Literal.string(days[node.name].isoformat()), "date")
            case exp.Table() if node.name and node.name not in own:
                return exp.alias_(exp.to_table(OURS + node.name), node.alias or node.name, table=True)
            case exp.Window(this=exp.RowNumber()) if not node.args.get("order"):  # in any order, but Spark wants one
                node.set("order", exp.Order(expressions=[exp.null()]))
            case exp.Anonymous() if node.name.lower() == "to_json":  # DuckDB writes missing values too
                node.append("expressions", exp.maybe_parse("map('ignoreNullFields', 'false')", dialect="spark"))
        return node

    return tree.transform(translated).sql("spark")


def spelled_out(tree: exp.Expression) -> exp.Expression:
    """The tree with each call of a macro replaced by what the macro says."""
    while calls := [call for call in tree.find_all(exp.Anonymous) if call.name.lower() in macros()]:
        for call in reversed(calls):  # what stands within another call first
            names, body = macros()[call.name.lower()]
            given = dict(zip(names, call.expressions, strict=True))
            call.replace(exp.paren(body.transform(filled, given)))
    return tree


def filled(node: exp.Expression, given: Mapping[str, exp.Expression]) -> exp.Expression:
    """A name within a macro as what was given for it, `found.value` as the field of what was given for `found`."""
    if not isinstance(node, exp.Column):
        return node
    if node.table:
        return exp.Dot(this=given[node.table].copy(), expression=node.this.copy())
    return given[node.name].copy()


@cache
def macros() -> dict[str, tuple[list[str], exp.Expression]]:
    """The macros of the rule's words: their parameters and what they say."""
    found = {}
    for macro in sqlglot.parse(rules.words_in(CELLS), read="duckdb"):
        name, parameters = macro.this.this.name, [parameter.name for parameter in macro.this.expressions]
        other = OTHER_WORDS.get(name)
        found[name] = parameters, sqlglot.parse_one(other, read="spark") if other else macro.expression
    return found
