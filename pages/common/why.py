"""Why the protocol says what it says: thresholds, every condition of every clause, episodes, sources."""

from urllib.parse import urlsplit

import pandas as pd
import streamlit as st

from leuko import notes
from leuko.count_units import CountUnit
from leuko.courses import COUNTS, action_words, clock, nadir
from leuko.protocols.words import in_words
from leuko.store import Patient
from pages.common import shared
from pages.common.markup import link, quote, safe, table

HOLDS = {True: "yes", False: "no"}
NOT_VERIFIED = " <strong>Not verified.</strong>"


def draw_why(patient: Patient) -> None:
    """Every condition of every clause of every episode, the latest episode first."""
    st.subheader("Why", anchor=False)
    for protocol, thresholds in patient.thresholds.groupby("protocol"):
        st.html(threshold_words(protocol, thresholds, patient.unit))
        draw_at_draws(patient.at_draws[patient.at_draws["protocol"].eq(protocol)])
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


def draw_at_draws(at_draws: pd.DataFrame) -> None:
    """What a protocol decides while the counts are there, row by row, and when it did for this patient."""
    if at_draws.empty:
        return
    words = action_words()
    rows = [
        {
            "Decision at a draw": row["line"],
            "When": row["asked"],
            "Then": words[row["action"]] + ("" if shared.is_missing(row["dose"]) else f", {row['dose']}"),
            "Decided on": shared.NONE if shared.is_missing(row["decided_on"]) else row["decided_on"],
            "The table's words": row["why"],
            "Text": text_words(row),
            "Source": origin(row["source"]),
        }
        for row in at_draws.to_dict("records")
    ]
    st.html(table(rows, numbers=("Decision at a draw",), ready=("Source",)))


def threshold_words(protocol: str, thresholds: pd.DataFrame, unit: CountUnit) -> str:
    """A protocol's thresholds in a sentence, then where each comes from, in the protocol's own words."""
    origins = "".join(
        f"<li>Thresholds of {COUNTS[row['analyte']]}: {origin(row['source'])}"
        f"{'' if row['verified'] else NOT_VERIFIED}</li>"
        for row in thresholds.to_dict("records")
    )
    sentence = safe(threshold_sentence(thresholds, unit))
    return f"<div><strong>{safe(protocol)}</strong>: {sentence}<ul>{origins}</ul></div>"


def threshold_sentence(thresholds: pd.DataFrame, unit: CountUnit) -> str:
    """`hold: ANC below 500; resume: ANC at least 1,000.`"""
    rows = thresholds.to_dict("records")

    def said(role: str, joint: str) -> str:
        return joint.join(
            f"{COUNTS[row['analyte']]} {in_words(row[f'{role}_operator'])} {unit.sentence(row[role])}"
            for row in rows
        )

    return f"hold: {said('hold', ' or ')}; resume: {said('resume', ' and ')}."


def origin(source: object) -> str:
    """Where a threshold or a clause comes from: a link named by its site, or the protocol's words."""
    if shared.is_missing(source):
        return "no source named"
    return link(source, urlsplit(source).hostname or source)


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
    st.html(table(clause_rows(checks), numbers=("Found", "Found at the shortest"), ready=("Source",)))
    for clause in checks[checks["chosen"]].drop_duplicates("clause").to_dict("records"):
        st.html(clause_words(clause, sources))


def clause_rows(checks: pd.DataFrame) -> list[dict]:
    """A row a condition: what the clause asks, what was found, whether it holds; the same at the shortest."""
    words = action_words()
    return [
        {
            "Clause": f"{check['clause']} ▶ decides" if check["chosen"] else check["clause"],
            "Condition": "otherwise"
            if shared.is_missing(check["fact"])
            else f"{check['fact']} {check['condition']}",
            "Found": check["found"],
            "Holds": holds_words(check["holds"]),
            "Found at the shortest": check["found_shortest"],
            "Holds at the shortest": holds_words(check["holds_shortest"]),
            "Then": words[check["action"]]
            + ("" if shared.is_missing(check["dose"]) else f", {check['dose']}"),
            "Text": text_words(check),
            "Source": origin(check["source"]),
        }
        for check in checks.to_dict("records")
    ]


def text_words(check: dict) -> str:
    """Whether the text behind a clause was read; a clause that says the text is silent has none."""
    if not check["verified"]:
        return "not verified"
    return shared.NONE if shared.is_missing(check["source"]) else "verified"


def holds_words(holds: object) -> str:
    return "not known" if shared.is_missing(holds) else HOLDS[bool(holds)]


