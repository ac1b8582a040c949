"""One measure of the audit from near: what it counts, the events behind its numbers, its groups, months and grace."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import pandas as pd
import streamlit as st
from pandas.io.formats.style import Styler

from leuko.access import Sight
from leuko.audit import Scope
from leuko.extract import ENDINGS, endings_in_words, extract, grace_in_words, interval_in_words
from leuko.figures.audit import funnel_figure, run_figure
from leuko.figures.findings import percent
from leuko.measures import MEASURES, Measure
from leuko.settings import Setting, with_values
from pages.common import address, clicks, shared
from pages.common.decided import recorded
from pages.common.markup import safe
from pages.common.picture import draw_format, draw_picture

PER_PAGE = 100
SHOWN = {
    "events": "Events",
    "site": "By site",
    "clinician": "By clinician",
    "drug": "By drug",
    "month": "By month",
    "grace": "By grace period",
}
FUNNELS = ("site", "clinician")
GRACES = {"days": (0, 1, 2, 3, 5, 7, 14), "minutes": (0, 15, 30, 45, 60, 90, 120, 180)}
TONES = {"met": "calm", "not_met": "act", "excluded": "wait", "cannot_tell": "unknown"}
FEW_REASONS = 8  # more different reasons than these are read in the list itself
UNRECORDED = {  # as a group of the audit, or a value of a filter
    "site": "not recorded", "clinician": "not recorded", "drug": "no drug", "diagnosis": "not recorded",
}  # fmt: skip
# On a narrow screen a chart keeps the width that its labels need and is moved sideways.
NARROW = (
    "<style>[class*=st-key-chart_] { overflow-x: auto; } "
    "[class*=st-key-chart_] [data-testid=stElementContainer] { min-width: 640px; }</style>"
)


@dataclass(frozen=True)
class Asked:
    """What the page shows: whose events, on which day, judged by which settings, narrowed to what."""

    path: str
    sight: Sight
    as_of: date
    values: tuple[tuple[str, int], ...]
    scope: Scope

    @property
    def view(self):
        return shared.store_at(self.path).view(self.sight, self.as_of)

    @property
    def settings(self) -> dict[str, Setting]:
        return with_values(shared.store_at(self.path).settings, dict(self.values), "the page")

    @property
    def minimum(self) -> int:
        return dict(self.values)["minimum_denominator"]


@st.cache_data(show_spinner="Reading the audit", max_entries=100)
def read_audit(asked: Asked) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Counts and rates of every measure in all groupings, and how many events ended for which reason."""
    with extract(asked.view, asked.settings, asked.scope) as audited:
        return audited.measures, audited.reasons


@st.cache_data(show_spinner="Reading the events", max_entries=10)
def read_events(asked: Asked, measure: str, ending: str | None) -> pd.DataFrame:
    return asked.view.audit_events(asked.settings, asked.scope, measure, ending)


@st.cache_data(show_spinner="Judging with other grace periods", max_entries=50)
def read_sensitivity(asked: Asked, measure: str, graces: tuple[int, ...]) -> pd.DataFrame:
    return asked.view.sensitivity(asked.settings, asked.scope, measure, graces)


def of_months(measures: pd.DataFrame, name: str) -> pd.DataFrame:
    """The months of a measure as the charts read them: month, met, of, rate."""
    rows = measures[measures["measure"].eq(name) & measures["by"].eq("month")].dropna(subset=["group"])
    return pd.DataFrame(
        {"month": rows["group"], "met": rows["met"], "of": rows["met"] + rows["not_met"], "rate": rows["rate"]}
    )


def draw_measure(asked: Asked, name: str, ending: str | None, narrow: Callable[[str, str], None]) -> None:
    """Everything about one measure; `narrow(by, group)` is called where a reader chooses a group of a table."""
    measure = MEASURES[name]
    measures, reasons = read_audit(asked)
    rows = measures[measures["measure"].eq(name)]
    row = rows[rows["by"].eq("all")].iloc[0].to_dict()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(measure.title, anchor=False, width="content")
        st.space("stretch")
        st.button("Close", icon=":material/close:", key="close", on_click=close)
    st.html(definition(measure, asked.settings, row))
    shown = st.segmented_control(
        "Show", list(SHOWN), format_func=SHOWN.get, required=True, key="show", label_visibility="collapsed"
    )
    shown = shown or "events"
    address.put("show", [] if shown == "events" else [shown])
    if shown == "events":
        draw_events(asked, measure, ending, reasons[reasons["measure"].eq(name)])
    elif shown == "grace":
        draw_graces(asked, measure)
    elif shown == "month":
        draw_chart(run_figure(of_months(measures, name), shared.theme(), minimum=asked.minimum), "months")
        draw_groups(rows[rows["by"].eq("month")].iloc[::-1], "month", measure, asked.minimum, narrow)
    else:
        draw_by(rows[rows["by"].eq(shown)], shown, measure, asked.minimum, narrow)


