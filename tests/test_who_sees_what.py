"""Each role on each page, with every export, address and search: no id of another site, and no name without a grant.

Ids and names of this hospital say their site, so whatever is drawn or handed out can be searched for those of others.
"""

import ast
import re
from datetime import timedelta

import pytest

from leuko.access import ROLES, Reader
from leuko.publish import load_csv
from leuko.store import Store
from pages.common import sign_in
from tests import wards
from tests.readers import nobody_reads, reads_as
from tests.rendered import drawn, text_of, watched_downloads
from tests.serving import ROOT, app_at

NOWHERE = "Nowhere"
ID = re.compile(rf"(?:{'|'.join((*wards.SITES, NOWHERE))})\d\d\dz")
NAME = re.compile(rf"Nomen(?:{'|'.join(wards.SITES)})\d\d\dy")
OTHERS, OWN = "South", "North"
PAGES = sorted({page for pages in ROLES.values() for page in pages})
READERS = {
    "clinician of one site": ("clinician", (OWN,), True),
    "clinician of all sites": ("clinician", None, True),
    "quality of all sites": ("quality", None, False),
    "quality of two sites with names": ("quality", (OWN, "East"), True),
    "quality of one site": ("quality", (OWN,), False),
    "admin of all sites": ("admin", None, False),
    "admin of one site": ("admin", (OWN,), False),
}


@pytest.fixture(scope="module")
def ids():
    """The new id of every patient of the hospital, by the old one; it begins with his site."""
    hospital = wards.hospital(range(10))
    site_of = dict(zip(hospital.patients["patient_id"], hospital.patients["site"], strict=True))
    everybody = sorted({*hospital.labs["patient_id"], *hospital.exposures["patient_id"], *site_of})
    return {old: f"{site_of.get(old, NOWHERE)}{number:03d}z" for number, old in enumerate(everybody)}


@pytest.fixture(scope="module")
def database(tmp_path_factory, ids):
    folder = tmp_path_factory.mktemp("hospital")
    hospital = wards.hospital(range(10))
    for table in vars(hospital).values():
        table["patient_id"] = table["patient_id"].replace(ids)
    hospital.patients["name"] = [f"Nomen{patient[:-1]}y" for patient in hospital.patients["patient_id"]]
    for site in (OWN, OTHERS):  # set aside, with a name in the record
        first = next(patient for patient in sorted(ids.values()) if patient.startswith(site))
        row = hospital.labs.iloc[0].to_dict()
        hospital.labs.loc[len(hospital.labs)] = row | {"patient_id": first, "value": f"Nomen{first[:-1]}y"}
    path = folder / "leuko.duckdb"
    load_csv(path, **hospital.write(folder))
    return path


@pytest.fixture(scope="module")
def of_others(ids):
    """A patient of another site, as his id and as his name."""
    patient = next(patient for patient in sorted(ids.values()) if patient.startswith(OTHERS))
    return patient, f"Nomen{patient[:-1]}y"


@pytest.fixture
def handed_out(monkeypatch):
    return watched_downloads(monkeypatch)


def addresses(of_others, day):
    """Ways to ask each page for what is not one's own."""
    patient, name = of_others
    asked = {
        "panel": [{}, {"search": patient}, {"search": name}, {"site": OTHERS}, {"site": [OWN, OTHERS]},
                  {"since": day}, {"as_of": day}, {"as_of": day, "search": name}, {"page": "2"}],
        "patient": [{}, {"patient": patient}, {"patient": patient, "as_of": day}, {"patient": name},
                    {"patient": "' OR 1=1 --"}],
        "adherence": [{}, {"site": OTHERS}, {"measure": "hold_given", "ending": "not_met"},
                      {"measure": "routine_count", "show": "clinician", "as_of": day}],
        "cohort": [{}, {"site": OTHERS}, {"as_of": day}],
        "protocols": [{}, {"part": "try"}],
        "changes_if": [{"protocol": "dasatinib-guideline", "instead": "dasatinib-cp-us"},
                       {"protocol": "dasatinib-guideline", "instead": "dasatinib-cp-us", "as_of": day}],
        "wall": [{}, {"site": OTHERS}],
        "data": [{}, {"check": "anc_without_doses"}, {"reason": "not a number"}, {"check": "low_resolution"}],
        "access": [{}],
    }  # fmt: skip
    return asked


def asked_at(page, database, address, *, alone=False):
    """A page at an address, within the dashboard; `alone`: without it, as a link to the page itself might try."""
    app = app_at(f"pages/{page}.py" if alone else "dashboard.py", {}, timeout=120)
    for name, said in address.items():
        app.query_params[name] = said
    return app.run() if alone else app.switch_page(f"pages/{page}.py").run()


@pytest.fixture
def past(database):
    store = Store(database)
    try:
        return (store.about.as_of - timedelta(days=20)).isoformat()
    finally:
        store.close()


