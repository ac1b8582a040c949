"""A card a measure: its number to read first, how sure that is, its four endings that open, its months.

Below the minimum denominator there is no rate, only counts: nobody is to be judged by it.
"""

from collections.abc import Callable

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from leuko.extract import ENDINGS, interval_in_words
from leuko.figures.audit import spark
from leuko.figures.findings import run_findings, share
from leuko.measures import MEASURES
from pages.common import shared
from pages.common.markup import safe
from pages.common.measure import TONES, Asked, draw_measure, of_months, read_audit, took

CARDS = {
    "Holds: given when the counts asked, and asked for when given": (
        "hold_given",
        "time_to_hold",
        "time_to_hold_collected",
        "supported_hold",
    ),
    "Restarts: not too early, not too late, at the dose decided": (
        "no_early_restart",
        "dose_at_restart",
        "restart_in_time",
    ),
    "Counts, causes and fever": ("follow_up_count", "routine_count", "cause_looked_for", "antibiotics_in_time"),
}
DURATIONS = ("time_to_hold", "time_to_hold_collected")  # of these the days are the point, not the rate
STYLE = """
[class*=st-key-cards_] { align-items: stretch; }
[class*=st-key-cards_] > div { flex: 1 1 22%; min-width: 15rem; }
[class*=st-key-cards_] > :has(> .st-key-detail) { flex: 1 0 100%; min-width: 0; }
@media (min-width: 641px) { [class*=st-key-cards_] > :has(> .st-key-detail) { order: 1; } }
[class*=st-key-card_] h3 { font-size: 1rem; line-height: 1.25; margin: 0; padding: 0; }
[class*=st-key-endings_] { gap: 0.35rem; }
[class*=st-key-endings_] > div { flex: 1 1 45% !important; min-width: 0; }
[class*=st-key-endings_] button { border-left: 4px solid; padding: 0.1rem 0.5rem; min-height: 2rem; width: 100%; }
[class*=st-key-endings_] button p { font-size: 0.875rem; }
@media (max-width: 900px) { [class*=st-key-endings_] button { padding: 0.1rem 0.2rem; } }
[class*=st-key-card_] [data-testid=stCaptionContainer] p { font-size: 0.75rem; }
[class*=st-key-more_] button { min-height: 1.5rem; padding: 0; }
"""


Choose = Callable[[str, str | None], None]


def draw_cards(
    asked: Asked, chosen: str | None, ending: str | None, choose: Choose, narrow: Callable[[str, str], None]
) -> None:
    """A card a measure; what lies behind the chosen one stands below its row, on a narrow screen below its card.

    `choose(measure, ending)` is called where a reader opens a number, `narrow(by, group)` where he wants one group.
    """
    measures, _ = read_audit(asked)
    together = measures[measures["by"].eq("all")].set_index("measure")
    st.html(f"<style>{STYLE}{edges()}{chosen_card(chosen)}</style>")
    for place, (heading, names) in enumerate(CARDS.items()):
        st.markdown(f"##### {heading}")
        with st.container(horizontal=True, key=f"cards_{place}", gap="small"):
            for name in names:
                row = together.loc[name].to_dict()
                with st.container(border=True, key=f"card_{name}", gap="xsmall"):
                    st.html(card_words(name, row, asked.minimum))
                    draw_endings(name, row, ending if name == chosen else None, choose)
                    draw_trend(name, of_months(measures, name))
                    more = "Definition, sites, months, grace"
                    st.button(more, key=f"more_{name}", type="tertiary", on_click=choose, args=(name, None))
                if name == chosen:
                    with st.container(border=True, key="detail"):
                        draw_measure(asked, name, ending, narrow)


def edges() -> str:
    """The colour of each ending at the left edge of its button: never red, which stands for danger."""
    theme = shared.theme()
    return " ".join(
        f"[class*=st-key-open_{ending}_] button {{ border-left-color: {shared.tone_colour(tone, theme)}; }}"
        for ending, tone in TONES.items()
    )


def chosen_card(name: str | None) -> str:
    colour = shared.tone_colour("ready", shared.theme())
    return f".st-key-card_{name} {{ border-color: {colour}; box-shadow: 0 0 0 1px {colour}; }}" if name else ""


def draw_endings(name: str, row: dict, opened: str | None, choose: Choose) -> None:
    """The four counts, each of which opens its events."""
    with st.container(horizontal=True, key=f"endings_{name}", gap="xsmall"):
        for ending, (word, _) in ENDINGS.items():
            st.button(
                f"**{row[ending]:,}** {word}",
                key=f"open_{ending}_{name}",
                type="primary" if ending == opened else "secondary",
                disabled=not row[ending],
                on_click=choose,
                args=(name, ending),
            )


def card_words(name: str, row: dict, minimum: int) -> str:
    """Title, the number to read first, its interval in words, and how the four endings add up."""
    first, *rest = figures_of(name, row, minimum)
    lines = "".join(f'<div style="font-size:0.85rem;opacity:0.85">{safe(line)}</div>' for line in rest)
    number = f'<div style="font-size:1.35rem;font-weight:600">{safe(first)}</div>'
    return f"<h3>{safe(MEASURES[name].title)}</h3>{number}{lines}"


def figures_of(name: str, row: dict, minimum: int) -> list[str]:
    """The lines of a card. Below the minimum denominator counts without a rate: too few to judge."""
    judged = row["met"] + row["not_met"]
    added = " + ".join(f"{row[ending]:,}" for ending in ENDINGS)
    total = f"{added} = {shared.counted(row['population'], 'event')}"
    if not judged:
        return ["nothing to judge", total]
    few = judged < minimum
    rate = f"{row['met']:,} of {judged:,}" if few else share(row["met"], judged)
    trust = f"too few to judge (fewer than {minimum:,})" if few else f"95 % interval {interval_in_words(row, minimum)}"
    days = times_of(name, row)
    if name in DURATIONS and days:
        return [days[0].capitalize(), days[1], f"{rate} held before recovery", *([trust] if few else []), total]
    return [rate, trust, *([", ".join(days)] if days else []), total]


def times_of(name: str, row: dict) -> tuple[str, str] | None:
    if shared.is_missing(row["median_days"]):
        return None
    unit = took(MEASURES[name]).lower().removesuffix("s")
    half, most = (passed(int(row[column]), unit) for column in ("median_days", "p90_days"))
    return f"median {half}", f"90th percentile {most}"


def passed(how_many: int, unit: str) -> str:
    """`2 days`; `2 days early` where it was done before it was due."""
    return f"{shared.counted(abs(how_many), unit)}{' early' if how_many < 0 else ''}"


def draw_trend(name: str, months: pd.DataFrame) -> None:
    found = run_findings(months)
    if len(found.with_rate) < 2:
        st.caption("No trend: fewer than two months with a rate.")
        return
    first, last = found.with_rate[0], found.with_rate[-1]
    span = f"{first.start:%b %Y} to {last.start:%b %Y}"
    st.caption(f"Rate by month, {span}, last {last.met:,} of {last.of:,}")
    st.plotly_chart(
        go.Figure(spark([month.rate for month in found.months], shared.theme()), _validate=False),
        theme=None,
        key=f"trend_{name}",
        config={"staticPlot": True, "displayModeBar": False},
        alt=f"{MEASURES[name].title}: rate by month, {span}, last {last.met:,} of {last.of:,}",
    )