def close() -> None:
    st.session_state["measure"] = st.session_state["ending"] = None


# What it counts


def definition(measure: Measure, settings: dict[str, Setting], row: dict) -> str:
    """The words at the head of the measure's file, and its four endings that add up to the population."""
    parts = {
        "Counted": measure.population,
        "Met where": measure.numerator,
        "Excluded": measure.exclusions,
        "One event": measure.grain,
        "Time allowed": "none" if measure.grace == "none" else grace_in_words(measure, settings),
        "Standard": measure.standard,
    }
    terms = " ".join(f"<div><strong>{safe(term)}:</strong> {safe(words)}</div>" for term, words in parts.items())
    added = f"{safe(endings_in_words(row))}. Each event ends in exactly one of the four."
    columns = "display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,22rem),1fr));gap:0.15rem 2rem"
    return f'<div style="{columns}">{terms}</div><div style="margin-top:0.5rem"><strong>{added}</strong></div>'


# The events behind a number


def draw_events(asked: Asked, measure: Measure, ending: str | None, reasons: pd.DataFrame) -> None:
    """The list behind a number; a click on a row opens the patient with that day marked in the figure."""
    events = read_events(asked, measure.name, ending)
    word = f" {ENDINGS[ending][0]}" if ending else ""
    st.markdown(f"**{shared.counted(len(events), 'event')}{word}**{why(reasons, ending)}")
    if events.empty:
        return
    page = draw_pages(len(events))
    first = (page - 1) * PER_PAGE
    listed = events.iloc[first : first + PER_PAGE].reset_index(drop=True)
    event = clicks.place("events").dataframe(
        event_table(listed, measure, ending),
        column_config=event_columns(measure),
        hide_index=True,
        height=min(520, 35 * len(listed) + 38),
        placeholder=shared.NONE,
        on_select="rerun",
        selection_mode=clicks.ANYWHERE,
        key=f"events_{measure.name}_{ending}_{page}",
        alt=f"The events of {measure.title}{word}: one row an event",
    )
    st.caption("A click on a row opens the patient, with the day marked in the figure.")
    row = clicks.clicked(event)
    if row is not None:
        shown = listed.iloc[row]
        shared.open_patient(shown["patient_id"], mark_of(shown, measure))


def why(reasons: pd.DataFrame, ending: str | None) -> str:
    """`: not yet due 9`, where there are reasons to tell apart; they add up to the events."""
    told = reasons[reasons["ending"].eq(ending)].dropna(subset=["reason"])
    if not 0 < len(told) <= FEW_REASONS:
        return ""
    return ": " + shared.plain("; ".join(f"{row.reason} {row.events:,}" for row in told.itertuples()))


def mark_of(event: pd.Series, measure: Measure) -> tuple[date, str]:
    """The day that an event was due, or else happened, and what it is."""
    day = event["due_on"] if not shared.is_missing(event["due_on"]) else event["happened_on"]
    return day.date(), f"{measure.title}: {ENDINGS[event['ending']][0]}"


def draw_pages(events: int) -> int:
    """Which screenful of the list is shown and the way to those beside it; returns its number from 1."""
    pages = math.ceil(events / PER_PAGE)
    address.take("events_page", lambda said: max([1, *whole_numbers(said)]))
    page = st.session_state["events_page"] = min(st.session_state["events_page"], pages)
    address.put("events_page", [] if page == 1 else [str(page)])
    if pages > 1:
        with st.container(horizontal=True, vertical_alignment="center"):
            first, last = (page - 1) * PER_PAGE + 1, min(page * PER_PAGE, events)
            st.caption(f"Showing {first:,}–{last:,} of {events:,}", width="content")
            st.button("Previous", key="events_previous", disabled=page == 1, on_click=to_page, args=(page - 1,))
            st.button("Next", key="events_next", disabled=page == pages, on_click=to_page, args=(page + 1,))
    return page


def whole_numbers(said: list[str]) -> list[int]:
    """What can be read as a whole number of a size that means something."""
    return [int(text) for text in said if text.isascii() and text.isdecimal() and len(text) < 10]


def to_page(page: int = 1) -> None:
    st.session_state["events_page"] = page


