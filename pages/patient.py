"""One patient: what the protocol says to do now, how it came to that, and the numbers it rests on.

What its reader can say after three seconds: "Hold dasatinib: ANC 430 on 2 March 2026 is below 500."
"""

from datetime import date

import pandas as pd
import plotly.graph_objects as go
import streamlit as st
from pandas.io.formats.style import Styler

from leuko.facts import read_rows
from leuko.figures import GRADE_VERSION, patient_figure, use_in_words
from leuko.protocols.words import in_words
from leuko.store import MOST_ROWS, Filters, Patient
from pages.common import address, shared
from pages.common.markup import link, quote, safe, table

FOUND_AT_ONCE = 20
SCALES = ("linear", "log")
HEADLINE = 220  # characters that can be read at a glance
COUNTS = {"anc": "ANC", "platelets": "platelets"}
NAMES = {"anc": "ANC", "platelets": "Platelets", "wbc": "WBC"}
CERTAINTY = {
    "firm": "Firm: the gaps between the counts leave nothing open.",
    "sparse": "Sparse: the counts lie days apart; at the clocks' shortest another clause would decide.",
}
HOLDS = {True: "yes", False: "no"}
# On a narrow screen the figure keeps the width that its labels need and is moved sideways.
NARROW = (
    "<style>.st-key-figure { overflow-x: auto; } "
    ".st-key-figure [data-testid=stElementContainer] { min-width: 760px; }</style>"
)
TOOLBAR = {"displaylogo": False, "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"]}


@st.cache_data(show_spinner="Reading the patient", max_entries=200)
def read_patient(path: str, sites: tuple[str, ...] | None, as_of: date, patient_id: str) -> Patient | None:
    return shared.store_at(path).view(sites, as_of).patient(patient_id)


@st.cache_data(show_spinner=False, max_entries=100)
def read_found(path: str, sites: tuple[str, ...] | None, words: str) -> pd.DataFrame:
    """The patients whose id or name has these words, one row each."""
    worklist = shared.store_at(path).view(sites).worklist(Filters(search=words), per_page=FOUND_AT_ONCE)
    return worklist.drop_duplicates("patient_id")


@st.cache_data(show_spinner=False, max_entries=20)
def read_set_aside(path: str, sites: tuple[str, ...] | None) -> pd.DataFrame:
    return shared.store_at(path).view(sites).rejected_rows()


def action_words() -> dict[str, str]:
    return {row["status"]: row["word"] for row in read_rows("statuses")}


# Finding a patient


def find_patient(source: tuple) -> None:
    st.subheader("Which patient?", anchor=False)
    words = st.text_input("Find a patient by id or name", placeholder="SIM-001", key="find").strip()
    if not words:
        st.caption("Or choose one in the worklist of the Panel page.")
        return
    found = read_found(*source, words)
    if found.empty:
        st.info(f"No patient with “{shared.plain(words)}” in the id or the name.")
    for row in found.to_dict("records"):
        named = " · ".join(
            shared.plain(row[part]) for part in ("name", "patient_id", "site") if shared.plain(row[part])
        )
        st.button(
            f"{row['icon']} {row['word']} · {named}",
            key=f"open_{row['patient_id']}",
            on_click=show_patient,
            args=(row["patient_id"],),
        )


def show_patient(patient_id: str | None) -> None:
    if patient_id is None:
        st.query_params.pop("patient", None)
    else:
        st.query_params["patient"] = patient_id


# Who it is and what to do


def identity(about: dict, as_of: date) -> str:
    """Who this is, on one line; a death or leaving after `as_of` was not known then."""
    birth = f"born {shared.day(about['birth_date'])}" if not shared.is_missing(about["birth_date"]) else ""
    duffy = "Duffy-null on record" if about["duffy_null"] is True else ""
    gone = [
        f"{word} {shared.day(about[key])}"
        for key, word in (("died_on", "died"), ("left_on", "left"))
        if not shared.is_missing(about[key]) and about[key] <= as_of
    ]
    parts = [
        about["patient_id"],
        birth,
        about["sex"],
        about["site"],
        about["clinician"],
        about["diagnosis"],
        duffy,
        *gone,
    ]
    told = " · ".join(safe(part) for part in parts if not shared.is_missing(part) and part)
    return f'<div><strong style="font-size:1.2rem">{safe(about["name"])}</strong> {told}</div>'


