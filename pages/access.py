"""The access log: who opened which page, patient or file, when, and from which address.

What its reader can say after three seconds: "1,204 lines, each follows the one before it; nobody altered the log."
"""

import io
from datetime import date
from functools import partial

import pandas as pd
import streamlit as st

from leuko import access_log
from leuko.access_log import MOST_LINES, LogError
from leuko.workbook import write_csv
from pages.common import shared, sign_in
from pages.common.opened import draw_file, opened

WIDTHS = {"Patient": 110, "What of it": 240}  # pixels: empty in most lines, so no width comes of itself
NAMES = {
    "at": "When (UTC)",
    "who": "Who",
    "opened": "Opened",
    "patient": "Patient",
    "what": "What of it",
    "roles": "Roles",
    "address": "From",
    "sub": "Account",
    "iss": "Of the provider",
}


def draw_verdict(verdict: access_log.Verdict) -> None:
    """Whether the log is as it was written; what is damaged is counted and never hidden."""
    if verdict.is_whole:
        st.subheader(f"Access log: {verdict.words}", anchor=False)
    else:
        st.subheader("The access log is not as it was written.", anchor=False)
        st.error(verdict.words)
    st.caption("Each line has the hash of the one before. Lines cut off at the end leave no trace: keep copies.")


def draw_filters() -> tuple[str, str, date | None]:
    who, patient, day = st.columns(3)
    return (
        who.text_input("Who", key="log_who").strip(),
        patient.text_input("Patient id", key="log_patient").strip(),
        day.date_input("Day (UTC)", value=None, format="YYYY-MM-DD", key="log_day"),
    )


def draw_lines(rows: pd.DataFrame) -> None:
    st.caption(
        f"The last {MOST_LINES:,} that fit, the newest first; `python -m leuko access` writes all of them."
        if len(rows) == MOST_LINES
        else f"{shared.counted(len(rows), 'line')}, the newest first."
    )
    shown = rows.assign(at=rows["at"].str.slice(stop=19).str.replace("T", " "))[list(NAMES)].rename(columns=NAMES)
    st.dataframe(
        shown,
        hide_index=True,
        placeholder=shared.NONE,
        column_config={name: st.column_config.TextColumn(width=width) for name, width in WIDTHS.items()},
        alt="The access log, the newest line first",
    )
    draw_file("These lines (CSV)", partial(csv_file, rows), "access_log.csv", "text/csv", key="download_log")


def csv_file(rows: pd.DataFrame) -> bytes:
    file = io.StringIO(newline="")
    write_csv(file, rows)
    return file.getvalue().encode()


def main() -> None:
    opened("access")
    file = sign_in.log_file()
    try:
        draw_verdict(access_log.verify(file))
        draw_lines(access_log.read(file, *draw_filters()))
    except LogError as failed:
        st.error(f"{failed}.")


shared.only_within_dashboard()
main()