def event_table(events: pd.DataFrame, measure: Measure, ending: str | None) -> Styler:
    """The events as on the screen; nothing else is in it, since a hidden column can be shown again."""
    said = recorded(events)
    table = pd.DataFrame(
        {
            "Patient": shared.who(events),
            "Ending": [ENDINGS[one][0] for one in events["ending"]],
            "Due": events["due_on"],
            "Happened": events["happened_on"],
            took(measure): events["days"],
            "Reason": events["reason"],
            "Recorded": said,
            "Drug": events["drug"],
            "Episode": events["episode"],
            "Site, clinician": shared.both(events["site"], events["clinician"]),
        }
    )
    colours = [f"color: {shared.tone_colour(TONES[one], shared.theme())}; font-weight: 600" for one in events["ending"]]
    left_out = ["Ending"] * bool(ending) + ["Recorded"] * (not any(said))
    written = table.drop(columns=left_out)
    style = written.style.format(shared.day, subset=["Due", "Happened"])
    style.format(shared.number, subset=[took(measure), "Episode"])
    return style if ending else style.apply(lambda _: colours, subset=["Ending"])


def took(measure: Measure) -> str:
    """`Days` or `Minutes`: what passed from due to done."""
    return measure.unit.capitalize()


def event_columns(measure: Measure) -> dict:
    text, figure = st.column_config.Column, st.column_config.NumberColumn
    after = f"{took(measure)} from due to done; below 0: before it was due"
    return {
        "Patient": text(width=190),
        "Ending": text(width=90),
        "Due": text(width=130, alignment="right"),
        "Happened": text(width=130, alignment="right"),
        took(measure): figure(width=75, help=after),
        "Reason": text(width=340),
        "Recorded": text(width=340, help="In the journal; the ending stays what it is"),
        "Drug": text(width=120),
        "Episode": figure(width=75),
        "Site, clinician": text(width=190),
    }


# Its groups


def draw_by(rows: pd.DataFrame, by: str, measure: Measure, minimum: int, narrow: Callable[[str, str], None]) -> None:
    """A row a site, clinician or drug, and the funnel that tells chance from more where they are compared."""
    draw_groups(rows, by, measure, minimum, narrow)
    if by in FUNNELS:
        groups = pd.DataFrame({"group": rows["group"], "met": rows["met"], "of": rows["met"] + rows["not_met"]})
        draw_chart(funnel_figure(groups, minimum, shared.theme(), kind=by), by)


def draw_chart(figure: dict, name: str) -> None:
    draw_format()
    st.html(NARROW)
    with st.container(key=f"chart_{name}"):
        draw_picture(figure, name, figure["layout"]["meta"]["alt"])


def draw_groups(
    rows: pd.DataFrame, by: str, measure: Measure, minimum: int, narrow: Callable[[str, str], None]
) -> None:
    if rows.empty:
        st.caption("There is no event.")
        return
    groups = rows["group"].tolist()
    key = f"groups_{by}_{measure.name}"

    def chosen() -> None:
        row = clicks.clicked(st.session_state[key])
        if row is not None:
            narrow(by, groups[row])

    clicks.place("groups").dataframe(
        group_table(rows, by.capitalize(), measure, minimum),
        column_config=group_columns(by.capitalize(), measure),
        hide_index=True,
        height=min(420, 35 * len(rows) + 38),
        placeholder=shared.NONE,
        on_select=chosen,
        selection_mode=clicks.ANYWHERE,
        key=key,
        alt=f"{measure.title} by {by}: one row a {by}",
    )
    st.caption(f"A click on a row shows that {by} alone, above and in every card.")


def group_table(rows: pd.DataFrame, first: str, measure: Measure, minimum: int) -> Styler:
    """One row a group. A rate of too few events is not written: nobody is to be judged by it."""
    judged = rows["met"] + rows["not_met"]
    table = pd.DataFrame(
        {
            first: rows["group"],
            "Met": rows["met"],
            "Not met": rows["not_met"],
            "Rate": rows["rate"].where(judged >= minimum),
            "95 % interval": [trust_in_words(row, minimum) for row in rows.to_dict("records")],
            f"Median {measure.unit}": rows["median_days"],
            f"90th percentile, {measure.unit}": rows["p90_days"],
            "Excluded": rows["excluded"],
            "Cannot tell": rows["cannot_tell"],
            "In all": rows["population"],
        }
    ).reset_index(drop=True)
    numbers = [name for name in table.columns[1:] if name not in ("Rate", "95 % interval")]
    return table.style.format(shared.number, subset=numbers).format(rate_in_words, subset=["Rate"])


