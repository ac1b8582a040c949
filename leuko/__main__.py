"""The command line: `load | watch | undo | loads | changes | evaluate | export | audit | diff | protocols | access |
journal`.

Exit status: 0 done, 1 a whole file, a protocol or a setting was refused, the PDF could not be made, or the access log
is not as it was written (one clear line each on standard error), 2 wrong usage.
"""

import argparse
import os
import sys
import time
from contextlib import closing, suppress
from datetime import date
from pathlib import Path

import duckdb

from leuko import access_log, accounts, alerts, count_units, folders, publish, sources
from leuko.access import FILE as TABLE
from leuko.access import AccessError, read_access
from leuko.accounts import Accounts
from leuko.difference import compare
from leuko.evaluation import COLUMNS, Result, last_day, read_folder
from leuko.folders import FolderError
from leuko.inputs import FORMATS, NEEDED, Shape, of_files, of_folder
from leuko.inputs import KINDS as FILES
from leuko.journal_databases import JournalError
from leuko.progress import Bar
from leuko.protocols import ProtocolError, described, load_protocols, write_tables
from leuko.settings import SettingsError, default_settings, read_settings, with_values
from leuko.sources import SourceError
from leuko.store import About, Filters, Store, StoreError, open_published
from leuko.watch import Watch

LOADING = {"Reading the files": 0.5, "Applying the rule": 0.45, "Publishing": 0.05}


class Incomplete(ValueError):
    """Not all that was asked for could be done; the message is one line for the user."""


