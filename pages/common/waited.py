"""How long recommendations waited for an answer of the journal: together, by site and by clinician."""

import pandas as pd
import streamlit as st

from leuko.figures.findings import percent
from leuko.journal_databases import JournalError
from pages.common import shared, sign_in
from pages.common.decided import UNREAD
from pages.common.markup import table
from pages.common.measure import Asked
from pages.common.opened import journal

HOURS_OF_A_DAY = 24
IN_HOURS = 48  # below this many hours a time is told in hours
GROUPS = {"site": "Site", "clinician": "Clinician"}
NUMBERS = ("Asked for something", "Answered", "Median", "90th percentile", "Open", "Changed first", "Cannot tell")


def draw_waited(asked: Asked) -> None:
    """A sentence, then a row a site and a row a clinician; of the day of the file, since the journal has no other."""
    st.markdown("##### How long recommendations waited for an answer")
    if asked.as_of != shared.store_at(asked.path).about.as_of:
        st.caption("Only for the day of the data file.")
        return
    try:
        answers = journal().answers()
    except JournalError as failed:
        st.caption(UNREAD.format(shared.plain(sign_in.told(failed))))
        return
    found = asked.view.waited(answers, asked.scope)
    if not found["recommendations"].any():
        st.caption("No recommendation asked for anything here.")
        return
    st.markdown(shared.unbroken(sentence(found[found["by"].eq("all")].iloc[0].to_dict(), asked.minimum)))
    st.caption(
        "From the load that first showed a recommendation to its first answer in the journal: acknowledged, done or "
        "not followed. A snooze, a handover and a comment are no answer; what is open or changed has no time. Site and "
        "clinician are the patient's."
    )
    for by, word in GROUPS.items():
        rows = found[found["by"].eq(by)].to_dict("records")
        with st.expander(f"By {by}: {shared.counted(len(rows), by)}", expanded=by == "site", key=f"waited_{by}"):
            st.html(table([as_row(row, word, asked.minimum) for row in rows], NUMBERS))


def sentence(row: dict, minimum: int) -> str:
    """`Of 40 recommendations that asked for something, 12 were answered (30 %): half of them within 5 hours …`."""
    asked, answered = row["recommendations"], row["answered"]
    rate = f" ({percent(answered / asked)})" if asked >= minimum else ""
    verb = "was" if answered == 1 else "were"
    first = f"Of {shared.counted(asked, 'recommendation')} that asked for something, {answered:,} {verb} answered{rate}"
    if answered >= minimum:
        half, most = (in_words(row[name]) for name in ("median_hours", "p90_hours"))
        first += f", half of them within {half} and nine in ten within {most}"
    elif answered:
        first += ", too few to say how fast"
    since = f", the oldest since {shared.day(row['open_since'])}" if not shared.is_missing(row["open_since"]) else ""
    told = f"; {row['cannot_tell']:,} more cannot be told" if row["cannot_tell"] else ""
    still = "is" if row["open"] == 1 else "are"
    return (
        f"{first}; **{row['open']:,} {still} open**{since}; {row['changed']:,} changed with new data before an answer"
        f"{told}."
    )


def as_row(row: dict, word: str, minimum: int) -> dict:
    """Counts first. The time of too few answers is not written: nobody is to be judged by it."""
    few = "too few to judge" if row["answered"] else None
    is_enough = row["answered"] >= minimum
    return {
        word: row["group"],
        "Asked for something": f"{row['recommendations']:,}",
        "Answered": f"{row['answered']:,}",
        "Median": in_words(row["median_hours"]) if is_enough else few,
        "90th percentile": in_words(row["p90_hours"]) if is_enough else few,
        "Open": f"{row['open']:,}",
        "Oldest open since": None if pd.isna(row["open_since"]) else shared.day(row["open_since"]),
        "Changed first": f"{row['changed']:,}",
        "Cannot tell": f"{row['cannot_tell']:,}",
    }


def in_words(hours: float) -> str:
    """`under 1 hour`, `30 hours`, `5 days`."""
    if hours < 1:
        return "under 1 hour"
    hours = int(hours)
    return shared.counted(hours, "hour") if hours < IN_HOURS else shared.counted(hours // HOURS_OF_A_DAY, "day")
