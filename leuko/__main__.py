"""The command line: `python -m leuko load | evaluate | audit | diff | protocols`.

Exit status: 0 done, 1 a whole file, a protocol or a setting was refused, or the PDF could not be made (one clear line
each on standard error), 2 wrong usage.
"""

import argparse
import os
import sys
import tomllib
from collections.abc import Callable
from contextlib import closing
from datetime import date
from functools import partial
from pathlib import Path

import duckdb

from leuko import alerts, sources
from leuko.difference import compare
from leuko.evaluation import COLUMNS, Result, last_day
from leuko.protocols import ProtocolError, described, load_protocols, write_tables
from leuko.publish import load
from leuko.settings import SettingsError, default_settings, read_settings
from leuko.sources import SourceError
from leuko.store import About, Store, StoreError, open_published

FILES = ("labs", "exposures", "patients", "events")
NEEDED = ("labs", "exposures")


class Incomplete(ValueError):
    """Not all that was asked for could be done; the message is one line for the user."""


def main(arguments: list[str] | None = None) -> int:
    parser = build_parser()
    chosen = parser.parse_args(arguments)
    try:
        chosen.run(parser, chosen)
    except (SourceError, ProtocolError, StoreError, SettingsError, Incomplete) as refused:
        print(refused, file=sys.stderr)
        return 1
    except (OSError, duckdb.Error) as failed:
        print(f"could not finish: {str(failed).splitlines()[0]}", file=sys.stderr)
        return 1
    return 0


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m leuko", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True, metavar="load | evaluate | audit | diff | protocols")

    load = commands.add_parser("load", help="build a database from files and publish it in one step")
    add_files(load)
    load.add_argument(
        "--format", choices=["csv", "fhir", "omop"], default="csv", help="shape of the files (default: csv)"
    )
    load.add_argument(
        "--from", dest="folder", type=Path, metavar="DIR", help="folder of the files; for omop also a DuckDB file"
    )
    load.add_argument("--mapping", type=Path, metavar="FILE", help="how to read files of another shape")
    load.add_argument("--db", type=Path, required=True, metavar="FILE", help="the database that is published")
    add_reading(load)
    load.set_defaults(run=run_load)

    evaluate = commands.add_parser("evaluate", help="apply the rule and write its tables")
    add_files(evaluate)
    evaluate.add_argument("--db", type=Path, metavar="FILE", help="a published database, instead of files")
    evaluate.add_argument("--protocols", type=Path, metavar="DIR", help="protocols other than the shipped")
    add_reading(evaluate)
    evaluate.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the CSV files")
    evaluate.set_defaults(run=run_evaluate)

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
    return parser


def add_files(parser: argparse.ArgumentParser) -> None:
    for name in FILES:
        parser.add_argument(f"--{name}", type=Path, metavar="FILE")


def add_reading(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--dose-unit", default="mg", metavar="UNIT", help="unit of doses that name none (default: mg)"
    )
    parser.add_argument("--as-of", type=day, metavar="DATE", help="the day asked (default: the data's last)")


def day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a day written as YYYY-MM-DD") from None


def run_load(parser: argparse.ArgumentParser, chosen: argparse.Namespace) -> None:
    files = named_files(chosen)
    if chosen.folder and any(files.values()):
        parser.error("give --from, or the files one by one")
    if not chosen.folder and not all(files[name] for name in NEEDED):
        parser.error("give --from DIR, or --labs and --exposures")
    if not chosen.folder and (chosen.format != "csv" or chosen.mapping):
        parser.error("--format and --mapping need --from")
    if chosen.format != "csv" and chosen.mapping:
        parser.error("--mapping says how to read files of no format: leave --format out")
    origin = read_origin(chosen.folder) if chosen.folder and chosen.folder.is_dir() else {}
    read = partial(reader(chosen, files), dose_unit=chosen.dose_unit)
    report(load(chosen.db, read, as_of=chosen.as_of, origin=origin, say=progress))


def reader(chosen: argparse.Namespace, files: dict[str, Path | None]) -> Callable[..., None]:
    """What brings the files into a connection."""
    if chosen.mapping:
        from leuko.sources import mapped

        return partial(mapped.read, folder=chosen.folder, mapping=chosen.mapping)
    if chosen.format == "fhir":
        from leuko.sources import fhir

        return partial(fhir.read, folder=chosen.folder)
    if chosen.format == "omop":
        from leuko.sources import omop

        return partial(omop.read, path=chosen.folder)
    return partial(sources.read_csv, **(files_of(chosen.folder) if chosen.folder else files))


def run_evaluate(parser: argparse.ArgumentParser, chosen: argparse.Namespace) -> None:
    files = named_files(chosen)
    if any(files.values()) if chosen.db else not all(files[name] for name in NEEDED):
        parser.error("give --db, or --labs and --exposures")
    protocols = load_protocols(chosen.protocols)
    settings = read_settings(chosen.db.absolute().parent) if chosen.db else default_settings()
    if chosen.db:
        con, about = open_published(os.path.realpath(chosen.db), {})
    else:
        con = duckdb.connect()
        progress("Reading the files")
        sources.read_csv(con, **files, dose_unit=chosen.dose_unit)
    write_tables(con, protocols, temp=True)
    progress("Applying the rule")
    as_of = chosen.as_of or last_day(con)
    alerts.answer(con, as_of, settings, temporary=True)
    report(write_answers(Result(con, as_of), chosen.out))
    if chosen.db:
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
        difference = compare(con, protocols, chosen.as_of or about.as_of, on_step=progress_share)
    chosen.out.mkdir(parents=True, exist_ok=True)
    for name, frame in difference.tables().items():
        with open(chosen.out / f"{name}.csv", "w", encoding="utf-8", newline="") as file:
            write_csv(file, frame)
    say_simulated(about, chosen.out)


def run_protocols(_: argparse.ArgumentParser, chosen: argparse.Namespace) -> None:
    print("\n\n".join(described(protocol) for protocol in load_protocols(chosen.protocols)))


def named_files(chosen: argparse.Namespace) -> dict[str, Path | None]:
    return {name: getattr(chosen, name) for name in FILES}


def files_of(folder: Path) -> dict[str, Path | None]:
    """The CSV files of a folder by their table's name; the two needed ones even where they are missing."""
    paths = {name: folder / f"{name}.csv" for name in FILES}
    return {name: path if name in NEEDED or path.exists() else None for name, path in paths.items()}


def read_origin(folder: Path) -> dict:
    """What a folder of files says of itself in `origin.toml`; nothing where there is none."""
    try:
        return tomllib.loads((folder / "origin.toml").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SourceError(f"origin.toml: not a TOML file ({error})") from error


def write_answers(result: Result, folder: Path) -> int:
    """Write the tables as CSV (days YYYY-MM-DD, empty for none); gives the number of rows set aside."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in COLUMNS:
        answer = result.relation(name)
        answer.project(plain_numbers(answer)).write_csv(str(folder / f"{name}.csv"), header=True)
    return len(result.rejected)


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


def progress(line: str) -> None:
    if sys.stderr.isatty():
        print(f"{line} …", file=sys.stderr)


def progress_share(share: float) -> None:
    if sys.stderr.isatty():
        print(f"\rApplying both sets of protocols … {share:.0%}", end="\n" if share == 1 else "", file=sys.stderr)


def report(set_aside: int) -> None:
    if set_aside:
        rows = "1 row was" if set_aside == 1 else f"{set_aside:,} rows were"
        print(f"{rows} set aside, each with its reason", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