def draw_course(course: dict, *, big: bool) -> None:
    """What to do in one sentence, in words, icon and colour; beneath it what it rests on."""
    colour = shared.tone_colour(course["tone"], shared.theme())
    first, rest = headline(course["to_do"])
    size = "1.45rem" if big else "1.1rem"
    st.html(
        f'<div style="border-left:6px solid {colour};padding:0.1rem 0 0.1rem 1rem">'
        f'<div style="color:{colour};font-weight:700">{safe(course["icon"])} {safe(course["word"])}</div>'
        f'<div style="font-size:{size};line-height:1.3;font-weight:600">{safe(first)}</div>'
        f"<div>{safe(rest)}</div>"
        f'<div style="opacity:0.85;margin-top:0.3rem">{safe(CERTAINTY.get(course["certainty"], ""))}</div>'
        f'<div style="opacity:0.85">{safe(standing(course))}</div></div>'
    )


def headline(to_do: str) -> tuple[str, str]:
    """What to read first, and the rest: a long reason goes on in smaller words after its first sentence."""
    if len(to_do) <= HEADLINE:
        return to_do, ""
    first, _, rest = to_do.partition(". ")
    return f"{first}.", rest


def standing(course: dict) -> str:
    """The facts of a course in a line: dose, last ANC, since when, the next count, the protocol."""
    anc = shared.number(course["last_anc"], "cells/µL", course["last_anc_comparator"])
    parts = [
        ("dose now", shared.number(course["dose_now_mg"], course["dose_unit"])),
        ("last ANC", f"{anc} on {shared.day(course['last_anc_on'])}"),
        ("since", shared.day(course["since"])),
        (
            "next count due",
            shared.NONE if course["status"] == "off_drug" else shared.day(course["next_lab_due_on"]),
        ),
        ("protocol", course["protocol"]),
    ]
    said = [
        f"{name} {value}"
        for name, value in parts
        if not shared.is_missing(value) and shared.NONE not in value
    ]
    return " · ".join(said)


def draw_courses(worklist: pd.DataFrame) -> None:
    """The most urgent course large, the others below it."""
    if worklist.empty:
        st.info("On this day nothing was known of this patient that a protocol could be applied to.")
        return
    first, *others = worklist.to_dict("records")
    draw_course(first, big=True)
    for course in others:
        draw_course(course, big=False)


def draw_figure(patient: Patient, as_of: date) -> None:
    address.take("scale", lambda said: SCALES[said == ["log"]])
    scale = st.segmented_control("ANC axis", SCALES, required=True, key="scale") or SCALES[0]
    address.put("scale", [] if scale == SCALES[0] else [scale])
    figure = patient_figure(patient, as_of, scale=scale, theme=shared.theme())
    st.html(NARROW)
    st.container(key="figure").plotly_chart(
        go.Figure(figure, _validate=False),
        theme=None,
        key=f"figure_{patient.about['patient_id']}",
        config=TOOLBAR,
        alt="ANC over time with its bands, the protocol's decisions, doses, platelets, WBC and events. "
        "The same numbers stand in the tables below.",
    )


# Why