def clause_words(clause: dict, sources: pd.DataFrame) -> str:
    """What the clause that decides says of itself, and what its source is quoted with, section by section.

    A protocol names a source by its address or title, and one source may be quoted for several clauses: each quote
    stands under its own section, and none is passed off as the words of this clause.
    """
    verified = "" if clause["verified"] else NOT_VERIFIED
    quoted = "".join(f"<li>{source_words(source)}</li>" for source in quoted_from(clause, sources))
    heading = "<div>What this protocol quotes from that source:</div>" if quoted else ""
    return (
        f"<div><strong>Clause {clause['clause']} decides.</strong> {safe(clause['clause_why'])}{verified} "
        f"Source: {origin(clause['source'])}.{heading}<ul>{quoted}</ul></div>"
    )


def quoted_from(clause: dict, sources: pd.DataFrame) -> list[dict]:
    """The quotes on record from the source that a clause names, by its address or the start of its title."""
    if shared.is_missing(clause["source"]):
        return []
    quoted = sources[sources["protocol"].eq(clause["protocol"]) & sources["quote"].notna()]
    named = quoted["title"].str.casefold().str.startswith(clause["source"].casefold())
    return quoted[quoted["url"].eq(clause["source"]) | named].to_dict("records")


def draw_episodes(patient: Patient) -> None:
    """One row an episode, with its clocks, what was lowest and the last growth factor dose before the recovery."""
    if patient.episodes.empty:
        return
    st.subheader("Episodes", anchor=False)
    episodes = patient.episodes.to_dict("records")
    rows = [episode_row(episode, patient.worklist, patient.growth_factors, patient.unit) for episode in episodes]
    numbers = [name for name in rows[0] if name.startswith(("Episode", "Lowest", "Days", "Dose", "G-CSF"))]
    st.html(table(rows, tuple(numbers)))
    if any(has_growth_factor(episode, patient.growth_factors) for episode in episodes):
        (note,) = notes.about("after_recovery")
        st.html(f"<div>{safe(note['note'])} Source: {safe(note['source'])}.</div>")


def has_growth_factor(episode: dict, growth_factors: pd.DataFrame) -> bool:
    """Whether a growth factor dose lies between onset and recovery, both days included."""
    if shared.is_missing(episode["recovered_on"]):
        return False
    dose_on = notes.last_dose(growth_factors, episode["recovered_on"])
    return dose_on is not None and dose_on >= episode["onset_on"]


def growth_factor_words(episode: dict, growth_factors: pd.DataFrame) -> str:
    """`3 days before`, `on the day`: how long before the recovery the last growth factor dose was."""
    if shared.is_missing(episode["recovered_on"]):
        return shared.NONE
    dose_on = notes.last_dose(growth_factors, episode["recovered_on"])
    if dose_on is None:
        return "none recorded"
    apart = (episode["recovered_on"] - dose_on).days
    return f"{shared.counted(apart, 'day')} before" if apart else "on the day"


def episode_row(episode: dict, worklist: pd.DataFrame, growth_factors: pd.DataFrame, unit: CountUnit) -> dict:
    dose_unit = worklist.loc[worklist["drug"].eq(episode["drug"]), "dose_unit"].iloc[0]
    is_open = shared.is_missing(episode["recovered_on"])
    return {
        "Drug": episode["drug"],
        "Episode": episode["episode"],
        "Onset": shared.day(episode["onset_on"]),
        "Recovered": "open" if is_open else shared.day(episode["recovered_on"]),
        "Set off by": COUNTS[episode["trigger"]],
        f"Lowest ANC, {unit.words}": nadir(episode, "anc", unit),
        f"Lowest platelets, {unit.words}": nadir(episode, "platelets", unit),
        "Days below hold": clock(episode, "days_below"),
        "Days to recovery": clock(episode, "days_to_recovery"),
        "G-CSF before recovery": growth_factor_words(episode, growth_factors),
        "Dose at onset": shared.number(episode["dose_at_onset_mg"], dose_unit),
        "Cause": episode["cause"],
    }


def draw_sources(sources: pd.DataFrame) -> None:
    """What the protocols rest on, in the sources' words; what could not be read is marked."""
    if sources.empty:
        return
    st.subheader("Sources", anchor=False)
    for protocol, cited in sources.groupby("protocol"):
        items = "".join(f"<li>{source_words(source)}</li>" for source in cited.to_dict("records"))
        st.html(f"<div><strong>{safe(protocol)}</strong><ul>{items}</ul></div>")


def source_words(source: dict) -> str:
    """A source with its title, section and what is quoted from it."""
    told = ", ".join(safe(source[part]) for part in ("section", "revised") if safe(source[part]))
    verified = "" if source["verified"] else NOT_VERIFIED
    cited = ". ".join(part for part in (link(source["url"], source["title"]), told) if part)
    return f"{cited}.{verified}{quote(source['quote'])}"
