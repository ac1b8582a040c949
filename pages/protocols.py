"""Every protocol of the file as a table with its sources and what is unverified, and a patient imagined to try it on.

What its reader can say after three seconds: "Hold dasatinib when ANC is below 500, until ANC is at least 1,000."
"""

import pandas as pd
import streamlit as st

from leuko.access import Sight
from leuko.count_units import CountUnit
from leuko.courses import COUNTS, action_words
from leuko.protocols.words import in_words
from pages.common import address, shared
from pages.common.imagined import draw_checker
from pages.common.markup import safe, table
from pages.common.opened import opened
from pages.common.why import origin, source_words, text_words

PARTS = {"table": "The table", "try": "Try it on an imagined patient"}
VERBS = {"anc": "is", "platelets": "are"}
CAUSES = {"disease": "the disease", "treatment": "the treatment"}
STATEMENTS = {  # the parts that can be marked as not verified, and how one row of each is named
    "thresholds": "thresholds of {}",
    "related": "what to do where the cause is {}",
    "during": "decision {} at a draw",
    "recovery": "clause {} at recovery",
    "monitoring": "line {} of the count schedule",
    "sources": "source: {}",
}


@st.cache_data(show_spinner="Reading the protocols", max_entries=4)
def read_protocols(path: str, sight: Sight) -> dict[str, pd.DataFrame]:
    """All protocols of the file: they are the same whatever the day and the sites."""
    return shared.store_at(path).view(sight).protocols()


# Which one


def choose(versions: pd.DataFrame) -> dict:
    """The protocol that the address names, or that is chosen by its drug and then its version."""
    drug_of = dict(zip(versions["protocol"], versions["drug"], strict=True))
    said = st.query_params.get("protocol")
    if said and said not in drug_of:
        st.warning(f"“{shared.plain(said)}” is no protocol of this file. Choose one below.")
    address.take("protocol", lambda names: next((name for name in names if name in drug_of), next(iter(drug_of))))
    st.session_state["protocol_drug"] = drug_of[st.session_state["protocol"]]
    first, second = st.columns([1, 3])
    drugs = sorted(set(drug_of.values()))
    drug = first.selectbox("Drug", drugs, key="protocol_drug", on_change=take_first, args=(drug_of,))
    labels = {row["protocol"]: label(row) for row in versions[versions["drug"].eq(drug)].to_dict("records")}
    protocol = second.selectbox("Version", list(labels), format_func=labels.get, key="protocol")
    address.put("protocol", [protocol])
    return versions[versions["protocol"].eq(protocol)].iloc[0].to_dict()


def take_first(drug_of: dict[str, str]) -> None:
    """Another drug opens with its default, which stands first."""
    drug = st.session_state["protocol_drug"]
    st.session_state["protocol"] = next(name for name in drug_of if drug_of[name] == drug)


def label(version: dict) -> str:
    setting = "no setting named" if shared.is_missing(version["setting"]) else version["setting"]
    return f"{setting} · {version['protocol']}{' · default' if version['is_default'] else ''}"


# What it says, in one sentence


def sentence(version: dict, parts: dict[str, pd.DataFrame], unit: CountUnit) -> str:
    roles = ("hold", " or "), ("resume", " and ")
    hold, resume = (counts_in_words(parts["thresholds"], *role, unit) for role in roles)
    back = "; the counts are back when" if version["cause_required"] else ", until"
    said = [
        f"{version['at_onset']} when {hold}{back} {resume} {unit.words}",
        "" if shared.is_missing(version["requires"]) else f"only where {version['requires']} is recorded",
        decide(parts["during"], "decision", "is made at a draw", "are made at a draw"),
        decide(parts["recovery"], "clause", "decides at recovery", "decide at recovery"),
        unverified_in_words(parts),
    ]
    return "; ".join(part for part in said if part) + "."


def counts_in_words(thresholds: pd.DataFrame, role: str, joint: str, unit: CountUnit) -> str:
    return joint.join(
        f"{COUNTS[row['analyte']]} {VERBS[row['analyte']]} {threshold(row, role, unit)}{unseen(row)}"
        for row in thresholds.to_dict("records")
    )


def unseen(row: dict) -> str:
    return "" if row["verified"] else " (not verified)"


def threshold(row: dict, role: str, unit: CountUnit) -> str:
    """`below 500`: the count at which a row of the thresholds holds or resumes."""
    return f"{in_words(row[f'{role}_operator'])} {unit.number(row[role])}"


def decide(rows: pd.DataFrame, one: str, does: str, do: str) -> str:
    return f"{shared.counted(len(rows), one)} {does if len(rows) == 1 else do}" if len(rows) else ""


def unverified_in_words(parts: dict[str, pd.DataFrame]) -> str:
    count = len(unverified(parts))
    verb = "is" if count == 1 else "are"
    return f"{count} of its statements {verb} not verified" if count else "no statement of it is marked as not verified"


def unverified(parts: dict[str, pd.DataFrame]) -> list[str]:
    """What each unverified statement is, in the order of the page."""
    return [
        name.format(told(row))
        for part, name in STATEMENTS.items()
        for row in parts[part][~parts[part]["verified"]].to_dict("records")
    ]


def told(row: dict) -> str:
    """How a statement is found on the page: its count, its cause, its number, or the title of a source."""
    return row.get("title") or COUNTS.get(row.get("analyte")) or CAUSES.get(row.get("cause")) or str(row.get("line"))


