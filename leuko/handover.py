"""Who needs something now, on one A4 page across: a line a patient, to be read out at the handover and written on.

Dangers come first, an alert before a status, then the rest in the same order. The lines shrink down to the last of
SETS; whoever does not fit is counted in words, by what he needs.
"""

import math
from dataclasses import replace
from typing import NamedTuple

import pandas

from leuko.count_units import CountUnit
from leuko.courses import NONE, count, dose, missing
from leuko.extract import NOTICE, load_in_words, software_version
from leuko.figures.findings import counted, shortened
from leuko.figures.labels import cut_short, day_in_words
from leuko.figures.panels import rows
from leuko.figures.svg import safe
from leuko.printed import COLOURS, document, joined
from leuko.store import Filters, View

DANGER = "danger"
NOW = (DANGER, "act", "unknown")  # tones of what cannot wait for the next round
PAGE = 193  # mm within the margins
HEADS = 14  # mm of the title and the heads of the columns
SENTENCE_LINE = 4  # mm
SENTENCE = 138  # characters on a line of a sentence
MOST_WORDS = 2 * SENTENCE  # of the filters
FIRST_ROWS = 200  # of the worklist: more than ever fit
CHARACTER = 0.208  # mm of a character, for each point of its size
BOLD = 1.15  # as wide as a plain one is a bold character
LEAST = 24  # characters of what to do, whatever stands before it
ANC = "Last ANC"
SHORT = ("Since", "Next count")
COLUMNS = {  # head: width in mm, where a line has two lines of text and where it has one
    "What": (45, 52),
    "Patient": (40, 40),
    "Drug and dose": (33, 32),
    "What to do": (64, 62),
    "Since": (21, 19),
    ANC: (30, 34),
    "Next count": (23, 20),
    "Notes": (25, 22),
}


class Set(NamedTuple):
    """How a line is set: size in points, least height in mm, and how many lines of text it has."""

    size: float
    height: float
    lines: int

    def width(self, column: str) -> int:
        return COLUMNS[column][self.lines == 1]

    def letters(self, column: str) -> int:
        """How many letters fit into one line of text of a cell."""
        return int((self.width(column) - 2) / (CHARACTER * self.size))


SETS = (Set(9, 8.2, 2), Set(8.5, 7.6, 2), Set(7.5, 6.6, 2), Set(7.5, 4.2, 1))
TALLEST = 12  # mm of a line, where there are few
STYLE = f"""
body {{ width: 281mm; max-width: 100%; font: 9pt/4.4mm system-ui, "DejaVu Sans", sans-serif; }}
h1 {{ margin: 0; font-size: 13pt; line-height: 6.5mm; }}
header {{ display: flex; justify-content: space-between; align-items: baseline; }}
p {{ margin: 0; font-size: 8.5pt; line-height: 4mm; }}
header + p, footer p:first-child {{ font-weight: 600; }}
footer p:last-child {{ color: {COLOURS["faint"]}; }}
.simulated {{ border: 1px solid {COLOURS["act"]}; color: {COLOURS["act"]}; padding: 0 2mm; }}
table {{ table-layout: fixed; margin-top: 1mm; font-size: var(--size); line-height: calc(var(--size) * 1.2); }}
th {{ font-size: 7.5pt; line-height: 4mm; padding: 0 2mm 0 0; white-space: nowrap; }}
th:last-child {{ padding-left: 1mm; }}
td {{ height: var(--height); padding: 0 2mm 0 0; vertical-align: middle; }}
td span {{ display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: var(--lines); overflow: hidden; }}
td .beside {{ display: flex; white-space: nowrap; gap: 1mm; }}
td .stacked {{ display: block; }}
bdi {{ display: block; overflow: hidden; text-overflow: ellipsis; }}
.kept {{ flex-shrink: 0; max-width: 100%; }}
td.short {{ white-space: nowrap; }}
.what {{ font-weight: 600; }}
td:last-child {{ border: 1px solid {COLOURS["faint"]}; }}
footer {{ margin-top: 1mm; }}
@page {{ size: A4 landscape; margin: 8mm; }}
@media screen {{ body {{ padding: 4mm; width: 289mm; }} }}
@media screen and (max-width: 1080px) {{ .table {{ overflow-x: auto; }} table {{ width: 281mm; }} }}
"""


class Found(NamedTuple):
    """Who needs what. A need is an alert, or a course of the worklist, as a row."""

    needs: dict[str, list[dict]]  # of each patient who may be listed, all of them, the most urgent patient first
    courses: dict[str, list[dict]]  # of the same patients, whatever their status
    patients: int  # who need something, whether they may be listed or not
    by_word: dict[str, int]  # patients with each alert and status, the most urgent first
    dangers: set[str]  # statuses of danger, in words


