"""Whoever cannot see a figure reads it: each has one sentence in its place, and its numbers in a table beside it."""

import pytest

from tests.rendered import elements
from tests.serving import ROOT, app_at

CHARTS = ("trajectories", "weeks", "without_an_episode", "not_yet_recovered", "grades", "doses", "days")
VISITS = {  # address: how many figures there are at least
    "panel": [({}, 0)],
    "patient": [({"patient": "{most_urgent}"}, 1)],
    "adherence": [
        ({}, 11),
        ({"measure": "follow_up_count", "show": "month"}, 12),
        ({"measure": "follow_up_count", "show": "site"}, 12),
        ({"measure": "follow_up_count", "show": "clinician"}, 12),
        ({"measure": "hold_given", "show": "grace"}, 11),
    ],
    "cohort": [({}, 7), ({"drug": "dasatinib", "anc": "median_anc"}, 7)],
    "protocols": [({"protocol": "dasatinib-cp-us", "part": part}, part == "try") for part in ("table", "try")],
    "changes_if": [({"instead": "dasatinib-cp-us"}, 0)],
    "data": [({}, 0)],
    "access": [({}, 0)],
    "wall": [({}, 0)],
}


def is_table(element):
    if element.type == "dataframe":
        return not element.value.empty
    return element.type == "html" and "<tbody><tr>" in element.proto.body


def test_every_page_is_visited():
    assert set(VISITS) == {path.stem for path in (ROOT / "pages").glob("*.py")}


@pytest.mark.parametrize(
    ("name", "address", "least"), [(name, *visit) for name, visits in VISITS.items() for visit in visits]
)
def test_every_figure_has_its_sentence_and_its_table(demonstration, most_urgent, monkeypatch, name, address, least):
    monkeypatch.setenv("LEUKO_DB", str(demonstration))
    said = {key: word.format(most_urgent=most_urgent) for key, word in address.items()}
    app = app_at("dashboard.py", said, timeout=90)
    if name != "panel":
        app.switch_page(f"pages/{name}.py")
    for chart in CHARTS:
        app.session_state[f"numbers_{chart}"] = True
    app.run()
    assert not app.exception
    shown = list(elements(app.main))
    figures = [place for place, element in enumerate(shown) if element.type == "plotly_chart"]
    assert len(figures) >= least
    for before, place, after in zip([-1, *figures], figures, [*figures[1:], len(shown)], strict=False):
        alt = shown[place].proto.alt
        assert alt.strip() and alt.count("<") == 0, shown[place].proto.id
        beside = shown[before + 1 : place] + shown[place + 1 : after]
        # A trend on a card stands for the chart and the table of its months, one click away on the same card.
        behind = [each for each in beside if each.type == "button" and (each.key or "").startswith("more_")]
        assert any(map(is_table, beside)) or ("trend_" in shown[place].proto.id and behind), alt
