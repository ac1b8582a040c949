"""The panels of dated marks: what the protocol decided, and what happened."""

import pandas

from leuko.facts import read_rows
from leuko.figures import labels
from leuko.figures.panels import Panel, View, escaped, iso, shown

EVENT_WORDS = {"gcsf": "G-CSF", "cytopenia_cause": "cause"}
ROW_HEIGHT = 24


def decision_panel(patient, view: View) -> Panel | None:
    """A row a drug: what the protocol says at onset, on a cause and at recovery, and why."""
    decisions = patient.recommendations
    if decisions.empty:
        return None
    statuses = {row["status"]: row for row in read_rows("statuses")}
    units = dict(zip(patient.worklist["drug"], patient.worklist["dose_unit"], strict=True))
    dose = decisions["dose_mg"].map(lambda dose: labels.number_in_words(dose) if dose > 0 else "")
    dose = (dose + " " + decisions["drug"].map(units).fillna("mg")).where(dose.ne(""), "")
    said = (decisions["action"].map(lambda action: statuses[action]["word"]) + " " + dose).str.strip()
    clause = decisions["clause"].map(
        lambda clause: "no clause" if pandas.isna(clause) else f"clause {clause:.0f}"
    )
    hover = (
        "<b>"
        + said
        + "</b><br>"
        + labels.days_in_words(decisions["decided_on"])
        + "<br>episode "
        + decisions["episode"].astype(str)
        + ", "
        + clause
        + " of "
        + escaped(decisions["protocol"])
        + ", "
        + decisions["certainty"].fillna("")
        + "<br>"
        + escaped(decisions["why"])
    )
    marks = pandas.DataFrame(
        {
            "row": decisions["drug"],
            "at": decisions["decided_on"],
            "words": said,
            "hover": hover,
            "colour": decisions["action"].map(lambda action: view.colour(statuses[action]["tone"])),
        }
    )
    return lane("Decisions of the protocol", marks, view)


def event_panel(patient, view: View) -> Panel | None:
    """A row a kind of event (G-CSF, fever, infection, cause), each with the words that were recorded."""
    events = patient.events[patient.events["occurred_at"].notna()]
    if events.empty:
        return None
    kind = events["kind"].map(lambda kind: EVENT_WORDS.get(kind, kind.replace("_", " ")))
    words = events["value"].fillna("").astype(str)
    hover = (
        "<b>"
        + escaped(kind)
        + "</b> "
        + escaped(words)
        + "<br>"
        + labels.days_in_words(events["occurred_at"])
        + "<br>"
        + escaped(events["source"])
    )
    marks = pandas.DataFrame({"row": kind, "at": events["occurred_at"], "words": words, "hover": hover})
    return lane("Events", marks.assign(colour=view.colour("text")), view)


def lane(heading: str, marks: pandas.DataFrame, view: View) -> Panel:
    """A strip of dated marks with words, one row for each `row` named at the left."""
    rows = sorted(marks["row"].unique())
    axis = {
        "range": [len(rows) - 0.5, -0.5],
        "tickvals": list(range(len(rows))),
        "ticktext": rows,
        "showgrid": False,
    }
    panel = Panel(heading, ROW_HEIGHT * len(rows), axis)
    for place, row in enumerate(rows):
        here = marks[marks["row"].eq(row)].sort_values("at", kind="stable")
        words = shown([pixel + 8 for pixel in view.pixels(here["at"])], here["words"])
        panel.traces.append(
            {
                "type": "scatter",
                "mode": "markers+text",
                "name": row,
                "x": iso(here["at"]),
                "y": [place] * len(here),
                "text": [f" {word}" for word in words],
                "textposition": "middle right",
                "cliponaxis": False,
                "marker": {"size": 9, "symbol": "diamond", "color": here["colour"].tolist()},
                "textfont": {"color": here["colour"].tolist()},
                "customdata": here["hover"].tolist(),
                "hovertemplate": "%{customdata}<extra></extra>",
            }
        )
    return panel
