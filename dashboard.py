"""leuko's dashboard: which patients need a hold or a dose reduction, and why.

Started by `streamlit run dashboard.py`; the database is named by LEUKO_DB. The only place that reads the clock.
"""

from datetime import date
from pathlib import Path

import streamlit as st

from pages import shared

ICON = Path(__file__).parent / ".streamlit" / "icon.png"  # a local file: a named icon is fetched from elsewhere

PAGES = [
    st.Page("pages/panel.py", title="Panel", url_path="panel", default=True, help="Who needs what, most urgent first."),
    st.Page("pages/patient.py", title="Patient", url_path="patient", help="One patient: counts, doses and why."),
]


def data_age(as_of: date) -> str:
    """`Data up to 31 March 2026 (3 days old)`; published sets may be dated in the future."""
    days = (date.today() - as_of).days  # noqa: DTZ011  counts are dated by the local calendar
    age = f"{shared.counted(days, 'day')} old" if days >= 0 else "dated in the future"
    return f"Data up to {shared.day(as_of)} ({age})"


def header() -> None:
    """What data these are, how old they are, and what the dashboard is not."""
    about = shared.open_store().about
    parts = [f"**Simulated data.** {about.note}"] if about.simulated else [f"**{about.title}**"]
    parts += [f"{data_age(about.as_of)}.", "Supports clinical judgement and never replaces it."]
    st.caption("  ·  ".join(parts))


def main() -> None:
    st.set_page_config(page_title="leuko", page_icon=str(ICON), layout="wide")
    page = st.navigation(PAGES, position="top")
    if not Path(shared.database_path()).is_file():
        st.error(
            f"There is no database at `{shared.database_path()}`. "
            "`python -m leuko load --from data --db data/leuko.duckdb` makes the demonstration's; "
            "LEUKO_DB names another."
        )
        return
    header()
    page.run()


main()
