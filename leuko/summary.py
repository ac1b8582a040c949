"""One patient on one A4 page, for the chart or the family meeting: where he stands, how it came to that, by what.

The page is counted in lines of LINE mm: what must be on it has its lines first, episodes, decisions and sources share
the rest, the latest of them first. What does not fit is cut with `…` or counted in words, never left out unsaid.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from leuko.count_units import CountUnit
from leuko.courses import (
    CERTAINTY,
    COUNTS,
    NONE,
    action_words,
    clock,
    day,
    decided_by,
    dose,
    first_known,
    headline,
    identity,
    missing,
    nadir,
    standing,
)
from leuko.extract import NOTICE, load_in_words, software_version
from leuko.figures.findings import counted, shortened
from leuko.figures.labels import cut_short, day_in_words
from leuko.figures.panels import rows
from leuko.figures.patient_svg import PatientDrawing
from leuko.figures.svg import WIDTH, safe
from leuko.printed import COLOURS, Column, Ready, document, joined, table
from leuko.store import Patient, View

PAGE = 67  # lines on the page
LINE = 4  # mm
WIDE = 186  # mm that a line is long
SMALL, LARGE = 108, 70  # characters on a line, as set small and as the first sentence is set
WHY = 58  # characters on a line of a reason
NAME = 52  # characters of a name
MOST_ALERTS, MOST_COURSES = 3, 4
STYLE = f"""
body {{ width: {WIDE}mm; max-width: 100%; font: 8.5pt/{LINE}mm system-ui, "DejaVu Sans", sans-serif; }}
h1 {{ margin: 0; font-size: 15pt; line-height: {2 * LINE}mm; white-space: nowrap; overflow: hidden;
  text-overflow: ellipsis; }}
h2 {{ margin: 0; padding-top: 1.5mm; font-size: 10pt; line-height: {2 * LINE - 1.5}mm; white-space: nowrap; }}
p {{ margin: 0; }}
header {{ display: grid; grid-template-columns: 1fr auto; }}
header > div {{ min-width: 0; }}
.right {{ text-align: right; padding-left: 4mm; }}
.cut, td > span {{ display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: var(--lines);
  overflow: hidden; }}