def draw_why(patient: Patient) -> None:
    """Every condition of every clause of every episode, the latest episode first."""
    st.subheader("Why", anchor=False)
    for protocol, thresholds in patient.thresholds.groupby("protocol"):
        st.html(f"<div><strong>{safe(protocol)}</strong>: {safe(threshold_sentence(thresholds))}</div>")
    if patient.episodes.empty:
        st.caption("There is no episode, so no clause has been asked.")
    for place, episode in enumerate(
        patient.episodes.sort_values("onset_on", ascending=False).to_dict("records")
    ):
        with st.expander(episode_title(episode, patient.recommendations), expanded=place == 0):
            draw_clauses(
                of_episode(patient.checks, episode),
                patient.sources,
                is_open=shared.is_missing(episode["recovered_on"]),
            )


def threshold_sentence(thresholds: pd.DataFrame) -> str:
    """`hold: ANC below 500; resume: ANC at least 1,000.`"""
    rows = thresholds.to_dict("records")

    def said(role: str, joint: str) -> str:
        return joint.join(
            f"{COUNTS[row['analyte']]} {in_words(row[f'{role}_operator'])} {shared.number(row[role])}"
            for row in rows
        )

    unverified = [COUNTS[row["analyte"]] for row in rows if not row["verified"]]
    remark = f" Not verified: the thresholds of {' and '.join(unverified)}." if unverified else ""
    return f"hold: {said('hold', ' or ')}; resume: {said('resume', ' and ')}.{remark}"


def of_episode(rows: pd.DataFrame, episode: dict) -> pd.DataFrame:
    same = [rows[key].eq(episode[key]) for key in ("drug", "protocol", "episode")]
    return rows[same[0] & same[1] & same[2]]


def episode_title(episode: dict, recommendations: pd.DataFrame) -> str:
    decided = of_episode(recommendations, episode).dropna(subset=["decided_on"])
    last = decided.iloc[-1]
    said = f"{action_words()[last['action']]}, {shared.day(last['decided_on'])}, {last['certainty']}"
    over = (
        "open"
        if shared.is_missing(episode["recovered_on"])
        else f"over on {shared.day(episode['recovered_on'])}"
    )
    onset = shared.day(episode["onset_on"])
    return shared.plain(f"{episode['drug']}, episode {episode['episode']}, from {onset}, {over}: {said}")


def draw_clauses(checks: pd.DataFrame, sources: pd.DataFrame, *, is_open: bool) -> None:
    if is_open:
        st.caption("The episode is open: a clause decides when the counts are back.")
    elif not checks["chosen"].any():
        st.caption("No clause fits: the table does not say what to do.")
    st.html(table(clause_rows(checks), numbers=("Found", "Found at the shortest")))
    for clause in checks[checks["chosen"]].drop_duplicates("clause").to_dict("records"):
        st.html(clause_words(clause, sources))


def clause_rows(checks: pd.DataFrame) -> list[dict]:
    """A row a condition: what the clause asks, what was found, whether it holds; the same at the shortest."""
    words = action_words()
    return [
        {
            "Clause": f"{check['clause']} ▶ decides" if check["chosen"] else check["clause"],
            "Condition": "none"
            if shared.is_missing(check["fact"])
            else f"{check['fact']} {check['condition']}",
            "Found": check["found"],
            "Holds": holds_words(check["holds"]),
            "Found at the shortest": check["found_shortest"],
            "Holds at the shortest": holds_words(check["holds_shortest"]),
            "Then": words[check["action"]]
            + ("" if shared.is_missing(check["dose"]) else f", {check['dose']}"),
            "Text": "verified" if check["verified"] else "not verified",
        }
        for check in checks.to_dict("records")
    ]


def holds_words(holds: object) -> str:
    return "not known" if shared.is_missing(holds) else HOLDS[bool(holds)]


def clause_words(clause: dict, sources: pd.DataFrame) -> str:
    """What the clause that decides says of itself, with the source's own words where they are on record."""
    origin = "" if shared.is_missing(clause["source"]) else str(clause["source"])
    quoted = sources[sources["protocol"].eq(clause["protocol"]) & sources["quote"].notna()]
    same = quoted["url"].eq(origin) | quoted["title"].str.casefold().str.startswith(origin.casefold() or "\0")
    quotes = "".join(quote(words) for words in quoted[same]["quote"])
    verified = "" if clause["verified"] else " <strong>Not verified.</strong>"
    return (
        f"<div><strong>Clause {clause['clause']} decides.</strong> {safe(clause['clause_why'])}{verified} "
        f"{link(origin, origin)}{quotes}</div>"
    )


