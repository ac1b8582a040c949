"""A file tried before it is loaded: what would be used, set aside and why, and whose it is. Nothing is written."""

import shlex

import pandas as pd
import streamlit as st

from leuko.access import Sight
from leuko.dry_run import DryRun, dry_run
from leuko.sources import SourceError
from leuko.store import MOST_ROWS
from pages.common import shared
from pages.common.markup import table

KINDS = ("labs", "exposures", "patients", "events")
NEEDED = ("labs", "exposures")  # by every load
MEGABYTES = 5  # some 70,000 results, read in a second; what is larger belongs to the command line
READING = "Reading the file as a load would"


def draw_trying(path: str, sight: Sight) -> None:
    st.markdown("##### Try a file before it is loaded")
    st.caption("It is read as a load would read it, alone, from a file that is gone at once. The data are not touched.")
    kind = st.segmented_control("What it holds", KINDS, default=KINDS[0], required=True, key="try_kind")
    file = st.file_uploader(f"A CSV file of at most {MEGABYTES} MB", max_upload_size=MEGABYTES, key="try_file")
    if file is None or kind is None:
        return
    tried = read_tried(kind, file)
    if isinstance(tried, str):
        st.error(shared.plain(tried))
    else:
        draw_tried(path, sight, kind, file.name, tried)


def read_tried(kind: str, file: st.runtime.uploaded_file_manager.UploadedFile) -> DryRun | str:
    """What a load would do with the file, or in one line why all of it would be refused; read once a session."""
    key = kind, file.file_id
    if st.session_state.get("tried", ("", ""))[0] != key:
        st.session_state["tried"] = key, try_file(kind, file)
    return st.session_state["tried"][1]


def try_file(kind: str, file: st.runtime.uploaded_file_manager.UploadedFile) -> DryRun | str:
    # The browser keeps to the size, the endpoint behind it does not; a wrong type would be a traceback of Streamlit's.
    if not file.name.lower().endswith(".csv"):
        return f"{file.name} is no CSV file: its name does not end in .csv."
    if file.size > MEGABYTES * 1_000_000:
        return f"{file.name} has more than {MEGABYTES} MB: load it with the command line, which shows its progress."
    bar = st.progress(0.0, text=READING)
    try:
        return dry_run(kind, file.getvalue(), on_step=lambda share: bar.progress(share, text=READING))
    except SourceError as refused:
        return f"{file.name} cannot be loaded as {kind}. {refused}"
    finally:
        bar.empty()


def draw_tried(path: str, sight: Sight, kind: str, name: str, tried: DryRun) -> None:
    patients = tried.patients["patient_id"].tolist()
    known = shared.store_at(path).view(sight).known(patients)
    st.markdown(f"**{shared.plain(sentence(name, kind, tried, len(patients) - len(known)))}**")
    if len(tried.rejected):
        counted = tried.rejected.groupby("reason")["source"].count().sort_values(ascending=False)
        rows = [{"Set aside because": reason, "Rows": f"{count:,}"} for reason, count in counted.items()]
        st.html(table(rows, numbers=("Rows",)))
        shared.draw_rejected(tried.rejected.head(MOST_ROWS))
    if patients:
        draw_patients(tried.patients, known)
    st.caption(
        "A load builds the database anew from all its files, so the others are named too. Doses that name no unit are "
        "read as mg."
    )
    st.code(command(kind, name), language="bash", wrap_lines=True)


def sentence(name: str, kind: str, tried: DryRun, new: int) -> str:
    """`may.csv as labs: 3 of 5 rows would be used, 2 set aside; 2 patients, 1 of them new.`"""
    patients = shared.counted(len(tried.patients), "patient")
    return (
        f"{name} as {kind}: {tried.loaded:,} of {shared.counted(tried.rows_read, 'row')} would be used, "
        f"{tried.set_aside:,} set aside; {patients}, {new:,} of them new. Nothing was written."
    )


def draw_patients(patients: pd.DataFrame, known: set[str]) -> None:
    """The new ones first: a slip in an id makes a second patient."""
    shown = pd.DataFrame(
        {
            "Patient": patients["patient_id"],
            "Here": patients["patient_id"].isin(known).map({True: "known", False: "new"}),
            "Rows": patients["rows"],
        }
    ).sort_values(["Here", "Patient"], ascending=[False, True])
    st.dataframe(
        shown.head(MOST_ROWS), hide_index=True, width=460, alt="The patients of the file, the new ones first"
    )


def command(kind: str, name: str) -> str:
    """The load with this file and a placeholder for what else it needs."""
    files = {each: f"{each.upper()}.csv" for each in NEEDED} | {kind: shlex.quote(name)}
    named = " ".join(f"--{each} {files[each]}" for each in KINDS if each in files)
    return f"python -m leuko load {named} --db DATABASE.duckdb"
