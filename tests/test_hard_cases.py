"""Nobody, one patient, hard names and ten years: every page is drawn, and an empty one says what to do."""

import pytest

from tests import hard_cases
from tests.serving import ROOT, app_at

PAGES = sorted(path.stem for path in (ROOT / "pages").glob("*.py"))
WHAT_TO_DO = {  # words of each page where there is nobody
    "panel": "Choose a later day, or see on the page Data what was read.",
    "cohort": "Choose a later day.",
    "patient": "Or choose one in the worklist of the Panel page.",
    "adherence": "The page Data says what was read.",
    "wall": "Nobody waits.",
}


@pytest.fixture(scope="module")
def databases(tmp_path_factory):
    made = {}
    for ward in (hard_cases.nobody, hard_cases.one, hard_cases.names):
        made[ward.__name__] = ward().load(tmp_path_factory.mktemp(ward.__name__))
    return made


@pytest.fixture
def open_page(databases, monkeypatch):
    def run(case, page, **address):
        monkeypatch.setenv("LEUKO_DB", str(databases[case]))
        app = app_at("dashboard.py", address, timeout=90)
        if page != "panel":
            app.switch_page(f"pages/{page}.py")
        app.run()
        assert not app.exception
        return app

    return run


def said(app):
    written = (*app.subheader, *app.caption, *app.info, *app.markdown, *app.warning, *app.error)
    return "\n".join([*(each.value for each in written), *(each.proto.body for each in app.get("html"))])


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("case", ["nobody", "one", "names"])
def test_every_page_is_drawn(open_page, case, name):
    words = said(open_page(case, name))
    assert "No course fits ." not in words
    assert WHAT_TO_DO.get(name, "") in words or case != "nobody"


@pytest.mark.parametrize("patient", [*hard_cases.NAMES, "YEARS", "Y" * 60])
def test_a_name_is_shown_whole_on_the_page_of_its_patient(open_page, patient):
    words = said(open_page("names", "patient", patient=patient))
    assert hard_cases.NAMES.get(patient, patient) in words


def test_a_long_name_is_cut_in_a_list_and_the_id_is_not(open_page):
    listed = open_page("names", "panel").dataframe
    shown = [who for table in listed if "Patient" in table.value for who in table.value["Patient"]]
    (long,) = {who for who in shown if who.endswith(", LONG")}
    assert long == "Maximiliane-Theodora Wo…, LONG"
    # Each name has two lines of a narrow column, and the third is for the id.
    assert {"عبد الرحمن بن محمد اله…, ARABIC", f"{'Ö' * 15}…, UNBROKEN"} <= set(shown)
    assert {"שרה כהן־לוי, HEBREW", "Nour نور Haddad (ext), MIXED"} <= set(shown)
