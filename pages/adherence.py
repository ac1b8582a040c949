"""The audit: was done what the counts asked for, and did the counts ask for what was done; every number opens.

What its reader can say after three seconds: "Of 101 holds that the counts asked for, 56 were given in time (55 %) and
45 were not; 1 more cannot be told."
"""

import calendar
from collections.abc import Container, Iterator
from datetime import date, timedelta
from functools import partial

import pandas as pd
import streamlit as st

from leuko.access import Sight
from leuko.audit import GROUPS, Scope
from leuko.extract import ENDINGS
from leuko.figures.findings import percent
from leuko.measures import MEASURES
from leuko.settings import Setting, fault_of, numbers, with_values
from leuko.store import About, Filters, Store
from pages.common import address, shared
from pages.common.cards import draw_cards
from pages.common.files import FILES
from pages.common.markup import table
from pages.common.measure import SHOWN, UNRECORDED, Asked, read_audit, value_of, whole_numbers
from pages.common.opened import draw_file, opened
from pages.common.period import PERIOD, draw_period, is_day
from pages.common.waited import draw_waited

CHOSEN = {"site": "Site", "clinician": "Clinician", "drug": "Drug", "diagnosis": "Diagnosis"}
# On a narrow screen two filters stand beside each other, and the table of the settings is moved sideways.
STYLE = """<style>
.st-key-filters > div { flex: 1 1 9rem; min-width: 0; }
.st-key-grace > div { flex: 1 1 8rem; max-width: 12rem; }
@media (min-width: 641px) { .st-key-settings table { min-width: 60rem; } }
</style>"""
NO_EVENT = "There is no event yet: no count asked for anything by this day. The page Data says what was read."
A_YEAR = timedelta(days=366)  # a count may be due after the last day of the data
# Settings that only judge events that are there already; the others shape the events when the data are loaded.
JUDGING = {measure.grace: measure.title for measure in MEASURES.values() if measure.grace != "none"} | {
    "minimum_denominator": "Fewest to judge"
}


@st.cache_data(show_spinner=False, max_entries=100)
def read_choices(path: str, sight: Sight) -> dict[str, dict[str, str]]:
    """What each filter offers, as {value: word}: all that the panel offers, and all that an event has."""
    store = shared.store_at(path)
    view = store.view(sight)
    offered = {}
    for name, occurring in view.choices().items():
        groups = view.measures(store.settings, by=name)["group"] if name in GROUPS else ()
        values = sorted({*occurring, *(value_of(name, group) for group in groups)})
        offered[name] = {value: value or UNRECORDED[name] for value in values}
    return offered


# What is asked


def draw_filters(store: Store, offered: dict[str, dict[str, str]]) -> tuple[date, Scope]:
    """The period, whose events, and the day, each in the address under its own name."""
    st.html(STYLE)
    with st.container(horizontal=True, key="filters", gap="small"):
        what = "Events count on the day they were due, or else happened."
        period = draw_period(store.about, what, beyond=A_YEAR, on_change=to_first_page)
        chosen = {
            name: shared.choice_picker(name, label, offered[name], to_first_page) for name, label in CHOSEN.items()
        }
        as_of = shared.day_picker(store)
    return as_of, Scope(**chosen, **period)


def to_first_page() -> None:
    st.session_state["events_page"] = 1


def take_settings(settings: dict[str, Setting]) -> dict[str, int]:
    """The settings in force: those beside the database, or as the reader or the address changed them."""
    for name in JUDGING:
        address.take(name, lambda said, name=name: next(valid_numbers(settings, name, said), settings[name].value))
    changed = {name: st.session_state[name] for name in JUDGING if st.session_state[name] is not None}
    values = {name: int(changed.get(name, setting.value)) for name, setting in numbers(settings).items()}
    for name in values:
        address.put(name, [] if values[name] == settings[name].value else [str(values[name])])
    return values


def valid_numbers(settings: dict[str, Setting], name: str, said: list[str]) -> Iterator[int]:
    """Of what the address says, the numbers that this setting may have."""
    return (number for number in whole_numbers(said) if fault_of(settings, name, number) is None)