@pytest.fixture(autouse=True)
def this_database(database, monkeypatch):
    monkeypatch.setenv("LEUKO_DB", str(database))


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("who", READERS)
def test_no_page_and_no_file_says_more_than_was_granted(who, page, database, of_others, past, handed_out, monkeypatch):
    role, sites, names = READERS[who]
    reader = reads_as(monkeypatch, role, sites, names=names)
    seen = set(sites or (*wards.SITES, NOWHERE))
    for address in addresses(of_others, past)[page]:
        handed_out.clear()
        app = asked_at(page, database, address, alone=page not in reader.pages)
        assert not app.exception, (address, app.exception)
        if page not in reader.pages:
            assert [error.value for error in app.error] == [
                "This page is not open to you, or you are no longer signed in."
            ]
            assert not handed_out and not ID.search(drawn(app))
            continue
        asked = {*of_others} if page == "access" else set()  # which others have typed before, and the log says so
        asked |= {text for said in address.values() for text in ([said] if isinstance(said, str) else said)}
        everything = "\n".join([drawn(app), *map(text_of, handed_out)])
        told = {patient for patient in ID.findall(everything) if patient not in asked}
        assert {patient for patient in told if not patient.startswith(tuple(seen))} == set(), address
        called = {name for name in NAME.findall(everything) if name not in asked}
        allowed = seen if names else set()
        assert {name for name in called if not any(site in name for site in allowed)} == set(), address


def test_the_walk_would_find_a_leak(database, handed_out, monkeypatch):
    """What it looks for is there, in pages and in files, where everything may be seen."""
    reads_as(monkeypatch, "clinician")
    app = asked_at("panel", database, {})
    told = {patient[:-4] for patient in ID.findall(drawn(app))}
    assert told >= {*wards.SITES} and NAME.search(drawn(app))
    assert any(ID.search(text_of(file)) and NAME.search(text_of(file)) for file in handed_out)
    reads_as(monkeypatch, "quality")
    handed_out.clear()
    app = asked_at("adherence", database, {})
    assert len(handed_out) >= 3 and all(ID.search(text_of(file)) for file in handed_out[1:])


def test_who_sees_all_sites_sees_the_patients_without_one_and_nobody_else_does(database, ids, monkeypatch):
    patient = next(patient for patient in sorted(ids.values()) if patient.startswith(NOWHERE))
    for sites, is_seen in ((None, True), (wards.SITES, False)):
        reads_as(monkeypatch, "clinician", sites)
        app = asked_at("patient", database, {"patient": patient})
        assert any("There is no patient" in error.value for error in app.error) != is_seen


@pytest.mark.parametrize("names", [True, False])
def test_a_name_is_found_by_a_search_only_where_names_are_seen(database, of_others, names, monkeypatch):
    reads_as(monkeypatch, "quality", names=names)
    app = asked_at("panel", database, {"search": of_others[1]})
    assert (of_others[0] in drawn(app)) == names


def test_rows_set_aside_are_shown_as_they_came_only_where_names_are_seen(database, of_others, monkeypatch):
    for names in (True, False):
        reads_as(monkeypatch, "admin", names=names)
        app = asked_at("data", database, {"reason": "not a number"})
        records = next(table.value for table in app.dataframe if "Record" in table.value)["Record"]
        assert len(records) and records.notna().any() == names


@pytest.mark.parametrize("page", ["dashboard", *(f"pages/{page}" for page in PAGES)])
def test_whoever_is_not_signed_in_sees_no_page_by_any_address(page, database, of_others, handed_out, monkeypatch):
    nobody_reads(monkeypatch)
    app = app_at(f"{page}.py", {"patient": of_others[0]}, timeout=120).run()
    assert not app.exception and not handed_out
    assert not ID.search(drawn(app).replace(of_others[0], "")) and not NAME.search(drawn(app))
    assert not app.dataframe and not app.get("plotly_chart")


def test_the_dashboard_offers_only_the_pages_of_the_role(database, monkeypatch):
    reads_as(monkeypatch, "admin")
    app = app_at("dashboard.py", {}, timeout=120).run()
    assert "Loaded on" in app.subheader[0].value
    links = {link.proto.label for link in app.get("page_link")}
    assert links == {"Data", "Access log", "Protocols"}


def test_whoever_has_no_role_is_told_so(database, monkeypatch):
    monkeypatch.setattr(sign_in, "reader", lambda: Reader("bo@example.org", ()))
    app = app_at("dashboard.py", {}, timeout=120).run()
    assert app.subheader[0].value == "Nothing here is open to you."
    assert not ID.search(drawn(app))


# ---------------------------------------------------------------- the one way


def calls_of(file):
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return [ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)]


@pytest.mark.parametrize("file", sorted((ROOT / "pages").rglob("*.py")), ids=lambda file: file.stem)
def test_a_page_gets_its_sight_in_one_place_and_never_a_cursor(file):
    calls = calls_of(file)
    ways = ("cursor", "audited", "patient_day", "connect", "execute")
    forbidden = [call for call in calls if call.split(".")[-1] in ways]
    assert forbidden == []
    if file.name != "opened.py":
        assert not [call for call in calls if call.split(".")[-1] in ("sight", "Sight")]
    tree = ast.parse(file.read_text(encoding="utf-8"))
    views = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".view")]
    assert all(node.args for node in views), "a view without a sight sees everything"
    assert "EVERYTHING" not in file.read_text(encoding="utf-8")


@pytest.mark.parametrize("file", sorted((ROOT / "pages").glob("*.py")), ids=lambda file: file.stem)
def test_every_page_asks_before_anything_else(file):
    """`opened` with the page's own name, before anything is read and drawn."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    main = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "main")
    asked = [node for node in ast.walk(main) if isinstance(node, ast.Call) and ast.unparse(node.func) == "opened"]
    assert [node.args[0].value for node in asked] == [file.stem]
    before = [
        ast.unparse(node.func)
        for node in ast.walk(main)
        if isinstance(node, ast.Call) and node.lineno < asked[0].lineno
    ]
    assert not [call for call in before if call.startswith(("st.", "read_", "draw_")) and "query_params" not in call]
