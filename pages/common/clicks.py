"""A click on a row of a grid, and what is none: the Tab key on its way past it.

Streamlit chooses the first cell of a grid that the keyboard reaches while nothing in it is chosen, which would open a
patient whom nobody asked for. So a row must always be chosen, the first from the start, and that is no click.
"""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.elements.arrow import DataframeState

ANYWHERE = ("single-row-required", "single-cell")  # what a grid lets choose, so that a click anywhere in a row counts
# The tick beside the chosen row is covered: it would read as done.
STYLE = """
[class*=st-key-clicks_] .stDataFrameGlideDataEditor::after {
    content: ""; position: absolute; inset: 0 auto 0 0; width: 32px;
    background: var(--gdg-bg-cell); pointer-events: none;
}"""


def place(name: str) -> DeltaGenerator:
    """Where a grid stands whose rows are clicked."""
    return st.container(key=f"clicks_{name}")


def clicked(grid: DataframeState) -> int | None:
    """The number of the row that was clicked, from 0; None as long as none was."""
    rows = [row for row in grid.selection.rows if row > 0] or [row for row, _ in grid.selection.cells]
    return rows[0] if rows else None
