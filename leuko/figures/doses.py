"""The panels of doses: one strip a drug, as steps over time."""

import pandas

from leuko.figures import labels
from leuko.figures.panels import Panel, View, escaped, iso, shown

HEIGHT = 70


def dose_panels(patient, view: View) -> list[Panel]:
    """A strip for each drug: steps; 0 (held) a heavy line; days with no dose recorded left empty."""
    doses = patient.doses[patient.doses["start_on"] <= view.as_of]
    return [dose_panel(drug, of_drug, view) for drug, of_drug in doses.groupby("drug")]


def dose_panel(drug: str, doses: pandas.DataFrame, view: View) -> Panel:
    doses = doses.sort_values(["start_on", "dose_mg"])
    unit = doses["dose_unit"].iloc[-1]
    held = doses[doses["dose_mg"].eq(0)]
    top = max(doses["dose_mg"].max(), 1)
    panel = Panel(
        f"{drug}, {unit} a day",
        HEIGHT,
        {
            "range": [-0.06 * top, 1.5 * top],
            "tickvals": [0, top],
            "ticktext": ["0", labels.number_in_words(top)],
        },
    )
    steps = {
        "type": "scatter",
        "mode": "lines",
        "name": drug,
        "line": {"color": view.colour("dose"), "width": 2},
        "hovertemplate": "%{customdata}<extra></extra>",
    }
    panel.traces = [dose_area(drug, doses, view), steps | dose_steps(doses, view)]
    if len(held):
        heavy = {"name": f"{drug}, held", "line": {"color": view.colour("act"), "width": 5}}
        panel.traces.append(steps | dose_steps(held, view) | heavy)
    panel.traces.append(
        {
            "type": "scatter",
            "mode": "text",
            "name": f"{drug}, labels",
            "hoverinfo": "skip",
            "cliponaxis": False,
            "x": iso(doses["start_on"]),
            "y": (doses["dose_mg"] + 0.06 * top).tolist(),
            "textposition": "top right",
            "text": shown(view.pixels(doses["start_on"]), dose_words(doses)),
        }
    )
    return panel


def dose_area(drug: str, doses: pandas.DataFrame, view: View) -> dict:
    """The area under the steps; days with no dose recorded stay empty."""
    corners = zip(iso(doses["start_on"]), iso(last_moments(doses, view)), doses["dose_mg"], strict=True)
    area = [corner for a, b, dose in corners for corner in ((a, 0), (a, dose), (b, dose), (b, 0))]
    return {
        "type": "scatter",
        "mode": "none",
        "name": f"{drug}, area",
        "hoverinfo": "skip",
        "fill": "tozeroy",
        "fillcolor": view.colour("dose_fill"),
        "x": [day for day, _ in area],
        "y": [dose for _, dose in area],
    }


def last_moments(doses: pandas.DataFrame, view: View) -> pandas.Series:
    """When each interval is over: the end of its last day, or of the day shown."""
    return doses["end_on"].fillna(view.as_of).clip(upper=view.as_of) + pandas.Timedelta(days=1)


def dose_steps(doses: pandas.DataFrame, view: View) -> dict:
    """Corner points of the steps: each interval to the end of its last day, joined to one that follows."""
    start = doses["start_on"]
    end = last_moments(doses, view)
    follows = end.eq(start.shift(-1)).tolist()
    dose = doses["dose_mg"].tolist()
    hover = dose_hover(doses).tolist()
    corners = zip(iso(start), iso(end), dose, hover, follows, strict=True)
    rows = [[(a, y, h), (b, y, h), (b, y if joined else None, h)] for a, b, y, h, joined in corners]
    x, y, said = ([corner[i] for row in rows for corner in row] for i in range(3))
    return {"x": x, "y": y, "customdata": said}


def dose_hover(doses: pandas.DataFrame) -> pandas.Series:
    dose = doses["dose_mg"].map(labels.number_in_words) + " " + doses["dose_unit"].fillna("mg")
    end = labels.days_in_words(doses["end_on"]).where(doses["end_on"].notna(), "ongoing")
    reason = doses["end_reason"].map(
        lambda reason: "" if pandas.isna(reason) else f"<br>ended: {labels.hover_words(reason)}"
    )
    held = doses["dose_mg"].eq(0).map({True: " (held)", False: ""})
    return (
        "<b>"
        + escaped(doses["drug"])
        + " "
        + escaped(dose)
        + held
        + "</b><br>"
        + labels.days_in_words(doses["start_on"])
        + " to "
        + end
        + reason
        + "<br>"
        + escaped(doses["source"])
    )


def dose_words(doses: pandas.DataFrame) -> pandas.Series:
    """The dose where it changes; nothing where it goes on."""
    words = doses["dose_mg"].map(labels.number_in_words) + " " + doses["dose_unit"].fillna("mg")
    return words.where(doses["dose_mg"].ne(0), "held").where(words.ne(words.shift()), "")
