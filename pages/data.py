"""The data: what the load read, what it set aside and why, what the checks found, and a file tried before it is loaded.

What its reader can say after three seconds: "Loaded on 22 November 2026 at 18:31 UTC: 67,676 of 67,884 rows used, 208
set aside; 3 of 13 checks failed."
"""

import pandas as pd
import streamlit as st

from leuko.access import Sight
from leuko.store import MOST_ROWS, Data, Store
from pages.common import address, clicks, shared, sign_in
from pages.common.loads import draw_loads
from pages.common.markup import safe, table
from pages.common.opened import opened
from pages.common.tried import draw_trying

# The four results of a check: the icon, the word, the tone. What failed takes those of its severity: red is danger.
RESULTS = {
    "error": ("?", "could not run", "unknown"),
    "failed": ("", "failed", ""),
    "passed": ("✓", "passed", "calm"),
    "not applicable": ("–", "not applicable", "wait"),
}
SEVERITIES = {"dangerous": ("■", "danger"), "doubtful": ("◆", "act"), "note": ("◐", "wait")}
THERE = "There already"  # a column only where a load brought rows that were there
ROWS = ("rows_read", "loaded", "set_aside", "already_there")
LONG = 95  # characters that fit into the column of what was found
LOW, HIGH = 36, 66  # pixels of a row: Streamlit wraps text only in rows of more than 64
TABLE_HEIGHT = 420
STYLE = """<style>
.check { display: grid; grid-template-columns: 9.5rem 1fr 12rem; gap: 0 1rem; }
.check > :last-child { text-align: right; font-variant-numeric: tabular-nums; }
[class*=st-key-check_] { border-bottom: 1px solid #8884; padding-bottom: 0.4rem; flex-wrap: nowrap; }
[class*=st-key-check_] > :first-child { flex: 1 1 0; min-width: 0; }
[class*=st-key-check_] > .stElementContainer:last-child { flex: 0 0 6rem; }
[class*=st-key-check_] button { min-height: 1.9rem; padding: 0 0.6rem; width: 100%; }
@media (max-width: 900px) { .check { grid-template-columns: 7rem 1fr 10rem; } }
@media (max-width: 640px) {
  [class*=st-key-check_] { flex-wrap: wrap; }
  [class*=st-key-check_] > :first-child { flex: 1 0 100%; }
  .check { grid-template-columns: 1fr auto; } .check > :nth-child(2) { grid-column: 1 / -1; grid-row: 2; }
}
</style>"""


@st.cache_data(show_spinner="Reading what was loaded", max_entries=20)
def read_data(path: str, sight: Sight) -> Data:
    """What the load read and the checks found: of the whole file, so the same on every day."""
    return shared.store_at(path).view(sight).data()


@st.cache_data(show_spinner="Reading the rows", max_entries=100)
def read_failing(path: str, sight: Sight, check: str) -> pd.DataFrame:
    return shared.store_at(path).view(sight).failing(check)


@st.cache_data(show_spinner="Reading the rows", max_entries=100)
def read_set_aside(path: str, sight: Sight, reason: str) -> pd.DataFrame:
    return shared.store_at(path).view(sight).set_aside(reason)


# The first sentence


def first_sentence(store: Store, found: Data) -> str:
    rows, loaded, set_aside, there = (int(found.files[name].sum()) for name in ROWS)
    again = f", {there:,} there already" if there else ""
    return (
        f"Loaded on {shared.moment(store.loaded_at)}: {loaded:,} of {shared.counted(rows, 'row')} used, "
        f"{set_aside:,} set aside{again}; {checks_in_words(found.checks)}."
    )


def checks_in_words(checks: pd.DataFrame) -> str:
    """`3 of 13 checks failed`, with those that are dangerous and those that could not run."""
    failed = checks["result"].eq("failed")
    dangerous = int((failed & checks["severity"].eq("dangerous")).sum())
    broken = int(checks["result"].eq("error").sum())
    words = f"{int(failed.sum()) or 'none'} of {len(checks)} checks failed"
    words += f", {dangerous} of them dangerous" if dangerous else ""
    return words + (f"; {broken} could not run" if broken else "")


# What was read