def take_one(name: str, known: Container[str], usual: str | None = None) -> str | None:
    """What the address says of this name and is known here."""
    address.take(name, lambda said: next((one for one in said if one in known), usual))
    return st.session_state[name]


def unknown_in_address(offered: dict[str, dict[str, str]], settings: dict[str, Setting], about: About) -> list[str]:
    """What the address asks for and nothing here is called."""
    asked = address.whole()
    known = {name: set(offered[name]) for name in CHOSEN}
    known |= {"measure": set(MEASURES), "ending": set(ENDINGS), "show": set(SHOWN)}
    labels = {**CHOSEN, "measure": "Measure", "ending": "Ending", "show": "Show"}
    words = [f"{labels[name]} “{value}”" for name in known for value in asked.get(name, []) if value not in known[name]]
    words += [
        f"{PERIOD[name]} “{day}”" for name in PERIOD for day in asked.get(name, []) if not is_day(day, about, A_YEAR)
    ]
    words += [f"As of “{day}”" for day in asked.get("as_of", []) if not shared.is_day_of(day, about)]
    for name, setting in settings.items():
        for said in asked.get(name, []):
            if name not in JUDGING:
                words.append(f"{name} “{said}”, which is read when the data are loaded")
            elif not [*valid_numbers(settings, name, [said])]:
                words.append(f"{name} “{said}”, not a whole number from {setting.least:,} to {setting.most:,}")
    return words


def choose(measure: str, ending: str | None) -> None:
    """Open a number of a card; the same one again closes it."""
    same = (st.session_state.get("measure"), st.session_state.get("ending")) == (measure, ending)
    st.session_state["measure"] = None if same else measure
    st.session_state["ending"] = None if same else ending
    st.session_state["show"] = "events" if ending else "site"
    to_first_page()


def narrow(by: str, group: str) -> None:
    """Show one group of a table alone."""
    if by == "month":
        first = date.fromisoformat(f"{group}-01")
        st.session_state["start"] = first
        st.session_state["end"] = first.replace(day=calendar.monthrange(first.year, first.month)[1])
    else:
        st.session_state[by] = [value_of(by, group)]
    to_first_page()


# The first sentence


def first_sentence(row: dict, minimum: int) -> str:
    """What was asked for: how much of it was given in time, was not, and cannot be told."""
    met, missed, unknown = row["met"], row["not_met"], row["cannot_tell"]
    if not row["population"]:
        return "The counts asked for no hold here."
    told = f"; {unknown:,} more cannot be told" if unknown else ""
    if not met + missed:
        return f"The counts asked for {shared.counted(row['population'], 'hold')}, none to be judged yet{told}."
    rate = f" ({percent(row['rate'])})" if met + missed >= minimum else ""
    few = "" if rate else "; too few to judge"
    return (
        f"Of {shared.counted(met + missed, 'hold')} that the counts asked for, {met:,} {was(met)} given in time{rate} "
        f"and {missed:,} {was(missed)} not{told}{few}."
    )


def second_sentence(row: dict, minimum: int) -> str:
    """The other direction: of what was done, how much the counts supported."""
    met, missed = row["met"], row["not_met"]
    if not met + missed:
        return ""
    rate = f" ({percent(row['rate'])})" if met + missed >= minimum else ", too few to judge"
    made = shared.counted(met + missed, "hold or reduction", "holds and reductions")
    return f"The other way round: of {made} that {was(met + missed)} made, the counts supported {met:,}{rate}."


def was(how_many: int) -> str:
    return "was" if how_many == 1 else "were"


# Settings and files