figure {{ margin: {LINE / 4}mm 0; }}
.first {{ font-size: 11.5pt; font-weight: 600; line-height: {1.5 * LINE}mm; }}
.faint {{ color: {COLOURS["faint"]}; }}
.course {{ border-left: 1.5mm solid; padding-left: 3mm; margin: {LINE / 2}mm 0; }}
.simulated {{ border: 1px solid {COLOURS["act"]}; color: {COLOURS["act"]}; padding: 0 2mm; display: inline-block; }}
table {{ table-layout: fixed; font-size: 7.5pt; line-height: {LINE - 0.3}mm; }}
th, td {{ padding: 0 1.5mm 0 0; overflow: hidden; text-overflow: ellipsis; }}
th {{ vertical-align: bottom; }}
td.one {{ white-space: nowrap; }}
a {{ color: inherit; text-decoration: none; }}
footer {{ margin-top: {LINE / 2}mm; border-top: 1px solid {COLOURS["grid"]}; color: {COLOURS["faint"]}; }}
@page {{ size: A4; margin: 11mm 12mm; }}
@media screen {{ body {{ padding: 4mm; width: {WIDE + 8}mm; }} }}
@media screen and (max-width: 700px) {{
  header {{ display: block; }}
  .right {{ text-align: left; padding: 0; }}
  h2 {{ white-space: normal; }}
  .cut {{ -webkit-line-clamp: none; }}
  .table, figure {{ overflow-x: auto; }}
  table, figure svg {{ width: {WIDE}mm; }}
}}
"""
EPISODES = {  # head: width in mm, how it is set
    "Episode": (24, "one"),
    "Onset": (28, "one"),
    "Recovered": (28, "one"),
    "Set off by": (14, "one"),
    "Lowest ANC": (23, "number"),
    "Lowest platelets": (17, "number"),
    "Days below hold": (18, "number"),
    "Days to recovery": (18, "number"),
    "Dose at onset": (16, "number"),
}
DECISIONS = {"Day, drug": (31, ""), "Decision, by, certainty": (54, ""), "Why": (101, "")}
TRIGGERS = {"anc": "ANC", "platelets": "platelets", "both": "both"}


class Block(NamedTuple):
    """A piece of the page and how many lines it takes."""

    html: str
    lines: float


class Listed(NamedTuple):
    """What shares the room that is left: the lines of each row, and how the first so many rows are set.

    Without any row it takes one line; the first row takes the lines of the heading with it.
    """

    lines: list[int]
    made: Callable[[int], str]


def summary_html(view: View, patient: Patient, scale: str = "linear") -> str:
    """The page of a patient as known on the day of the view; `scale` of the figure: linear or log."""
    drawing = PatientDrawing(patient, view.as_of, scale)
    tall = drawing.tall * WIDE / WIDTH / LINE + 0.5
    figure = Block(f"<figure>{drawing.svg()}</figure>", tall)
    blocks = [header(view, patient), *alerts(patient), *courses(patient), figure]
    end = [not_verified(patient), footer(view)]
    parts = [episodes(patient), decisions(patient), sources(patient)]
    room = PAGE - sum(block.lines for block in (*blocks, *end)) - len(parts)
    fitting = shared_out(int(room), [part.lines for part in parts])
    body = [block.html for block in blocks]
    body += [part.made(many) for part, many in zip(parts, fitting, strict=True)]
    body += [block.html for block in end]
    title = f"Patient summary, {patient.about['patient_id']}, {day_in_words(view.as_of)}"
    return document(title, STYLE, "\n".join(body))


def shared_out(room: int, wanted: Sequence[Sequence[int]]) -> list[int]:
    """How many rows of each list fit into `room` lines: each list in turn gets its next row, as long as it fits."""
    given = [0] * len(wanted)
    waiting = [place for place, lines in enumerate(wanted) if lines]
    while waiting:
        for place in list(waiting):
            lines = wanted[place][given[place]]
            room -= lines
            if room < 0:
                return given
            given[place] += 1
            if given[place] == len(wanted[place]):
                waiting.remove(place)
    return given


def cut(words: str, most: int, of_line: int = SMALL, look: str = "") -> Block:
    """A paragraph of at most so many lines; longer words end with `…`."""
    lines = min(most, math.ceil(len(words) / of_line))
    html = f'<p class="{f"cut {look}".strip()}" style="--lines:{lines}">{safe(cut_short(words, lines * of_line))}</p>'
    return Block(html if words else "", lines * (1.5 if look == "first" else 1))


def together(blocks: Iterable[Block], around: str = "{}", more: float = 0) -> Block:
    """Blocks as one; `around` is the HTML they stand in, `more` the lines that it takes itself."""
    blocks = list(blocks)
    return Block(around.format("".join(block.html for block in blocks)), sum(block.lines for block in blocks) + more)


# ---------------------------------------------------------------- who, and of which day


def header(view: View, patient: Patient) -> Block:
    about = patient.about
    told = cut(" · ".join(shortened(part, NAME) for part in identity(about, view.as_of)), 2, look="faint")
    simulated = '<br><span class="simulated">Simulated data</span>' if view.store.about.simulated else ""
    name = shortened(about["name"] or about["patient_id"], NAME)
    html = (
        f"<header><div><h1><bdi>{safe(name)}</bdi></h1></div>"
        f'<div class="right">Patient summary, as known on <strong>{safe(day_in_words(view.as_of))}</strong>{simulated}'
        "</div></header>"
    )
    return Block(html + told.html, 2 + told.lines)


# ---------------------------------------------------------------- what to do now


def alerts(patient: Patient) -> list[Block]:
    """The most urgent alert in full, the others in a line each."""
    raised = rows(patient.alerts)
    blocks = [alert_block(alert) for alert in raised[:1]]
    blocks += [in_a_line(alert, alert["why"]) for alert in raised[1:MOST_ALERTS]]
    return [*blocks, *further(raised[MOST_ALERTS:], "alert")]


def in_a_line(row: dict, words: str) -> Block:
    return cut(f"{row['icon']} {row['word']} · {words}", 1)


def further(rest: list[dict], name: str) -> list[Block]:
    """How many more there are, and which."""
    words = ", ".join(dict.fromkeys(row["word"] for row in rest))
    return [cut(f"And {counted(len(rest), f'further {name}')}: {words}.", 1)] if rest else []


def alert_block(alert: dict) -> Block:
    words = cut(f"{alert['to_do']}. {alert['why']} Since {day(alert['since'])}.", 3)
    title = f"<strong>{safe(alert['icon'])} {safe(alert['word'])}</strong>"
    return together([Block(title, 1), words], coloured(alert["tone"]), 1)


def coloured(tone: str) -> str:
    return f'<div class="course" style="border-color:{COLOURS[tone]}">{{}}</div>'


def courses(patient: Patient) -> list[Block]:
    """The most urgent course in full, the others in a line each."""
    known = rows(patient.worklist)
    if not known:
        return [cut("On this day nothing was known of this patient that a protocol could be applied to.", 1)]
    others = [in_a_line(course, course["to_do"]) for course in known[1:MOST_COURSES]]
    return [course_block(known[0], patient), *others, *further(known[MOST_COURSES:], "course")]


def course_block(course: dict, patient: Patient) -> Block:
    first, rest = headline(course["to_do"])
    known = first_known(course, patient.known_first)
    title = f'<strong style="color:{COLOURS[course["tone"]]}">{safe(course["icon"])} {safe(course["word"])}</strong>'
    parts = [
        Block(title, 1),
        cut(first, 4, LARGE, "first"),
        cut(rest, 2),
        cut(f"Must be known first: {known}." if known else "", 2),
        cut(CERTAINTY.get(course["certainty"], ""), 1),
        cut(standing(course, patient.unit), 2, look="faint"),
    ]
    return together(parts, coloured(course["tone"]), 1)


# ---------------------------------------------------------------- how it came to that


def episodes(patient: Patient) -> Listed:
    """The latest episodes first."""
    known = rows(patient.episodes.sort_values("onset_on", ascending=False, kind="stable"))
    units = dict(zip(patient.worklist["drug"], patient.worklist["dose_unit"], strict=True))

    def made(many: int) -> str:
        body = [episode_row(episode, units.get(episode["drug"]), patient.unit) for episode in known[:many]]
        inner = set_table("Episodes", EPISODES, body)
        return section(f"Episodes, counts in {patient.unit.words}", "earlier", many, len(known), inner)

    if not known:
        return Listed([], lambda _: "<p>No episode of low counts is known.</p>")
    return Listed([5, *[1] * (len(known) - 1)], made)


def episode_row(episode: dict, dose_unit: str | None, unit: CountUnit) -> list[object]:
    return [
        f"{episode['episode']}, {episode['drug']}",
        day(episode["onset_on"]),
        "open" if missing(episode["recovered_on"]) else day(episode["recovered_on"]),
        TRIGGERS[episode["trigger"]],
        nadir(episode, "anc", unit),
        nadir(episode, "platelets", unit),
        clock(episode, "days_below"),
        clock(episode, "days_to_recovery"),
        dose(episode["dose_at_onset_mg"], dose_unit),
    ]


def decisions(patient: Patient) -> Listed:
    """What the protocols decided, the latest first."""
    known = rows(patient.recommendations)[::-1]
    known.sort(key=lambda decision: decision["decided_on"], reverse=True)
    units = dict(zip(patient.worklist["drug"], patient.worklist["dose_unit"], strict=True))
    words = action_words()

    def made(many: int) -> str:
        body = [decision_row(decision, words, units.get(decision["drug"])) for decision in known[:many]]
        inner = set_table("Decisions", DECISIONS, body)
        return section("Decisions of the protocol", "earlier", many, len(known), inner)

    if not known:
        return Listed([], lambda _: "<p>The protocol has decided nothing yet.</p>")
    return Listed([4, *[2] * (len(known) - 1)], made)


def decision_row(decision: dict, words: dict[str, str], unit: str | None) -> list[object]:
    given = f", {dose(decision['dose_mg'], unit)}" if decision["dose_mg"] else ""
    by = joined(None if decided_by(decision) == NONE else decided_by(decision), decision["certainty"])
    when = two_lines(day(decision["decided_on"]), decision["drug"])
    what = two_lines(f"<strong>{safe(words[decision['action']])}{safe(given)}</strong>", by)
    return [when, what, Ready(f'<span style="--lines:2">{safe(cut_short(decision["why"], 2 * WHY))}</span>')]


def two_lines(first: str, second: str) -> Ready:
    """`first` is HTML."""
    return Ready(f'<span style="--lines:1">{first}</span><span style="--lines:1" class="faint">{safe(second)}</span>')


def section(title: str, kind: str, many: int, of: int, inner: str) -> str:
    """The first `many` of so many rows under their title; where there is no room for one, their number alone."""
    if not many:
        return f"<p><strong>{safe(title)}</strong>: {of:,}, not shown for want of room.</p>"
    more = f' <span class="faint">({counted(of - many, f"{kind} one")} not shown)</span>' if of > many else ""
    return f"<section><h2>{safe(title)}{more}</h2>{inner}</section>"


def set_table(name: str, columns: dict[str, tuple[int, str]], body: list[list[object]]) -> str:
    heads = [Column(head, kind) for head, (_, kind) in columns.items()]
    widths = "".join(f'<col style="width:{width}mm">' for width, _ in columns.values())
    return table(name, heads, body).replace("<thead>", f"<colgroup>{widths}</colgroup><thead>", 1)


# ---------------------------------------------------------------- what it rests on


def sources(patient: Patient) -> Listed:
    """The texts behind the protocols, a line each, those of unseen wording first."""
    texts: dict[str, list[str]] = {}
    for source in sorted(rows(patient.sources), key=lambda source: bool(source["verified"])):
        unseen = "" if source["verified"] else "Wording not seen: "
        title = joined(f"{unseen}{source['title']}", source["revised"] and f"revised {source['revised']}")
        texts.setdefault(title, []).extend([source["section"]] if source["section"] else [])
    known = [": ".join([title, *([joined(*dict.fromkeys(parts))] if parts else [])]) for title, parts in texts.items()]

    def made(many: int) -> str:
        inner = "".join(cut(words, 1).html for words in known[:many])
        title = cut_short(f"Sources of {joined(*patient.sources['protocol'].unique())}", SMALL // 2)
        return section(title, "further", many, len(known), inner)

    return Listed([2, *[1] * (len(known) - 1)], made) if known else Listed([], lambda _: "")


def not_verified(patient: Patient) -> Block:
    """What of the table could not be verified, of what applies to this patient."""
    thresholds, clauses, at_draws = (
        rows(frame[~frame["verified"].astype(bool)]) for frame in (patient.thresholds, patient.checks, patient.at_draws)
    )
    named = [
        *(f"thresholds of {COUNTS[row['analyte']]} ({row['protocol']})" for row in thresholds),
        *(f"clause {row['clause']} of {row['protocol']}, which decided" for row in clauses if row["chosen"]),
        *(f"decision at a draw {row['line']} of {row['protocol']}" for row in at_draws if row["decided_on"]),
    ]
    if named:
        return cut(f"Not verified in its text: {', '.join(dict.fromkeys(named))}.", 2)
    words = "All thresholds and clauses that decided here are verified in their texts."
    return cut(words if len(patient.thresholds) else "", 1)


def footer(view: View) -> Block:
    about = view.store.about
    told = joined(
        about.title or None,
        f"load {load_in_words(about, view.store.loaded_at)}",
        f"protocols version {about.protocols_version}",
        f"leuko {software_version()}",
    )
    return together([cut(f"{told}. {NOTICE}", 3)], "<footer>{}</footer>", 0.5)