def draw_files(found: Data) -> None:
    """Every file with its rows read, loaded and set aside; that they add up is shown, and said where they do not."""
    st.markdown("##### What was read")
    total = {name: int(found.files[name].sum()) for name in ROWS}
    rows = [file_row(file, why(found.reasons, file)) for file in found.files.to_dict("records")]
    if len(rows) > 1:
        rows.append(file_row({"file": "All files", "kind": "", **total}, ""))
    if not total["already_there"]:
        rows = [{name: cell for name, cell in row.items() if name != THERE} for row in rows]
    st.html(table(rows, numbers=("Rows read", "Loaded", "Set aside", THERE)))
    accounted = found.files["loaded"] + found.files["set_aside"] + found.files["already_there"]
    apart = found.files[accounted != found.files["rows_read"]]
    if len(apart):
        names = shared.plain(", ".join(apart["file"]))
        st.warning(f"In {names} the rows loaded and set aside are not the rows read. That is a defect of the reader.")
    else:
        st.caption(
            f"{total['loaded']:,} loaded + {total['set_aside']:,} set aside"
            + (f" + {total['already_there']:,} there already" if total["already_there"] else "")
            + f" = {total['rows_read']:,} read, and so in every file."
        )
    for note in found.notes.to_dict("records"):
        st.caption(f"{shared.plain(note['file'])}: {shared.plain(note['note'])}")


def file_row(file: dict, reasons: str) -> dict:
    return {
        "File": file["file"],
        "Rows read": f"{file['rows_read']:,}",
        "Loaded": f"{file['loaded']:,}",
        "Set aside": f"{file['set_aside']:,}",
        THERE: f"{file['already_there']:,}",
        "Why": reasons,
        "Holds": file["kind"],
    }


def why(reasons: pd.DataFrame, file: dict) -> str:
    """`not a number 181, negative 2`: the reasons of one file, the most frequent first."""
    own = reasons[reasons["file"].eq(file["file"])]
    words = shared.listed(own)
    partly = int(own["rows"].sum()) - file["set_aside"]
    return words + (f"; of these {partly:,} loaded in part" if partly > 0 else "")


def draw_set_aside(path: str, sight: Sight, found: Data) -> None:
    """The numbers in words, and the rows behind a reason, as they came."""
    if len(found.reasons):
        st.caption(f"{shared.set_aside_sentence(found)}.")
    if len(found.unmatched):
        st.caption(f"{shared.unmatched_sentence(found)}.")
    counted = pd.concat([found.reasons, found.unmatched]).groupby("reason", sort=False)["rows"].sum()
    if counted.empty:
        return
    address.take("reason", lambda said: next((reason for reason in said if reason in counted.index), None))
    reason = st.selectbox(
        "Rows that were set aside or fit no protocol",
        list(counted.index),
        index=None,
        format_func=lambda name: f"{name} ({counted[name]:,})",
        placeholder="Choose a reason to see its rows",
        key="reason",
    )
    address.put("reason", [reason] if reason else [])
    if reason:
        rows = read_set_aside(path, sight, reason)
        if len(rows) < counted[reason]:
            st.caption(f"{len(rows):,} of {counted[reason]:,}: those that you may see, at most {MOST_ROWS:,}.")
        shared.draw_rejected(rows)


# The checks


def draw_checks(path: str, sight: Sight, checks: pd.DataFrame) -> None:
    """Every check in a line: its result in a word, what it means for care, its numbers; its rows on a click."""
    st.markdown("##### Checks")
    st.html(STYLE)
    address.take("check", lambda said: next((name for name in said if name in set(checks["check"])), None))
    for check in in_order(checks):
        chosen = st.session_state["check"] == check["check"]
        with st.container(horizontal=True, key=f"check_{check['check']}", vertical_alignment="center", gap="small"):
            st.html(check_words(check))
            if check["failing"]:
                label, other = ("Close", None) if chosen else ("Show", check["check"])
                st.button(label, key=f"open_{check['check']}", on_click=choose, args=(other,))
            else:
                st.space("small")
        if chosen and check["failing"]:
            draw_failing(check, read_failing(path, sight, check["check"]))
    address.put("check", [st.session_state["check"]] if st.session_state["check"] else [])


def choose(check: str | None) -> None:
    st.session_state["check"] = check


