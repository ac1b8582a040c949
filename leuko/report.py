"""The audit as one HTML file: complete in itself, without script, drawn to be printed on A4.

It is made of `leuko.printed`; its numbers are those of `leuko.extract`. Every text from the data is escaped.
"""

from collections.abc import Mapping
from importlib import import_module

import pandas

from leuko.extract import (
    ENDINGS,
    NOTICE,
    Extract,
    endings_in_words,
    grace_in_words,
    interval_in_words,
    rate_in_words,
)
from leuko.figures.findings import counted
from leuko.figures.labels import day_in_words
from leuko.figures.panels import rows
from leuko.figures.svg import bars_svg, funnel_svg, run_svg, safe
from leuko.measures import MEASURES, Measure
from leuko.printed import COLOURS, Column, Ready, document, facts, joined, remark, source_html, table

MOST_LISTED = 2000  # deviations in the report; the CSV file has all
MOST_GROUPS = 30  # sites, clinicians or drugs in a table; the CSV file has all
MOST_REASONS = 12
GET_PDF = "report.pdf: no WeasyPrint: `pip install 'weasyprint>=70'` (it needs Pango); or print report.html"
STYLE = f"""
body {{ max-width: 60rem; padding: 1.5rem; font: 15px/1.45 system-ui, "DejaVu Sans", sans-serif; }}
h1 {{ margin: 0 0 .3rem; font-size: 1.7rem; }}
h2 {{ margin: 2.2rem 0 .5rem; font-size: 1.3rem; border-bottom: 2px solid {COLOURS["grid"]}; padding-bottom: .2rem; }}
h3 {{ margin: 1.3rem 0 .4rem; font-size: 1rem; }}
p {{ margin: .4rem 0; }}
figure {{ margin: .6rem 0; break-inside: avoid; }}
dl {{ display: grid; grid-template-columns: 9rem 1fr; gap: .2rem .8rem; margin: .6rem 0; }}
dt {{ color: {COLOURS["faint"]}; }}
dd {{ margin: 0; }}
table {{ font-size: .8rem; margin: .4rem 0 .8rem; }}
th, td {{ padding: .22rem .5rem .22rem 0; }}
td {{ overflow-wrap: anywhere; }}
.table {{ overflow-x: auto; }}
thead {{ display: table-header-group; }}
tr {{ break-inside: avoid; }}
th:first-child {{ min-width: 6.5rem; }}
.notice {{ border: 2px solid {COLOURS["act"]}; padding: .5rem .8rem; margin: .8rem 0; }}
.rate {{ font-size: 1.15rem; }}
.few, .small {{ color: {COLOURS["faint"]}; }}
.small {{ font-size: .85rem; }}
@media screen and (max-width: 640px) {{
  figure {{ overflow-x: auto; }}
  figure svg {{ min-width: 600px; }}
  dl {{ grid-template-columns: 1fr; }}
  dd {{ margin-bottom: .4rem; }}
}}
@page {{ size: A4; margin: 16mm 14mm 18mm;
  @bottom-right {{ content: counter(page) " / " counter(pages); font: 8pt sans-serif; color: {COLOURS["faint"]}; }}
  @bottom-left {{ content: "RUNNING"; font: 8pt sans-serif; color: {COLOURS["faint"]}; }} }}
@media print {{
  body {{ max-width: none; padding: 0; font-size: 9.5pt; }}
  .table {{ overflow: visible; }}
  table {{ font-size: 7.5pt; }}
  section.page {{ break-before: page; }}
  section.page h2 {{ margin-top: 0; }}
  section.page figure {{ width: 80%; }}
  a {{ color: inherit; text-decoration: none; }}
}}
"""


class PdfError(ValueError):
    """A PDF cannot be made here; the message is one line for the user."""


# ---------------------------------------------------------------- the whole


def report_html(found: Extract) -> str:
    """The report of an audit as one HTML file."""
    day = day_in_words(found.as_of)
    simulated = "simulated data, " if found.about.simulated else ""
    style = STYLE.replace("RUNNING", f"Adherence audit, {simulated}as known on {day}")
    body = [head(found), overview(found), *(section(found, each) for each in MEASURES.values())]
    body += [settings(found), protocols(found), deviations(found)]
    return document(f"Adherence audit, {day}", style, "".join(body))


def report_pdf(html: str) -> bytes:
    """The report as PDF, by WeasyPrint where it is installed; PdfError with how to get it where it is not."""
    try:
        weasyprint = import_module("weasyprint")
        nothing = import_module("weasyprint.urls").URLFetcher(allowed_protocols=())  # whatever is asked for
    except (ImportError, AttributeError, OSError) as missing:  # OSError: without the libraries that it draws with
        raise PdfError(GET_PDF) from missing
    return weasyprint.HTML(string=html, url_fetcher=nothing).write_pdf()


