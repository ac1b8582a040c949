"""The panels of dated marks: what the protocol decided, and what happened."""

import html
from datetime import datetime

from leuko.facts import read_rows
from leuko.figures import labels
from leuko.figures.panels import Panel, View, rows
from leuko.notes import cause_in_words

EVENT_WORDS = {"gcsf": "G-CSF", "cytopenia_cause": "cause"}
BACKGROUND = ("chemo_course", "heart_failure", "radiotherapy", "albumin")  # may be years older than the counts
ROW_HEIGHT = 24


def decision_panel(patient, view: View) -> Panel | None:
    """A row a drug: what the protocol says at onset, on a cause and at recovery, and why."""
    statuses = {row["status"]: row for row in read_rows("statuses")}
    units = dict(zip(patient.worklist["drug"], patient.worklist["dose_unit"], strict=True))
    marks = []
    for decision in rows(patient.recommendations):
        status = statuses[decision["action"]]
        dose = labels.amount(decision["dose_mg"], units.get(decision["drug"])) if decision["dose_mg"] else ""
        row = "" if decision["clause"] is None else f", clause {decision['clause']:.0f}"
        row = row if decision["during"] is None else f", decision at a draw {decision['during']:.0f}"
        episode = "no episode" if decision["episode"] is None else f"episode {decision['episode']:.0f}"
        words = f"{status['word']} {dose}".strip()
        hover = labels.hover(
            words,
            f"{labels.day_in_words(decision['decided_on'])}, {episode}",
            f"{decision['protocol']}{row}, {decision['certainty']}",
            decision["why"],
        )
        marks.append(
            mark(decision["drug"], decision["decided_on"], words, hover, view.colour(status["tone"]))
        )
    return lane("Decisions of the protocol", marks, view)


def event_panel(patient, view: View) -> Panel | None:
    """A row a kind of event (G-CSF, fever, infection, cause), each with the words that were recorded.

    A cause says as well what it decides.
    """
    marks = []
    for event in rows(patient.events[patient.events["occurred_at"].notna()]):
        kind = EVENT_WORDS.get(event["kind"], event["kind"].replace("_", " "))
        words, decides = str(event["value"] or ""), None
        if event["kind"] == "cytopenia_cause":
            words, decides = cause_in_words(event["value"])
        hover = labels.hover(f"{kind} {words}", decides, labels.time_in_words(event["occurred_at"]), event["source"])
        told = f"{words} ({decides})" if decides else words
        marks.append(mark(kind, event["occurred_at"], told, hover, view.colour("text")) | {"shorter": words})
    return lane("Events", marks, view)


def mark(row: str, at: datetime, words: str, hover: str, colour: str) -> dict:
    return {"row": row, "at": at, "words": words, "hover": hover, "colour": colour}


def lane(heading: str, marks: list[dict], view: View) -> Panel | None:
    """A strip of dated marks with words, one row for each `row` named at the left; None without marks.

    `◂` before a name: none of its marks is among the days shown, and the last lies to their left; `▸`: to their right.
    """
    if not marks:
        return None
    names = sorted({each["row"] for each in marks})
    shown_rows = {each["row"] for each in marks if view.start <= each["at"] <= view.end}
    later_rows = {each["row"] for each in marks if each["at"] > view.end}
    signs = {name: "" if name in shown_rows else "▸ " if name in later_rows else "◂ " for name in names}
    axis = {
        "range": [len(names) - 0.5, -0.5],
        "tickvals": list(range(len(names))),
        "ticktext": [html.escape(signs[name] + name) for name in names],
        "showgrid": False,
    }
    panel = Panel(heading, ROW_HEIGHT * len(names), axis)
    for place, name in enumerate(names):
        here = sorted((each for each in marks if each["row"] == name), key=lambda each: each["at"])
        shown = labels.fitting(
            [view.pixel(each["at"]) for each in here],
            [f"  {each['words']}" for each in here],
            [f"  {each.get('shorter', each['words'])}" for each in here],
        )
        colours = [each["colour"] for each in here]
        panel.traces.append(
            {
                "type": "scatter",
                "mode": "markers+text",
                "name": name,
                "x": [each["at"].isoformat() for each in here],
                "y": [place] * len(here),
                "text": [html.escape(text) for text in shown],
                "textposition": "middle right",
                "cliponaxis": False,
                "marker": {"size": 9, "symbol": "diamond", "color": colours},
                "textfont": {"color": colours},
                "customdata": [each["hover"] for each in here],
                "hovertemplate": "%{customdata}<extra></extra>",
            }
        )
    return panel