def draw_settings(settings: dict[str, Setting], values: dict[str, int], waiting: tuple[str, ...]) -> None:
    """Every setting with its default and source; those that only judge can be changed here, for this page."""
    in_force = with_values(settings, values, "the page")
    changed = [
        f"{name} {setting.written(setting.value)} instead of {setting.written(setting.default)}"
        for name, setting in in_force.items()
        if setting.changed
    ]
    words = "; ".join(changed) if changed else "all at their defaults"
    with st.expander(f"Settings: {shared.plain(words)}", key="settings"):
        st.caption(
            "Changed here, they judge this page and stand in its address. Where no standard says what is late, the "
            "source is a local convention: under each measure, its grace periods show how far the rate hangs on it."
        )
        with st.container(horizontal=True, key="grace"):
            for name, label in JUDGING.items():
                setting = settings[name]
                st.number_input(
                    f"{label}, {setting.unit}",
                    min_value=setting.least,
                    max_value=setting.most,
                    step=1,
                    key=name,
                    help=setting.what,
                )
        rows = [
            {
                "Setting": name,
                "In force": setting.written(setting.value),
                "Default": setting.written(setting.default),
                "Unit": setting.unit,
                "What": setting.what,
                "Source": setting.source,
                "Changed by": "this page" if name in JUDGING else "settings.toml, then a load",
            }
            for name, setting in in_force.items()
        ]
        st.html(table(rows, ("In force", "Default")))
        if waiting:
            st.caption(
                f"Changed in settings.toml since the load, and in force from the next one: {', '.join(waiting)}."
            )


def draw_downloads(asked: Asked, together: pd.DataFrame, about: About) -> None:
    """What is shown, to take along: with the same filters, the same day and the same settings."""
    deviating = int((together["population"] - together["met"]).sum())
    st.markdown("##### Take it along")
    st.caption(
        f"As shown, with its filters, day and settings. {shared.counted(deviating, 'event')} of all measures "
        f"{was(deviating)} not met, excluded or cannot be told. The files name patients: keep them as you keep records."
    )
    with st.container(horizontal=True, key="files"):
        for name, (make, kind, label) in FILES.items():
            draw_file(label, partial(make, asked), about.file_name(name, asked.as_of), kind, key=f"download_{name}")


def in_words(scope: Scope) -> str:
    """What the page is narrowed to, as a sentence names it."""
    parts = [Filters(scope.site, scope.clinician, scope.drug, diagnosis=scope.diagnosis).words]
    parts += [f"{word} {shared.day(day)}" for word, day in (("from", scope.start), ("to", scope.end)) if day]
    return ", ".join(part for part in parts if part)


def draw_nothing(narrowed: str, scope: Scope) -> None:
    order = " The period ends before it begins." if scope.start and scope.end and scope.end < scope.start else ""
    st.info(f"No event fits: {shared.plain(narrowed)}.{order}" if narrowed else NO_EVENT)


def main() -> None:
    store = shared.open_store()
    source = store.path, opened("adherence")
    offered = read_choices(*source)
    unknown = unknown_in_address(offered, store.settings, store.about)
    measure, ending = take_one("measure", MEASURES), take_one("ending", ENDINGS)
    take_one("show", SHOWN, "events")
    top = st.container()
    as_of, scope = draw_filters(store, offered)
    values = take_settings(store.settings)
    asked = Asked(*source, as_of, tuple(values.items()), scope)
    measures, _ = read_audit(asked)
    together = measures[measures["by"].eq("all")].set_index("measure")
    address.put("measure", [measure] if measure else [])
    address.put("ending", [ending] if measure and ending else [])
    if not measure:
        address.put("show", [])
    narrowed = in_words(scope)
    with top:
        first = first_sentence(together.loc["hold_given"].to_dict(), asked.minimum)
        st.subheader(shared.unbroken(first), anchor=False)
        other = second_sentence(together.loc["supported_hold"].to_dict(), asked.minimum)
        if other:
            st.markdown(shared.unbroken(other))
        if narrowed:
            st.caption(f"Only {shared.plain(narrowed)}")
        shared.replay_banner(store, as_of)
        shared.draw_reported_later(*source, as_of)
    if unknown:
        st.caption(f"Not known here and ignored: {shared.plain(', '.join(unknown))}")
    draw_settings(store.settings, values, store.settings_waiting)
    if not together["population"].any():
        draw_nothing(narrowed, scope)
        draw_waited(asked)
        return
    draw_cards(asked, measure, ending, choose, narrow)
    draw_waited(asked)
    draw_downloads(asked, together, store.about)


shared.only_within_dashboard()
main()