def head(found: Extract) -> str:
    about = found.about
    parts = [f"<header><h1>Adherence audit</h1><p>{safe(NOTICE)}</p>"]
    if about.simulated:
        note = f" {safe(about.note)}" if about.note else ""
        parts.append(f'<p class="notice"><strong>Simulated data.</strong>{note}</p>')
    elif about.note:
        parts.append(f"<p>{safe(about.note)}</p>")
    return "".join([*parts, facts(found.facts), "</header>"])


def overview(found: Extract) -> str:
    """Every measure on one page: how its events ended, and its rate."""
    together = [(MEASURES[row["measure"]], row) for row in rows(found.measures[found.measures["by"].eq("all")])]
    titled = pandas.DataFrame([row | {"title": measure.title} for measure, row in together])
    columns = [Column("measure"), *NUMBERS]
    body = [
        [Ready(f'<a href="#{measure.name}">{safe(measure.title)}</a>'), *numbers(row, found.minimum)]
        for measure, row in together
    ]
    meanings = facts(dict(ENDINGS.values()))
    return (
        f"<section><h2>All measures</h2><p>Each event ends in exactly one of four ways. A rate is what was met of what"
        f" was met or not met, with Wilson's 95 % interval; below {counted(found.minimum, 'such event')} there are too"
        f" few to judge.</p>{meanings}{table('All measures', columns, body)}<figure>{bars_svg(titled)}</figure>"
        "</section>"
    )


def section(found: Extract, measure: Measure) -> str:
    """One measure: what it counts, its rate, how it differs between groups and months, and why events did not count."""
    (row,) = rows(found.of(measure.name))
    parts = [
        f'<section class="page" id="{measure.name}"><h2>{safe(measure.title)}</h2>',
        *said(row, measure, found.minimum),
        facts(definition(found, measure)),
    ]
    if row["population"]:
        parts += [months(found, measure), groups(found, measure, "site"), groups(found, measure, "clinician")]
        parts += [groups(found, measure, "drug", drawn=False), reasons(found, measure)]
    return "".join([*parts, "</section>"])


# ---------------------------------------------------------------- a measure


NUMBERS = (
    Column("events", "number"),
    *(Column(word, "number") for word, _ in ENDINGS.values()),
    Column("rate", "short"),
    Column("95 % interval", "short"),
    Column("median", "number"),
    Column("90th percentile", "number"),
)


def numbers(row: Mapping[str, object], minimum: int) -> list[object]:
    """The cells of NUMBERS for a row of `measures`; a rate of too few is grey and no per cent."""
    rate = safe(rate_in_words(row, minimum))
    few = row["met"] + row["not_met"] < max(minimum, 1)
    return [
        row["population"],
        *(row[ending] for ending in ENDINGS),
        Ready(f'<span class="few">{rate}</span>' if few else rate),
        interval_in_words(row, minimum),
        lasted(row["median_days"], row["measure"]),
        lasted(row["p90_days"], row["measure"]),
    ]


def lasted(number: float | None, measure: str) -> str | None:
    """`1 day`, `38 minutes`: measures of both stand in one table."""
    return None if pandas.isna(number) else counted(int(number), MEASURES[measure].unit.removesuffix("s"))


def said(row: Mapping[str, object], measure: Measure, minimum: int) -> list[str]:
    """The rate of a measure with its counts, in sentences."""
    if not row["population"]:
        return ['<p class="rate few">There was no such event.</p>']
    interval = interval_in_words(row, minimum)
    rate = rate_in_words(row, minimum)
    sure = f"<strong>{safe(rate)}</strong>, 95 % interval {safe(interval)}"
    few = f'<span class="few">{safe(rate)} (fewer than {minimum:,})</span>'
    parts = [f'<p class="rate">{sure if interval else few}</p>', f"<p>{safe(endings_in_words(row))}.</p>"]
    if row["median_days"] is not None:
        parts.append(
            f"<p>From due to done, in {measure.unit}: median {row['median_days']:,}, 90th percentile"
            f" {row['p90_days']:,}. Below 0 is before it was due.</p>"
        )
    return parts


def definition(found: Extract, measure: Measure) -> dict[str, str]:
    return {
        "Population": measure.population,
        "Excluded": measure.exclusions,
        "Met": measure.numerator,
        "One event is": measure.grain,
        "Time allowed": grace_in_words(measure, found.settings),
        "Standard": measure.standard,
    }


def months(found: Extract, measure: Measure) -> str:
    known = found.of(measure.name, "month").dropna(subset=["group"])
    drawn = known.assign(month=known["group"], of=known["met"] + known["not_met"])
    return f"<h3>By month</h3><figure>{run_svg(drawn[['month', 'met', 'of', 'rate']], minimum=found.minimum)}</figure>"