# Tables


def draw_episodes(patient: Patient) -> None:
    if patient.episodes.empty:
        return
    st.subheader("Episodes", anchor=False)
    rows = [episode_row(episode, patient.worklist) for episode in patient.episodes.to_dict("records")]
    numbers = [name for name in rows[0] if name.startswith(("Episode", "Lowest", "Days", "Dose"))]
    st.html(table(rows, tuple(numbers)))


def episode_row(episode: dict, worklist: pd.DataFrame) -> dict:
    unit = worklist.loc[worklist["drug"].eq(episode["drug"]), "dose_unit"].iloc[0]
    is_open = shared.is_missing(episode["recovered_on"])
    return {
        "Drug": episode["drug"],
        "Episode": episode["episode"],
        "Onset": shared.day(episode["onset_on"]),
        "Recovered": "open" if is_open else shared.day(episode["recovered_on"]),
        "Set off by": "ANC and platelets" if episode["trigger"] == "both" else COUNTS[episode["trigger"]],
        "Lowest ANC, cells/µL": nadir(episode, "anc"),
        "Lowest platelets, cells/µL": nadir(episode, "platelets"),
        "Days below hold": clock(episode, "days_below"),
        "Days to recovery": clock(episode, "days_to_recovery"),
        "Dose at onset": shared.number(episode["dose_at_onset_mg"], unit),
        "Cause": episode["cause"],
    }


def nadir(episode: dict, analyte: str) -> str:
    return shared.number(episode[f"{analyte}_nadir"], "", episode[f"{analyte}_nadir_comparator"])


def clock(episode: dict, name: str) -> str:
    """Days as observed; where the gaps between the counts leave it open, from the shortest possible on."""
    least, most = episode[f"{name}_shortest"], episode[name]
    is_exact = shared.is_missing(least) or least == most
    return shared.number(most) if is_exact else f"{shared.number(least)} to {shared.number(most)}"


def draw_numbers(patient: Patient, set_aside: pd.DataFrame) -> None:
    """The numbers of the figure as tables, for those who cannot use the figure."""
    st.subheader("The numbers", anchor=False)
    newest = patient.counts[patient.counts["analyte"].isin(NAMES)].iloc[::-1].reset_index(drop=True)
    with st.expander(f"Counts: {len(newest):,}, of which {int((~newest['used']).sum()):,} not used"):
        st.dataframe(
            count_table(newest), hide_index=True, placeholder=shared.NONE, alt="All counts, the newest first"
        )
    with st.expander(f"Doses: {shared.counted(len(patient.doses), 'row')}"):
        st.dataframe(dose_table(patient.doses), hide_index=True, placeholder=shared.NONE, alt="All doses")
    with st.expander(f"Events: {shared.counted(len(patient.events), 'row')}"):
        st.dataframe(event_table(patient.events), hide_index=True, placeholder=shared.NONE, alt="All events")
    if len(set_aside):
        with st.expander(f"Set aside: {shared.counted(len(set_aside), 'row')} of this patient, never used"):
            shown = set_aside[["kind", "source", "reason", "raw_record"]]
            shown.columns = ["Kind", "Source", "Reason", "Record"]
            st.dataframe(
                shown,
                hide_index=True,
                placeholder=shared.NONE,
                alt="Rows of this patient that were set aside",
            )


