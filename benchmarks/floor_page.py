"""What any Streamlit page costs that shows a table of the panel's size: ready-made rows, one button, nothing asked."""

import pandas as pd
import streamlit as st

ROWS = 50
TABLE = pd.DataFrame(
    {
        "Status": ["🛑 Hold"] * ROWS,
        "Patient": [f"Name of a patient, P{number:07}" for number in range(ROWS)],
        "What to do": ["Hold dasatinib until ANC is at least 1,000: ANC was 430 on 31 March 2026, below 500."] * ROWS,
        "Since": ["2026-03-31"] * ROWS,
        "Days": [3.0] * ROWS,
        "Drug": ["dasatinib"] * ROWS,
        "Dose now": [100.0] * ROWS,
        "Last ANC": [430.0] * ROWS,
        "Drawn on": ["2026-03-31"] * ROWS,
        "Last 12 ANC": [[float(count) for count in range(12)]] * ROWS,
        "Certainty": ["firm"] * ROWS,
        "Site, clinician": ["North, Dr. Example"] * ROWS,
    }
)


def main() -> None:
    st.set_page_config(layout="wide")
    page = st.session_state.setdefault("page", 1)
    with st.container(horizontal=True):
        st.caption(f"Showing page {page}")
        st.button("Next", on_click=st.session_state.update, args=({"page": page + 1},))
    st.dataframe(
        TABLE,
        column_config={"Last 12 ANC": st.column_config.LineChartColumn("Trend")},
        hide_index=True,
        row_height=66,
        height=640,
    )


main()