REFUSED = (
    SourceError, ProtocolError, StoreError, FolderError, SettingsError, AccessError, JournalError, Incomplete,
)  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    parser = build_parser()
    chosen = parser.parse_args(arguments)
    try:
        chosen.run(parser, chosen)
    except REFUSED as refused:
        print(refused, file=sys.stderr)
        return 1
    except (OSError, duckdb.Error) as failed:
        print(f"could not finish: {str(failed).splitlines()[0]}", file=sys.stderr)
        return 1
    return 0


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m leuko", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(
        required=True,
        metavar="load | watch | undo | loads | changes | evaluate | export | audit | diff | protocols | access "
        "| journal",
    )

    load = commands.add_parser("load", help="build a database from files and publish it in one step")
    add_files(load)
    load.add_argument(
        "--from", dest="folder", type=Path, metavar="DIR", help="folder of the files; for omop also a DuckDB file"
    )
    add_shape(load)
    load.add_argument("--add", action="store_true", help="add to what the database holds, instead of building it anew")
    load.add_argument("--db", type=Path, required=True, metavar="FILE", help="the database that is published")
    load.add_argument("--as-of", type=day, metavar="DATE", help="the day asked (default: the data's last)")
    load.set_defaults(run=run_load)

    watch = commands.add_parser("watch", help="load what arrives in a folder, each delivery once, in order")
    watch.add_argument("folder", type=Path, metavar="DIR", help="a delivery is a folder in it, or a CSV file")
    watch.add_argument("--db", type=Path, required=True, metavar="FILE", help="the database that is published")
    add_shape(watch)
    watch.add_argument("--every", type=seconds, default=10, metavar="SECONDS", help="between two looks (default: 10)")
    watch.add_argument("--once", action="store_true", help="take what is there and stop, for a timer")
    watch.set_defaults(run=run_watch)

    undo = commands.add_parser("undo", help="go back to what stood before the last load")
    undo.add_argument("--db", type=Path, required=True, metavar="FILE", help="a published database")
    undo.set_defaults(run=run_undo)

    loads = commands.add_parser("loads", help="list the loads of a database")
    loads.add_argument("--db", type=Path, required=True, metavar="FILE", help="a published database")
    loads.set_defaults(run=run_loads)

    changes = commands.add_parser("changes", help="list the courses of another status than before")
    changes.add_argument("--db", type=Path, required=True, metavar="FILE", help="a published database")
    changes.add_argument("--since", type=day, metavar="DATE", help="compare with this day (default: the last load)")
    changes.add_argument("--as-of", type=day, metavar="DATE", help="the day asked (default: the day of the database)")
    changes.set_defaults(run=run_changes)

    evaluate = commands.add_parser("evaluate", help="apply the rule and write its tables")
    add_files(evaluate)
    evaluate.add_argument("--db", type=Path, metavar="FILE", help="a published database, instead of files")
    evaluate.add_argument("--protocols", type=Path, metavar="DIR", help="protocols other than the shipped")
    evaluate.add_argument("--as-of", type=day, metavar="DATE", help="the day asked (default: the data's last)")
    add_dose_unit(evaluate)
    evaluate.add_argument("--from", dest="folder", type=Path, metavar="DIR", help="tables as Parquet, instead of files")
    evaluate.add_argument("--parquet", action="store_true", help="write Parquet by bucket of patients, instead of CSV")
    evaluate.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the tables")
    evaluate.set_defaults(run=run_evaluate)

    export = commands.add_parser("export", help="write every table of a database as Parquet, by bucket of patients")
    export.add_argument("--db", type=Path, required=True, metavar="FILE", help="a published database")
    export.add_argument(
        "--buckets", type=buckets, default=folders.BUCKETS, metavar="NUMBER", help="of patients (default: %(default)s)"
    )
    export.add_argument("--out", type=Path, required=True, metavar="DIR", help="a new folder, which can be served too")
    export.set_defaults(run=run_export)

    audit = commands.add_parser("audit", help="write the adherence measures, the deviations and the report")
    audit.add_argument("--db", type=Path, required=True, metavar="FILE", help="a published database")
    audit.add_argument("--as-of", type=day, metavar="DATE", help="the day asked (default: the day of the database)")
    audit.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the files")
    audit.add_argument("--pdf", action="store_true", help="also the report as PDF, where WeasyPrint is installed")
    audit.set_defaults(run=run_audit)

    diff = commands.add_parser("diff", help="write what changes if other protocols were in force")
    diff.add_argument("--db", type=Path, required=True, metavar="FILE", help="a published database")
    diff.add_argument("--protocols", type=Path, required=True, metavar="DIR", help="all that would be in force")
    diff.add_argument("--as-of", type=day, metavar="DATE", help="the day asked (default: the day of the database)")
    diff.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the CSV files")
    diff.set_defaults(run=run_diff)

    protocols = commands.add_parser("protocols", help="list and check protocol files")
    protocols.add_argument("--protocols", type=Path, metavar="DIR", help="a folder other than the shipped")
    protocols.set_defaults(run=run_protocols)

    access = commands.add_parser("access", help="print the access log, and check that it is as it was written")
    access.add_argument("--db", type=Path, required=True, metavar="FILE", help="the database that was looked at")
    access.set_defaults(run=run_access)

    journal = commands.add_parser("journal", help="write the journal of what was decided into a file, or put it back")
    journal.add_argument("--db", type=Path, required=True, metavar="FILE", help="the database that was looked at")
    way = journal.add_mutually_exclusive_group(required=True)
    way.add_argument("--export", type=Path, metavar="FILE", help="a new file, .csv or .parquet")
    way.add_argument("--restore", type=Path, metavar="FILE", help="an exported file, into a journal without entries")
    journal.set_defaults(run=run_journal)
    return parser


def add_files(parser: argparse.ArgumentParser) -> None:
    for name in FILES:
        parser.add_argument(f"--{name}", type=Path, metavar="FILE")