def draw_sentence(version: dict, parts: dict[str, pd.DataFrame], unit: CountUnit) -> None:
    said = safe(sentence(version, parts, unit))
    st.html(f'<div style="font-size:1.35rem;line-height:1.3;font-weight:600">{said}</div>')
    marked = unverified(parts)
    if marked:
        listed = "".join(f"<li>{safe(words)}</li>" for words in marked)
        st.html(f"<div><strong>Not verified</strong>, its wording was not seen:<ul>{listed}</ul></div>")


# What it says, table by table


def draw_tables(version: dict, parts: dict[str, pd.DataFrame], unit: CountUnit) -> None:
    draw_part("Thresholds", threshold_rows(parts["thresholds"], unit), "")
    if version["cause_required"] or len(parts["related"]):
        draw_part("Once the cause is known", related_rows(parts["related"]), "Nothing is said of a known cause.")
    if len(parts["during"]):
        draw_part("Decisions at a draw, the first that fits", decision_rows(parts["during"], "Decision"), "")
    draw_part(
        "Decisions at recovery, the first that fits",
        decision_rows(parts["recovery"], "Clause"),
        "No clause: a recovery is for review.",
    )
    draw_part(
        "When the next count is due, the first line that fits",
        monitoring_rows(parts["monitoring"]),
        "No published schedule: no count is ever due.",
    )
    draw_part("Whom it is for, and its doses", general(version), "")
    st.subheader("Sources", anchor=False)
    items = "".join(f"<li>{source_words(source)}</li>" for source in parts["sources"].to_dict("records"))
    st.html(f"<ol>{items}</ol>")


def draw_part(heading: str, rows: list[dict], nothing: str) -> None:
    """One part as a table; a column of reasons only where one is given."""
    st.subheader(heading, anchor=False)
    if rows and all(shared.is_missing(row.get("Why")) for row in rows):
        rows = [{name: cell for name, cell in row.items() if name != "Why"} for row in rows]
    if rows:
        st.html(table(rows, numbers=("Clause", "Decision", "Line", "Every"), ready=("Text", "Source")))
    else:
        st.caption(nothing)


def general(version: dict) -> list[dict]:
    """What the table says before any count; what it does not say is said too."""
    whom = "any patient" if shared.is_missing(version["requires"]) else f"only where {version['requires']} is recorded"
    default = (
        f"yes: it is taken where a dose of {version['drug']} names no setting"
        if version["is_default"]
        else "no: a dose must name this setting or id"
    )
    starting, levels = shared.number(version["starting_dose_mg"], "mg a day"), version["dose_levels"]
    gap = version["schedule_restarts_after_days"]
    facts = {
        "Setting": "not named" if shared.is_missing(version["setting"]) else version["setting"],
        "For": whom,
        f"Default for {version['drug']}": default,
        "Starting dose": "the table names none" if starting == shared.NONE else starting,
        "Dose levels": "the table names none" if shared.is_missing(levels) else levels,
        "Cause": "must be known before a hold" if version["cause_required"] else "a hold does not wait for it",
    }
    if not shared.is_missing(gap):
        facts["Count schedule"] = f"starts again after {shared.days(gap)} or more without a dose"
    return [{"What": name, "This table": fact} for name, fact in facts.items()]


def threshold_rows(thresholds: pd.DataFrame, unit: CountUnit) -> list[dict]:
    return [
        {
            "Count": COUNTS[row["analyte"]],
            f"Hold, {unit.words}": threshold(row, "hold", unit),
            f"Resume, {unit.words}": threshold(row, "resume", unit),
            **evidence(row),
        }
        for row in thresholds.to_dict("records")
    ]


def related_rows(related: pd.DataFrame) -> list[dict]:
    return [
        {
            "Cause": CAUSES[row["cause"]],
            "Then": then(row),
            "To be known first": "; ".join(row["first"]),
            **evidence(row),
        }
        for row in related.to_dict("records")
    ]


def decision_rows(decisions: pd.DataFrame, number: str) -> list[dict]:
    return [
        {number: row["line"], "When": row["asked"], "Then": then(row), **evidence(row)}
        for row in decisions.to_dict("records")
    ]


def monitoring_rows(monitoring: pd.DataFrame) -> list[dict]:
    return [
        {"Line": row["line"], "When": row["asked"], "Every": shared.days(row["every_days"]), **evidence(row)}
        for row in monitoring.to_dict("records")
    ]


def then(row: dict) -> str:
    """The action, and the dose that the table gives with it."""
    return action_words()[row["action"]] + ("" if shared.is_missing(row["dose"]) else f", {row['dose']}")


def evidence(row: dict) -> dict:
    """The last columns of every table: why, whether the wording was seen, and where."""
    words = text_words(row)
    return {
        "Why": row["why"],
        "Text": words if row["verified"] else f"<strong>{words}</strong>",
        "Source": origin(row["source"]),
    }


def main() -> None:
    store = shared.open_store()
    everything = read_protocols(store.path, opened("protocols"))
    version = choose(everything["versions"])
    parts = {name: rows[rows["protocol"].eq(version["protocol"])] for name, rows in everything.items()}
    draw_sentence(version, parts, store.unit)
    address.take("part", lambda said: next((part for part in PARTS if part in said), "table"))
    part = st.segmented_control(
        "What to see", list(PARTS), format_func=PARTS.get, required=True, key="part", label_visibility="collapsed"
    )
    address.put("part", [] if part == "table" else [part])
    if part == "try":
        draw_checker(store, version, parts["thresholds"])
    else:
        draw_tables(version, parts, store.unit)


shared.only_within_dashboard()
main()