def count_table(counts: pd.DataFrame) -> Styler:
    table = pd.DataFrame(
        {
            "Collected": counts["collected_at"],
            "Count": counts["analyte"].map(NAMES),
            "cells/µL": counts["value"],
            "As reported": (counts["raw_value"].fillna("") + " " + counts["raw_unit"].fillna("")).str.strip(),
            f"{GRADE_VERSION} grade": counts["grade"],
            "Used": [use_in_words(count) for count in counts.to_dict("records")],
            "Derived": counts["derived"].map({True: "derived", False: "measured"}),
            "Status": counts["status"],
            "Reported": counts["reported_at"],
            "Source": counts["source"],
        }
    )
    style = table.style.format(shared.number, subset=["cells/µL", f"{GRADE_VERSION} grade"])
    for place in counts.index[counts["comparator"].fillna("").ne("")]:
        sign = counts.at[place, "comparator"]
        style.format(lambda value, sign=sign: shared.number(value, "", sign), subset=([place], "cells/µL"))
    return style


def dose_table(doses: pd.DataFrame) -> Styler:
    ends = doses["end_on"].map(shared.day).where(doses["end_on"].notna(), "ongoing")
    table = pd.DataFrame(
        {
            "From": doses["start_on"].map(shared.day),
            "To": ends,
            "Drug": doses["drug"],
            "Dose a day": doses["dose_mg"],
            "Unit": doses["dose_unit"],
            "Setting": doses["setting"],
            "Ended because": doses["end_reason"],
            "Source": doses["source"],
        }
    )
    return table.style.format(shared.number, subset=["Dose a day"])


def event_table(events: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "On": events["occurred_at"],
            "Event": events["kind"],
            "Words": events["value"],
            "Source": events["source"],
        }
    )


def draw_sources(sources: pd.DataFrame) -> None:
    """What the protocols rest on, in the sources' words; what could not be read is marked."""
    if sources.empty:
        return
    st.subheader("Sources", anchor=False)
    for protocol, cited in sources.groupby("protocol"):
        items = "".join(f"<li>{source_words(source)}</li>" for source in cited.to_dict("records"))
        st.html(f"<div><strong>{safe(protocol)}</strong><ul>{items}</ul></div>")


def source_words(source: dict) -> str:
    told = ", ".join(safe(source[part]) for part in ("section", "revised") if safe(source[part]))
    verified = "" if source["verified"] else " <strong>Not verified.</strong>"
    cited = ". ".join(part for part in (link(source["url"], source["title"]), told) if part)
    return f"{cited}.{verified}{quote(source['quote'])}"


def draw_patient(patient: Patient, as_of: date, set_aside: pd.DataFrame) -> None:
    draw_figure(patient, as_of)
    draw_why(patient)
    draw_episodes(patient)
    draw_numbers(patient, set_aside)
    draw_sources(patient.sources)


def main() -> None:
    store = shared.open_store()
    source = store.path, shared.sites()
    patient_id = st.query_params.get("patient", "").strip()
    if not patient_id:
        find_patient(source)
        return
    unreadable = st.query_params.get("as_of")
    top, side = st.columns([5, 1])
    with side:
        as_of = shared.day_picker(store)
        st.button("Another patient", on_click=show_patient, args=(None,))
    patient = read_patient(*source, as_of, patient_id)
    with top:
        if unreadable and not shared.is_day_until(unreadable, store.about.as_of):
            st.warning(
                f"“{shared.plain(unreadable)}” is not a day (YYYY-MM-DD) up to the last of the data. "
                f"This is {shared.day(as_of)}."
            )
        shared.replay_banner(store, as_of)
        if patient is None:
            st.error(f"There is no patient “{shared.plain(patient_id)}” here, or not one that you may see.")
            return
        st.html(identity(patient.about, as_of))
        draw_courses(patient.worklist)
    set_aside = read_set_aside(*source)
    if len(set_aside) >= MOST_ROWS:
        st.caption(f"Only the first {MOST_ROWS:,} rows that were set aside were searched for this patient.")
    draw_patient(patient, as_of, set_aside[set_aside["patient_id"].eq(patient_id)])


shared.only_within_dashboard()
main()
