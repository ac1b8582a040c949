"""Text from the data stays text on every page, and no call is used that could run it."""

import ast
import re
from urllib.parse import quote

import pytest
from streamlit.testing.v1 import AppTest

from leuko.publish import load_csv
from leuko.store import Filters, Store
from pages.common import shared
from tests import wards
from tests.serving import ROOT, app_at, type_into

CODE = [ROOT / "dashboard.py", *sorted((ROOT / "pages").rglob("*.py"))]
ADDRESSES = "https://192.0.2.1/a www.example.org HTTP://192.0.2.1"
TEXTS = (
    "<script>document.title='run'</script>",
    "<img src=x onerror=\"document.title='run'\">",
    "<iframe srcdoc=\"<script>parent.document.title='run'</script>\"></iframe>",
    "![x](http://192.0.2.1/x.png) [y](javascript:document.title='run') **bold** `code`",
    ":red[red] :material/home: $x^2$",
    '=HYPERLINK("http://192.0.2.1","x")',
    "\u202eright to left\u2066",
    "a\x07b\x1b[31mc\x00d",
    "O'Hara \"Sons\" -- {{7*7}} ${7*7} {0} %s",
    ADDRESSES,
    "L" * 10_000,
)
TAG = re.compile(r"(?<!\\)<(?:script|img|iframe)")
LINK = re.compile(r"(?<!\\)\]\((?:javascript:|http://192)")  # in Markdown; escaped, it stands behind a backslash
ADDRESS = re.compile(r"(?i)https?://192|www\.")  # in Markdown, a link by itself, also where it is escaped
ASKED = {
    "panel": [{}, {"site": TEXTS[1]}, {"as_of": TEXTS[0]}],
    "patient": [{"mark": TEXTS[0]}, {"mark": "2026-02-02", "mark_words": TEXTS[1]}],
    "adherence": [{"measure": "hold_given"}, {"measure": TEXTS[0]}],
    "cohort": [{}, {"drug": TEXTS[2]}],
    "protocols": [{"protocol": TEXTS[0]}, {"part": "try", "try_diagnosis": TEXTS[1]}],
    "changes_if": [{"protocol": "dasatinib-guideline", "instead": "dasatinib-cp-us"}, {"instead": TEXTS[0]}],
    "wall": [{}, {"site": TEXTS[0]}],
    "data": [{"reason": "not a number"}, {"check": TEXTS[0]}],
    "access": [{}],
}


def without_nothing(text: str) -> str:
    """A CSV file can hold no zero byte."""
    return text.replace("\x00", "")


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """A hospital with such texts for names, sites, clinicians, diagnoses, comments and values."""
    folder = tmp_path_factory.mktemp("hostile")
    hospital = wards.hospital(range(8))
    texts = [*map(without_nothing, TEXTS)]
    for first, column in enumerate(("name", "site", "clinician", "diagnosis")):
        rows = range(len(hospital.patients))
        hospital.patients[column] = [texts[(row + first) % len(texts)] for row in rows]
    hospital.events["value"] = [texts[row % len(texts)] for row in range(len(hospital.events))]
    files = hospital.write(folder)
    with files["labs"].open("a", encoding="utf-8") as file:
        names = hospital.labs.columns.tolist()
        for number, text in enumerate(texts):
            row = {"patient_id": f"S{number % 8}-P1", "analyte": "anc", "value": text, "collected_at": "2024-01-05"}
            file.write(",".join('"' + row.get(name, "").replace('"', '""') + '"' for name in names) + "\n")
    path = folder / "leuko.duckdb"
    load_csv(path, **files, origin={"title": TEXTS[0], "simulated": True})
    return path


@pytest.fixture(autouse=True)
def this_database(database, monkeypatch):
    monkeypatch.setenv("LEUKO_DB", str(database))


def patients(database) -> list[str]:
    """A patient of each hostile name."""
    store = Store(database)
    listed = store.view().worklist(Filters(), per_page=1000).drop_duplicates("name")
    store.close()
    return listed["patient_id"].tolist()


def unescaped(app: AppTest) -> list[str]:
    """What the page gives the browser to read as HTML or as Markdown, and in which a hostile text is no text."""
    html = [element.proto.body for element in app.get("html")]
    kinds = (app.markdown, app.caption, app.subheader, app.info, app.warning, app.error, app.success)
    markdown = [str(element.value) for kind in kinds for element in kind]
    markdown += [str(box.label) for kind in (app.expander, app.button) for box in kind]
    tags = [piece for piece in html + markdown if TAG.search(piece)]
    links = [piece for piece in markdown if LINK.search(piece) or ADDRESS.search(piece.replace("\\", ""))]
    return tags + links


@pytest.mark.parametrize("page", sorted(ASKED))
def test_every_page_shows_hostile_text_as_text(page, database):
    asked = ASKED[page]
    if page == "patient":
        asked = asked + [{"patient": patient} for patient in patients(database)] + [{"patient": text} for text in TEXTS]
    for address in asked:
        app = app_at("dashboard.py", {}, timeout=120)
        for name, said in address.items():
            app.query_params[name] = said
        app.switch_page(f"pages/{page}.py").run()
        assert not app.exception, (address, app.exception)
        assert unescaped(app) == [], address


@pytest.mark.parametrize(("page", "field"), [("panel", "search"), ("patient", "find")])
def test_hostile_text_that_is_searched_for_is_shown_as_text(page, field):
    app = app_at("dashboard.py", {}, timeout=120).switch_page(f"pages/{page}.py").run()
    app = type_into(app, field, TEXTS[0])
    assert not app.exception and unescaped(app) == []


def test_the_walk_sees_what_it_looks_for():
    def page(text):
        import streamlit as st

        st.html(f"<p>{text}</p>")
        st.markdown(text)

    for text, found in ((TEXTS[0], 2), (TEXTS[3], 1), *((shared.plain(each), 0) for each in TEXTS)):
        assert len(unescaped(AppTest.from_function(page, args=(text,)).run())) == found, text


@pytest.mark.browser
def test_in_a_browser_nothing_of_it_runs_or_loads(server, database, browser_page):
    running = server(database)
    page = browser_page()
    page.set_default_timeout(60_000)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    for name in sorted(ASKED):
        told = ("?patient=" + patients(database)[0], "?as_of=" + quote(ADDRESSES))
        for address in ("", *told) if name == "patient" else ("",):
            page.goto(f"{running.url}/{name}{address}")
            page.get_by_text("Simulated data").first.wait_for()
            page.wait_for_timeout(2000)
            assert page.title() != "run" and page.locator("iframe").count() == 0
            assert page.locator("a").filter(has_text=re.compile(r"example\.org|192\.0")).count() == 0
    assert [url for url in asked if not url.startswith((running.url, "data:", "blob:"))] == []


# ---------------------------------------------------------------- the calls that could


@pytest.mark.parametrize("file", CODE, ids=lambda file: file.stem)
def test_no_call_can_run_a_script_from_the_data(file):
    """The four ways in which Streamlit lets text run: HTML in Markdown, scripts in HTML, frames, components."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            assert not {word.arg for word in node.keywords} & {"unsafe_allow_html", "unsafe_allow_javascript"}
        named = getattr(node, "attr", None) or getattr(node, "id", None) or getattr(node, "name", None) or ""
        parts = {*str(named).split("."), *str(getattr(node, "module", None) or "").split(".")}
        assert not parts & {"iframe", "components"}, getattr(node, "lineno", file.name)