def handover_html(view: View, filters: Filters) -> str:
    """The list of a view, of those whom the filters leave; alerts are listed whatever status is chosen."""
    statuses = view.statuses(filters)
    is_now = statuses["tone"].isin(NOW) & (statuses["status"].isin(filters.status) if filters.status else True)
    found = read(view, filters, statuses[is_now])
    above = [counts(found), narrowed(view, filters, statuses)]
    below = [not_listed(statuses[~is_now]), origin(view)]
    room = PAGE - HEADS - SENTENCE_LINE * sum(map(text_lines, [*above, more(found, []), *below]))
    how = next((each for each in SETS if len(found.needs) <= room // each.height), SETS[-1])
    listed = list(found.needs)[: int(room // how.height)]
    simulated = '<span class="simulated">Simulated data</span>' if view.store.about.simulated else ""
    title = f"Handover, {day_in_words(view.as_of)}"
    body = [
        f"<header><h1>{safe(title)}</h1>{simulated}</header>",
        *map(paragraph, above),
        lines(found, listed, how, view.store.unit, min(TALLEST, room / max(1, len(listed)))),
        f"<footer>{paragraph(more(found, listed))}{''.join(map(paragraph, below))}</footer>",
    ]
    return document(title, STYLE, "\n".join(body))


def text_lines(words: str) -> int:
    return math.ceil(len(words) / SENTENCE)


def paragraph(words: str) -> str:
    return f"<p>{safe(words)}</p>"


def read(view: View, filters: Filters, now: pandas.DataFrame) -> Found:
    """`now`: the statuses, with their counts, whose courses are listed."""
    raised = view.alerts(filters)
    waiting = replace(filters, status=tuple(now["status"]))
    patients = [*raised["patient_id"]]
    if len(now):
        patients += [*view.worklist(waiting, per_page=FIRST_ROWS)["patient_id"]]
    courses = rows(view.courses(filters, list(dict.fromkeys(patients))))
    needing = [course for course in courses if course["status"] in set(now["status"])]
    alone = set(raised["patient_id"]) - {course["patient_id"] for course in needing}
    alerts = raised.groupby("word", sort=False)["patient_id"].nunique().to_dict()
    return Found(
        needs=by_patient(sorted([*rows(raised), *needing], key=lambda need: need["tone"] != DANGER)),
        courses=by_patient(courses),
        patients=len(alone) + (view.patients(waiting) if len(now) else 0),
        by_word={**alerts, **dict(zip(now["word"], now["patients"].tolist(), strict=True))},
        dangers=set(now.loc[now["tone"].eq(DANGER), "word"]),
    )


def by_patient(known: list[dict]) -> dict[str, list[dict]]:
    """In the order in which each patient is first named."""
    of_patient: dict[str, list[dict]] = {}
    for row in known:
        of_patient.setdefault(row["patient_id"], []).append(row)
    return of_patient


# ---------------------------------------------------------------- the lines


def lines(found: Found, listed: list[str], how: Set, unit: CountUnit, height: float) -> str:
    if not listed:
        return "<p>Nobody here needs anything now.</p>"
    widths = "".join(f'<col style="width:{how.width(head)}mm">' for head in COLUMNS)
    heads = "".join(f'<th scope="col"{kind(head)}>{safe(titled(head, unit))}</th>' for head in COLUMNS)
    body = "".join(line(found.needs[patient], found.courses.get(patient, []), how, unit) for patient in listed)
    look = f"--size:{how.size}pt;--height:{height:.2f}mm;--lines:{how.lines}"
    return (
        f'<div class="table"><table aria-label="Handover" style="{look}"><colgroup>{widths}</colgroup>'
        f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def titled(head: str, unit: CountUnit) -> str:
    return f"{head}, {unit.words}" if head == ANC else head


def kind(head: str) -> str:
    return ' class="number"' if head == ANC else ' class="short"' if head in SHORT else ""


def line(needs: list[dict], courses: list[dict], how: Set, unit: CountUnit) -> str:
    first, *others = needs
    same = [course for course in courses if course["drug"] == first["drug"]]
    course = next(iter([*same, *courses]), {})  # that of the drug, or else the patient's most urgent one
    drug = first["drug"] or course.get("drug")
    sparse = ", sparse" if first.get("certainty") == "sparse" else ""
    cells = {
        "What": f'<span class="what" style="color:{COLOURS[first["tone"]]}">{safe(named(first) + sparse)}</span>',
        "Patient": who(first, how),
        "Drug and dose": drug_and_dose(drug, course, how),
        "What to do": to_do(first, [also_needed(each, drug) for each in others], how),
        "Since": short_day(first["since"]),
        ANC: last_anc(course, how, unit),
        "Next count": short_day(course.get("next_lab_due_on")),
        "Notes": "",
    }
    return f"<tr>{''.join(f'<td{kind(head)}>{words}</td>' for head, words in cells.items())}</tr>"


def named(need: dict) -> str:
    return f"{need['icon']} {need['word']}"


def who(row: dict, how: Set) -> str:
    name = "" if missing(row["name"]) else row["name"]
    return beside(name, row["patient_id"], "Patient", how)


def drug_and_dose(drug: str | None, course: dict, how: Set) -> str:
    is_known = course.get("drug") == drug and not missing(course.get("dose_now_mg"))
    now = dose(course["dose_now_mg"], course["dose_unit"]) if is_known else ""
    return beside(drug or NONE, now, "Drug and dose", how)


def beside(first: str, second: str, column: str, how: Set) -> str:
    """Two texts, one below the other or side by side: the second is never cut for the first."""
    stacked = how.lines > 1
    room = how.letters(column) - (0 if stacked else len(second) + 1)
    first = shortened(first, max(1, room))
    look = "beside stacked" if stacked else "beside"
    return f'<span class="{look}"><bdi>{safe(first)}</bdi><bdi class="kept">{safe(second)}</bdi></span>'


def also_needed(need: dict, drug: str | None) -> str:
    """`■ Hold`; with its drug where that is another one than the line names."""
    return named(need) if need["drug"] in (None, drug) else f"{named(need)} {need['drug']}"


def to_do(first: dict, others: list[str], how: Set) -> str:
    """What to do beyond what the line says already, cut where it is long.

    What else the patient needs stands before it, so that it is never cut away.
    """
    also = f"also {'; '.join(dict.fromkeys(others))}; " if others else ""
    words = first["to_do"].removeprefix(f"{first['word']} {first['drug']}: ").replace(f" for {first['drug']}:", ":", 1)
    room = how.letters("What to do") * how.lines - int(BOLD * len(also))
    return f"<span><strong>{safe(also)}</strong>{safe(cut_short(words, max(LEAST, room)))}</span>"


def last_anc(course: dict, how: Set, unit: CountUnit) -> str:
    if missing(course.get("last_anc")):
        return NONE
    on = f"on {short_day(course['last_anc_on'])}"
    number = safe(count(course["last_anc"], course["last_anc_comparator"], unit))
    return f"{number}<br>{on}" if how.lines > 1 else f"{number} {on}"


def short_day(day: object) -> str:
    return NONE if missing(day) else f"{day:%Y-%m-%d}"


# ---------------------------------------------------------------- above and below


def counts(found: Found) -> str:
    """`57 patients need something now: 15 Possible febrile neutropenia, 8 Hold`."""
    need = "needs" if found.patients == 1 else "need"
    told = joined(*(f"{many:,} {word}" for word, many in found.by_word.items() if many))
    return f"{counted(found.patients, 'patient')} {need} something now{f': {told}' if told else ''}."


def narrowed(view: View, filters: Filters, statuses: pandas.DataFrame) -> str:
    """Whom the list is of: the filters, and the sites that may be seen."""
    word = dict(zip(statuses["status"], statuses["word"], strict=True))
    chosen = tuple(word.get(status, status) for status in filters.status or ())
    words = replace(filters, status=chosen or None).words
    parts = [f"Only {words}" if words else "Every patient"]
    if view.sites is not None:
        parts.append(f"of the sites that may be seen ({', '.join(view.sites) or 'none'})")
    return cut_short(f"{' '.join(parts)}, as known on {day_in_words(view.as_of)}.", MOST_WORDS)


def not_listed(others: pandas.DataFrame) -> str:
    told = joined(*(f"{row['patients']:,} {row['word']}" for row in rows(others) if row["patients"]))
    return f"Not on this list, in patients: {told}." if told else ""


def origin(view: View) -> str:
    about = view.store.about
    load = f"load {load_in_words(about, view.store.loaded_at)}, protocols version {about.protocols_version}"
    return f"{joined(about.title or None, load, f'leuko {software_version()}')}. {NOTICE}"


def more(found: Found, listed: list[str]) -> str:
    """`And 23 more, of which 0 Hold, 12 Reduce`: who did not fit, by what they need; dangers are named where 0 too."""
    rest = found.patients - len(listed)
    if not rest:
        return "Everybody who needs something now is on this list."
    shown = [{need["word"] for need in found.needs[patient]} for patient in listed]
    left = {word: many - sum(word in each for each in shown) for word, many in found.by_word.items()}
    told = joined(*(f"{many:,} {word}" for word, many in left.items() if many or word in found.dangers))
    return f"And {rest:,} more, of which {told}. To have them on a list, narrow the panel by site or clinician."