def groups(found: Extract, measure: Measure, by: str, *, drawn: bool = True) -> str:
    """A funnel of the groups of a kind, and their numbers."""
    known = found.of(measure.name, by)
    chart = ""
    if drawn:
        points = known.assign(of=known["met"] + known["not_met"])[["group", "met", "of"]]
        chart = f"<figure>{funnel_svg(points, found.minimum, kind=by)}</figure>"
    largest = known.sort_values("population", ascending=False, kind="stable").head(MOST_GROUPS).sort_index()
    body = [[row["group"], *numbers(row, found.minimum)] for row in rows(largest)]
    drawn_up = table(f"{measure.title} by {by}", [Column(by), *NUMBERS], body)
    more = f"The {MOST_GROUPS} with the most events; measures.csv has all {len(known):,}."
    return f"<h3>By {by}</h3>{chart}{drawn_up}{remark(more if len(known) > MOST_GROUPS else '')}"


def reasons(found: Extract, measure: Measure) -> str:
    """Why events were not met, excluded or could not be told, and where two kinds of met are told apart."""
    known = [row for row in rows(found.reasons) if row["measure"] == measure.name]
    order = list(ENDINGS)
    known.sort(key=lambda row: (order.index(row["ending"]), -row["events"]))
    body = [[ENDINGS[row["ending"]][0], row["reason"], row["events"]] for row in known[:MOST_REASONS]]
    more = sum(row["events"] for row in known[MOST_REASONS:])
    more = f"{counted(more, 'further event')} for other reasons: deviations.csv has them." if more else ""
    if not body:
        return ""
    columns = [Column("ending"), Column("reason"), Column("events", "number")]
    return f"<h3>Why</h3>{table(f'{measure.title}: reasons', columns, body)}{remark(more)}"


# ---------------------------------------------------------------- what the numbers rest on


def settings(found: Extract) -> str:
    columns = [Column("setting", "short"), Column("in force", "short"), Column("default", "number")]
    columns += [Column("what it means"), Column("source")]
    body = [
        [
            each.name,
            Ready(f"<strong>{safe(each.in_words)}, changed</strong>") if each.changed else each.in_words,
            each.default,
            each.what,
            each.source,
        ]
        for each in found.settings.values()
    ]
    changed = sum(each.changed for each in found.settings.values())
    said = f"{changed:,} of {counted(len(found.settings), 'setting')} changed from the default."
    if found.waiting:
        said += f" Changed in settings.toml since the load, and in force from the next one: {', '.join(found.waiting)}."
    return f'<section class="page"><h2>Settings in force</h2><p>{said}</p>{table("Settings", columns, body)}</section>'


def protocols(found: Extract) -> str:
    columns = [Column("protocol", "short"), Column("drug", "short"), Column("setting"), Column("events", "number")]
    columns += [Column("texts it rests on")]
    texts: dict[str, list[str]] = {}
    for source in rows(found.sources):
        texts.setdefault(source["protocol"], []).append(source_html(source))
    body = [
        [*(row[name] for name in ("protocol", "drug", "setting", "events")), Ready("<br>".join(texts[row["protocol"]]))]
        for row in rows(found.protocols)
    ]
    said = f"Version {safe(found.about.protocols_version)} of the protocol files. Events without a drug rest on none."
    return f"<section><h2>Protocols</h2><p>{said}</p>{table('Protocols', columns, body)}</section>"


def deviations(found: Extract) -> str:
    """Every event that was not met, excluded or cannot be told, up to MOST_LISTED."""
    listed = rows(found.listed(MOST_LISTED))
    every = found.deviating
    parts = ['<section class="page"><h2>Deviations</h2>']
    if every > len(listed):
        parts.append(f"<p>The first {len(listed):,} of {every:,}; deviations.csv has all of them.</p>")
    elif not every:
        parts.append("<p>There is none.</p>")
    columns = [Column(name) for name in ("measure", "patient", "site, clinician", "drug, episode", "reason")]
    columns += [Column("due", "short"), Column("done", "short")]
    for ending in ("not_met", "cannot_tell", "excluded"):
        body = [deviation(row) for row in listed if row["ending"] == ending]
        if body:
            word = ENDINGS[ending][0].capitalize()
            parts.append(f"<h3>{word}: {len(body):,}</h3>{table(f'Deviations: {word}', columns, body)}")
    return "".join([*parts, "</section>"])


def deviation(row: Mapping[str, object]) -> list[object]:
    episode = f"episode {row['episode']}" if row["episode"] is not None else None
    return [
        MEASURES[row["measure"]].title,
        joined(row["patient_id"], row["name"]),
        joined(row["site"], row["clinician"]),
        joined(row["drug"], episode),
        row["reason"],
        row["due_on"],
        row["happened_on"],
    ]