def in_order(checks: pd.DataFrame) -> list[dict]:
    """What could not run and what failed first; within that, as the table of the checks has them."""
    rank = {result: place for place, result in enumerate(RESULTS)}
    return sorted(checks.to_dict("records"), key=lambda check: rank[check["result"]])


def check_words(check: dict) -> str:
    icon, word, tone = RESULTS[check["result"]]
    if check["result"] == "failed":
        icon, tone = SEVERITIES[check["severity"]]
    colour = shared.tone_colour(tone, shared.theme())
    small = "font-size:0.85rem;opacity:0.85"
    return (
        f'<div class="check"><div style="color:{colour};font-weight:600">{safe(icon)} {safe(word)}</div>'
        f'<div><div style="font-weight:600">{safe(check["title"])}</div>'
        f'<div style="{small}">{safe(check["means"])}</div>{detail(check, small)}</div>'
        f"<div>{safe(numbers_of(check))}</div></div>"
    )


def detail(check: dict, look: str) -> str:
    """The threshold with its source, and what DuckDB said of a check that could not run."""
    lines = []
    if not shared.is_missing(check["threshold"]):
        bound = f"{shared.number(check['threshold'])} {check['unit']}"
        lines.append(f"From {bound}: {check['source']}.")
    if not shared.is_missing(check["error"]):
        lines.append(check["error"])
    return "".join(f'<div style="{look}">{safe(line)}</div>' for line in lines)


def numbers_of(check: dict) -> str:
    """`15 of 4,931 results`; `none looked at` where there is nothing."""
    if check["result"] in ("error", "not applicable"):
        return "none looked at"
    return f"{check['failing']:,} of {shared.counted(check['looked_at'], check['counted'])}"


def draw_failing(check: dict, rows: pd.DataFrame) -> None:
    """The rows that failed; a click on one opens its patient, with the day marked."""
    shown = pd.DataFrame(
        {
            "Patient": shared.who(rows),
            "Day": rows["day"].map(shared.day),
            "Found": rows["words"],
            "Source": rows["source"],
        }
    )
    text = st.column_config.TextColumn
    height = HIGH if shown["Found"].str.len().max() > LONG else LOW
    event = clicks.place("failing").dataframe(
        shown,
        hide_index=True,
        placeholder=shared.NONE,
        row_height=height,
        height=min(TABLE_HEIGHT, height * len(shown) + 40),
        column_config={"Patient": text(width=190), "Day": text(width=140), "Found": text(width=600)},
        on_select="rerun",
        selection_mode=clicks.ANYWHERE,
        key=f"failing_{check['check']}",
        alt=f"{check['title']}: the rows that failed",
    )
    first = f"The first {len(rows):,} of {check['failing']:,}. " if len(rows) < check["failing"] else ""
    may_open = sign_in.may_open("patient")
    st.caption(f"{first}A click on a row opens the patient, with the day marked." if may_open else first)
    place = clicks.clicked(event)
    if place is not None and may_open:
        row = rows.iloc[place]
        if not shared.is_missing(row["patient_id"]):
            mark = None if shared.is_missing(row["day"]) else (row["day"].date(), check["title"])
            shared.open_patient(row["patient_id"], mark)


def unknown_in_address(found: Data) -> list[str]:
    known = {
        "check": ("Check", set(found.checks["check"])),
        "reason": ("Reason", {*found.reasons["reason"], *found.unmatched["reason"]}),
    }
    return [
        f"{label} “{said}”"
        for name, (label, values) in known.items()
        for said in address.whole().get(name, [])
        if said not in values
    ]


def main() -> None:
    store = shared.open_store()
    source = store.path, opened("data")
    found = read_data(*source)
    st.subheader(first_sentence(store, found), anchor=False)
    st.caption(
        f"The whole file as it was loaded, whatever day the other pages show; checked as of "
        f"{shared.day(store.about.as_of)}. A check changes nothing: what it finds is read as before."
    )
    unknown = unknown_in_address(found)
    if unknown:
        st.caption(f"Not known here and ignored: {shared.plain(', '.join(unknown))}")
    draw_files(found)
    draw_set_aside(*source, found)
    draw_checks(*source, found.checks)
    draw_loads(*source)
    draw_trying(*source)


shared.only_within_dashboard()
main()