def add_shape(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--format", choices=FORMATS, default="csv", help="shape of the files (default: csv)")
    parser.add_argument("--mapping", type=Path, metavar="FILE", help="how to read files of another shape")
    parser.add_argument("--codes", type=Path, metavar="FILE", help="for fhir: the site's own codes of results")
    add_dose_unit(parser)


def add_dose_unit(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--dose-unit", default="mg", metavar="UNIT", help="unit of doses that name none (default: mg)"
    )


def day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a day written as YYYY-MM-DD") from None


def seconds(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return number


def buckets(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= folders.MOST_BUCKETS:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of buckets from 1 to {folders.MOST_BUCKETS:,}")
    return int(text)


def run_load(parser: argparse.ArgumentParser, chosen: argparse.Namespace) -> None:
    files = named_files(chosen)
    if chosen.folder and any(files.values()):
        parser.error("give --from, or the files one by one")
    enough = any(files.values()) if chosen.add else all(files[name] for name in NEEDED)
    if not chosen.folder and not enough:
        parser.error("give --from DIR, or --labs and --exposures (with --add, any of the files)")
    if not chosen.folder and (chosen.format != "csv" or chosen.mapping):
        parser.error("--format and --mapping need --from")
    shape = shape_of(parser, chosen)
    found = of_folder(chosen.folder, shape, adding=chosen.add) if chosen.folder else of_files(files, shape.dose_unit)
    publishing = publish.add if chosen.add else publish.load
    notes: list[str] = []
    with Bar(LOADING) as bar:

        def read(con: duckdb.DuckDBPyConnection) -> None:
            notes.extend(found.read(con, on_step=bar.step) or ())

        told = {"say": bar.say, "on_step": bar.step}
        set_aside = publishing(chosen.db, read, files=found.files, as_of=chosen.as_of, origin=found.origin, **told)
    for note in notes:
        print(note)
    report(Accounts(set_aside) if chosen.add else accounts_of(chosen.db))


def shape_of(parser: argparse.ArgumentParser, chosen: argparse.Namespace) -> Shape:
    if chosen.format != "csv" and chosen.mapping:
        parser.error("--mapping says how to read files of no format: leave --format out")
    if chosen.format != "fhir" and chosen.codes:
        parser.error("--codes names codes of FHIR results: other files name the analyte or its concept themselves")
    return Shape(chosen.format, chosen.mapping, chosen.dose_unit, chosen.codes)


def accounts_of(db: Path) -> Accounts:
    """What is told of a database: see `leuko.accounts`."""
    con, _ = open_published(os.path.realpath(db), {})
    with closing(con):
        return accounts.read(con)


def run_undo(_: argparse.ArgumentParser, chosen: argparse.Namespace) -> None:
    number = publish.undo(chosen.db, say=progress)
    print(f"{chosen.db}: as load {number} left it", file=sys.stderr)


def run_watch(parser: argparse.ArgumentParser, chosen: argparse.Namespace) -> None:
    """Look at a folder again and again, until stopped; with --once two looks, for a timer."""
    watch = Watch(chosen.folder, chosen.db, shape_of(parser, chosen), tell)
    with suppress(KeyboardInterrupt):  # that is how it is stopped
        watch.look()
        while True:
            time.sleep(chosen.every)
            watch.look()
            if chosen.once:
                return


def run_loads(_: argparse.ArgumentParser, chosen: argparse.Namespace) -> None:
    """Print every load of a database as CSV: number, kind, when, the day, patients touched, rows, files."""
    from leuko.workbook import write_csv

    with closing(Store(chosen.db)) as store:
        loads = store.view().loads()
        write_csv(sys.stdout, loads.assign(loaded_at=loads["loaded_at"].dt.strftime("%Y-%m-%d %H:%M:%S")))


def run_changes(parser: argparse.ArgumentParser, chosen: argparse.Namespace) -> None:
    """Print as CSV which courses are of another status or dose since the last load, or since a day."""
    from leuko.workbook import write_csv

    if chosen.as_of and not chosen.since:
        parser.error("--as-of needs --since: what is new since the last load is known for the day of the database")
    with closing(Store(chosen.db)) as store:
        view = store.view(as_of=chosen.as_of)
        if chosen.since and chosen.since >= view.as_of:
            parser.error(f"--since is a day before the one asked, {view.as_of}")
        write_csv(sys.stdout, view.changes(Filters(), chosen.since))


def run_evaluate(parser: argparse.ArgumentParser, chosen: argparse.Namespace) -> None:
    files = named_files(chosen)
    ways = [chosen.db, chosen.folder, any(files.values())]
    if sum(map(bool, ways)) != 1 or (any(files.values()) and not all(files[name] for name in NEEDED)):
        parser.error("give --db, --from, or --labs and --exposures")
    protocols = load_protocols(chosen.protocols)
    settings = read_settings(chosen.db.absolute().parent) if chosen.db else default_settings()
    # The tables have columns in cells/µL, so their sentences speak of cells/µL too.
    settings = with_values(settings, {count_units.SETTING: count_units.CELLS.name}, "evaluate")
    if chosen.db:
        con, about = open_published(os.path.realpath(chosen.db), {})
    elif chosen.folder:
        con = duckdb.connect()
        read_folder(con, chosen.folder)
    else:
        con = duckdb.connect()
        progress("Reading the files")
        sources.read_csv(con, **files, dose_unit=chosen.dose_unit)
    write_tables(con, protocols, temp=True)
    progress("Applying the rule")
    as_of = chosen.as_of or last_day(con)
    alerts.answer(con, as_of, settings, temporary=True)
    write_answers(Result(con, as_of), chosen.out, chosen.parquet)
    report(accounts.read(con) if not chosen.folder else accounts.of_rule(con))
    if chosen.db:
        say_simulated(about, chosen.out)


def run_export(_: argparse.ArgumentParser, chosen: argparse.Namespace) -> None:
    """Write every table of a database into a new folder of Parquet files."""
    con, about = open_published(os.path.realpath(chosen.db), {})
    with closing(con):
        progress("Writing the tables")
        folders.write(con, chosen.out, folders.published(con), chosen.buckets)
    say_simulated(about, chosen.out)


def run_audit(_: argparse.ArgumentParser, chosen: argparse.Namespace) -> None:
    """Write what the audit says into a folder: two CSV files, the report, the workbook, and the PDF where asked for.

    Raises Incomplete, when all others are written, where the PDF cannot be made.
    """
    # What counts and draws takes a second to load, which the other commands need not wait for.
    from leuko.extract import extract
    from leuko.report import PdfError, report_html, report_pdf
    from leuko.workbook import write_csv, write_workbook

    store = Store(chosen.db)
    with closing(store):
        progress("Evaluating that day" if chosen.as_of and chosen.as_of != store.about.as_of else "Reading the audit")
        with extract(store.view(as_of=chosen.as_of)) as found:
            chosen.out.mkdir(parents=True, exist_ok=True)
            for name, frame in {"measures": found.measures, "deviations": found.deviations}.items():
                progress(f"Writing {name}.csv")
                with open(chosen.out / f"{name}.csv", "w", encoding="utf-8", newline="") as file:
                    write_csv(file, frame)
            progress("Writing report.html")
            html = report_html(found)
            (chosen.out / "report.html").write_text(html, encoding="utf-8")
            progress("Writing deviations.xlsx")
            write_workbook(chosen.out / "deviations.xlsx", found)
            say_simulated(store.about, chosen.out)
    if chosen.pdf:
        progress("Writing report.pdf")
        try:
            (chosen.out / "report.pdf").write_bytes(report_pdf(html))
        except PdfError as missing:
            raise Incomplete(str(missing)) from missing


def run_diff(_: argparse.ArgumentParser, chosen: argparse.Namespace) -> None:
    """Write what would be another under the protocols of a folder: statuses, past decisions, and clause by clause."""
    from leuko.workbook import write_csv  # loads what draws charts, which the other commands need not wait for

    protocols = load_protocols(chosen.protocols)
    con, about = open_published(os.path.realpath(chosen.db), {})
    with closing(con):
        unit = count_units.at_load(con)
        difference = compare(con, protocols, chosen.as_of or about.as_of, unit=unit, on_step=progress_share)
    chosen.out.mkdir(parents=True, exist_ok=True)
    for name, frame in difference.tables().items():
        with open(chosen.out / f"{name}.csv", "w", encoding="utf-8", newline="") as file:
            write_csv(file, frame)
    say_simulated(about, chosen.out)


def run_protocols(_: argparse.ArgumentParser, chosen: argparse.Namespace) -> None:
    print("\n\n".join(described(protocol) for protocol in load_protocols(chosen.protocols)))


def run_access(_: argparse.ArgumentParser, chosen: argparse.Namespace) -> None:
    """Print the access log as CSV, the newest line first; raises Incomplete where it is not as it was written."""
    from leuko.workbook import write_csv

    folder = chosen.db.absolute().parent
    log = read_access(folder).log if (folder / TABLE).exists() else None
    file = log or folder / access_log.FILE
    write_csv(sys.stdout, access_log.read(file, most=None))
    verdict = access_log.verify(file)
    if not verdict.is_whole:
        raise Incomplete(f"{file}: {verdict.words}")
    tell(verdict.words)


def run_journal(_: argparse.ArgumentParser, chosen: argparse.Namespace) -> None:
    """Write every entry of the journal into a file, or put such a file back, and say how many entries."""
    from leuko import journal_backup
    from leuko.journal import Journal, place_of

    journal = Journal(place_of(chosen.db))
    work = journal_backup.export if chosen.export else journal_backup.restore
    file = chosen.export or chosen.restore
    entries = work(journal, file)
    tell(f"{file}: {entries:,} {'entry' if entries == 1 else 'entries'}")


def named_files(chosen: argparse.Namespace) -> dict[str, Path | None]:
    return {name: getattr(chosen, name) for name in FILES}


def write_answers(result: Result, folder: Path, as_parquet: bool) -> None:
    """Write the tables as CSV (days YYYY-MM-DD, empty for none), or into a new folder of Parquet files."""
    if as_parquet:
        folders.write(result.con, folder, {name: result.query(name) for name in COLUMNS})
        return
    folder.mkdir(parents=True, exist_ok=True)
    for name in COLUMNS:
        answer = result.relation(name)
        answer.project(plain_numbers(answer)).write_csv(str(folder / f"{name}.csv"), header=True)


def say_simulated(about: About, folder: Path) -> None:
    """Put a file beside tables of fixed columns that says so where the data are simulated."""
    if about.simulated:
        (folder / "SIMULATED.txt").write_text(f"{about.title}. {about.note}\n", encoding="utf-8")


def plain_numbers(relation: duckdb.DuckDBPyRelation) -> str:
    """The columns of a relation, with 430.0 written as 430."""
    plain = "regexp_replace(CAST({0} AS TEXT), '\\.0$', '') AS {0}"
    return ", ".join(
        plain.format(name) if kind == "DOUBLE" else name
        for name, kind in zip(relation.columns, map(str, relation.types), strict=True)
    )


def tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def progress(line: str) -> None:
    if sys.stderr.isatty():
        print(f"{line} …", file=sys.stderr)


def progress_share(share: float) -> None:
    if sys.stderr.isatty():
        print(f"\rApplying both sets of protocols … {share:.0%}", end="\n" if share == 1 else "", file=sys.stderr)


def report(found: Accounts) -> None:
    """Say on standard error what was not used, each number that there is in a line."""
    if found.set_aside:
        tell(f"{found.set_aside_words}, each with its reason")
    if found.in_part:
        tell(f"{found.in_part_words}, the rest set aside with its reason")
    if found.unmatched:
        tell(found.unmatched_words)


if __name__ == "__main__":
    sys.exit(main())