def rate_in_words(rate: float | None) -> str:
    return shared.NONE if shared.is_missing(rate) else percent(rate)


def trust_in_words(row: dict, minimum: int) -> str:
    """`46 to 65 %`, or that there are too few to judge, or none."""
    judged = row["met"] + row["not_met"]
    return interval_in_words(row, minimum) or ("too few to judge" if judged else "nothing to judge")


def group_columns(first: str, measure: Measure) -> dict:
    text, figure = st.column_config.Column, st.column_config.NumberColumn
    return {
        first: text(width=130),
        "Met": figure(width=80),
        "Not met": figure(width=80),
        "Rate": figure(width=75, help="met out of met and not met"),
        "95 % interval": text(width=130, alignment="right"),
        f"Median {measure.unit}": figure(width=110),
        f"90th percentile, {measure.unit}": figure(width=170),
        "Excluded": figure(width=85),
        "Cannot tell": figure(width=95),
        "In all": figure(width=80),
    }


# What its grace period changes


def draw_graces(asked: Asked, measure: Measure) -> None:
    """How the counts and the rate move with the grace period; a click on a row judges the whole page by it."""
    if measure.grace == "none":
        st.caption("No grace period: what is met here does not depend on how long it took.")
        return
    setting = asked.settings[measure.grace]
    table = read_sensitivity(asked, measure.name, graces_around(setting, measure.unit))
    graces = table["grace"].tolist()
    key = f"graces_{measure.name}_{setting.value}"
    what = shared.plain(setting.what.removeprefix(f"{measure.name}: "))  # the page names the measure

    def chosen() -> None:
        row = clicks.clicked(st.session_state[key])
        if row is not None:
            st.session_state[setting.name] = graces[row]

    st.markdown(
        f"No standard says what is late, so here is the rate for other numbers of {measure.unit} "
        f"(`{setting.name}`: {what})."
        if setting.source.startswith("local convention")
        else f"`{setting.name}`: {what}. Source: {shared.plain(setting.source)}."
    )
    clicks.place("graces").dataframe(
        grace_table(table, setting, asked.minimum),
        column_config={
            "Grace period": st.column_config.Column(width=95, alignment="right"),
            "": st.column_config.Column(width=85),
            "Rate": st.column_config.NumberColumn(width=75),
            "95 % interval": st.column_config.Column(width=130, alignment="right"),
        },
        hide_index=True,
        height=35 * len(table) + 38,
        placeholder=shared.NONE,
        on_select=chosen,
        selection_mode=clicks.ANYWHERE,
        key=key,
        alt=f"{measure.title}: counts and rate for other grace periods",
    )
    st.caption("A click on a row judges the whole page by it.")


def graces_around(setting: Setting, unit: str) -> tuple[int, ...]:
    """The grace periods to compare: always with the one in force, the default and twice the default."""
    wanted = {*GRACES[unit], setting.value, setting.default, 2 * setting.default}
    return tuple(sorted(grace for grace in wanted if setting.least <= grace <= setting.most))


def grace_table(table: pd.DataFrame, setting: Setting, minimum: int) -> Styler:
    def said(grace: int) -> str:
        words = ["in force"] * (grace == setting.value) + ["default"] * (grace == setting.default)
        return ("▶ " if grace == setting.value else "") + ", ".join(words)

    judged = table["met"] + table["not_met"]
    shown = pd.DataFrame(
        {
            "Grace period": [f"{grace:,} {one_or_more(setting.unit, grace)}" for grace in table["grace"]],
            "": [said(grace) for grace in table["grace"]],
            "Rate": table["rate"].where(judged >= minimum),
            "95 % interval": [trust_in_words(row, minimum) for row in table.to_dict("records")],
            "Met": table["met"],
            "Not met": table["not_met"],
            "Excluded": table["excluded"],
            "Cannot tell": table["cannot_tell"],
            "In all": table["population"],
        }
    )
    heavy = "font-weight: 600"
    in_force = table["grace"].eq(setting.value).tolist()
    style = shown.style.format(shared.number, subset=["Met", "Not met", "Excluded", "Cannot tell", "In all"])
    style.format(rate_in_words, subset=["Rate"])
    return style.apply(lambda _: [heavy if here else "" for here in in_force], axis=0)


def one_or_more(unit: str, how_many: int) -> str:
    return unit.removesuffix("s") if how_many == 1 else unit


def value_of(by: str, group: str) -> str:
    """A group of the audit as a value of the filter of its name: what is not recorded is empty there."""
    return "" if by in UNRECORDED and group == UNRECORDED[by] else group
