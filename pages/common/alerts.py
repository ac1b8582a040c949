"""What is urgent beside a status, above everything else: on the panel by kind, on a patient's page one by one."""

from datetime import date

import pandas as pd
import streamlit as st

from pages.common import clicks, shared
from pages.common.markup import link, safe

DANGER = "danger"
ROWS = 3  # at once: the worklist below must not be pushed out of sight
ROW_HEIGHT = 66  # pixels: Streamlit wraps text only in rows of more than 64
STYLE = (
    "[class*=st-key-alert_] details { border-left: 5px solid; } "
    "[class*=st-key-alert_] summary p { font-size: 0.95rem; }"
)


def draw_alerts_of_panel(alerts: pd.DataFrame, as_of: date) -> None:
    """A box a kind, the most urgent first and open where a danger. A click on a row opens the patient."""
    theme = shared.theme()
    colours = alerts.drop_duplicates("kind").set_index("kind")["tone"]  # that of the first: the gravest
    edges = (
        f".st-key-alert_{kind} details {{ border-left-color: {shared.tone_colour(tone, theme)}; }}"
        for kind, tone in colours.items()
    )
    st.html(f"<style>{STYLE} {' '.join(edges)}</style>")
    with st.container(key="alerts", gap="xsmall"):
        for place, (kind, raised) in enumerate(alerts.groupby("kind", sort=False)):
            first = raised.iloc[0]
            title = f"{first['icon']} **{first['word']}: {how_many(first)}.** {first['to_do']}."
            with st.expander(title, expanded=place == 0 and first["tone"] == DANGER, key=f"alert_{kind}"):
                draw_list(raised.reset_index(drop=True), as_of)
                if len(raised) < first["alerts"]:
                    st.caption(f"The first {len(raised):,} of {first['alerts']:,}; a filter above leads to the others.")
                st.html(f'<div style="font-size:0.85rem;opacity:0.85">{rule_words(first)}</div>')


def how_many(first: pd.Series) -> str:
    """`15 patients, 1 with no antibiotics recorded`; `11 patients, 3 of them grave`: what a box must not hide."""
    patients = shared.counted(first["patients"], "patient")
    if first["unanswered"] < first["alerts"]:
        return f"{patients}, {first['unanswered']:,} with no antibiotics recorded"
    some_are_grave = 0 < first["graves"] < first["alerts"]
    return f"{patients}, {first['graves']:,} with an ANC that must be severe" if some_are_grave else patients


def draw_list(raised: pd.DataFrame, as_of: date) -> None:
    """The patients of one kind, and why each of them; a hidden column can be shown again, so nothing else is in it."""
    waited = pd.Timestamp(as_of) - pd.to_datetime(raised["since"])
    table = pd.DataFrame(
        {
            "Patient": shared.who(raised),
            "Why": raised["why"],
            "Since": raised["since"].map(shared.day),
            "Days": waited.dt.days.map(shared.days),
            "Drug": raised["drug"],
            "Site, clinician": shared.both(raised["site"], raised["clinician"]),
        }
    )
    text = st.column_config.TextColumn
    event = clicks.place(raised["kind"].iloc[0]).dataframe(
        table,
        hide_index=True,
        placeholder=shared.NONE,
        row_height=ROW_HEIGHT,
        height=ROW_HEIGHT * min(ROWS, len(table)) + 40,
        column_config={"Patient": text(width=110), "Why": text(width=620), "Days": text(width=80, alignment="right")},
        on_select="rerun",
        selection_mode=clicks.ANYWHERE,
        key=f"alerts_{raised['kind'].iloc[0]}",
        alt=f"Patients with {raised['word'].iloc[0]}, those that nobody answered first",
    )
    row = clicks.clicked(event)
    if row is not None:
        shared.open_patient(raised["patient_id"].iloc[row])


def draw_alerts_of_patient(alerts: pd.DataFrame) -> None:
    """Each alert large: what to do, why, the rule in words and where it comes from."""
    for alert in alerts.to_dict("records"):
        colour = shared.tone_colour(alert["tone"], shared.theme())
        st.html(
            f'<div role="alert" style="border-left:6px solid {colour};padding:0.1rem 0 0.1rem 1rem">'
            f'<div style="color:{colour};font-weight:700">{safe(alert["icon"])} {safe(alert["word"])}</div>'
            f'<div style="font-size:1.3rem;line-height:1.3;font-weight:600">{safe(alert["to_do"])}.</div>'
            f"<div>{safe(alert['why'])} Since {safe(shared.day(alert['since']))}.</div>"
            f'<div style="font-size:0.85rem;opacity:0.85;margin-top:0.3rem">{rule_words(alert)}</div></div>'
        )


def rule_words(alert: pd.Series | dict) -> str:
    """The rule of a kind and its source, as HTML."""
    return f"{safe(alert['rule'])} Source: {link(alert['url'], alert['source'])}."
