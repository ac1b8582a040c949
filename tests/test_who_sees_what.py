"""Each role on each page, with every export, address and search: no id of another site, and no name without a grant.

Ids and names of this hospital say their site, so whatever is drawn or handed out can be searched for those of others.
"""

import ast
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import streamlit as st

from leuko import access_log
from leuko.access import ROLES, Grant, Reader
from leuko.courses import missing
from leuko.journal import Entry, Journal, course_of, seen
from leuko.publish import load_csv
from leuko.store import Filters, Store
from pages.common import opened
from tests import wards
from tests.readers import WHO, looks, nobody_reads, reads_as
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
        first = of_site(ids, site)
        row = hospital.labs.iloc[0].to_dict()
        hospital.labs.loc[len(hospital.labs)] = row | {"patient_id": first, "value": called(first)}
    files = hospital.write(folder)
    for site, kind in ((OTHERS, "labs"), (OWN, "exposures")):  # files that are called after a patient
        files[kind] = files[kind].rename(folder / f"{kind} of {called(of_site(ids, site))}.csv")
    path = folder / "leuko.duckdb"
    load_csv(path, **files)
    write_journal(path)
    return path


def of_site(ids, site):
    return next(patient for patient in sorted(ids.values()) if patient.startswith(site))


def called(patient):
    return f"Nomen{patient[:-1]}y"


def write_journal(path):
    """On every course a comment that names its patient, and a handover to him and one to whoever reads here."""
    store, entries = Store(path), []
    for row in store.view().worklist(Filters(), per_page=1000).to_dict("records"):
        patient, drug, protocol = course_of(row)
        site = "" if missing(row["site"]) else row["site"]
        for kind, to in (("comment", ""), ("handover", called(patient)), ("handover", WHO)):
            number = len(entries) + 1
            entries.append(
                Entry(number, str(number), datetime(2024, 1, 1, tzinfo=UTC), f"{site}@example.org", "clinician",
                      patient, site, drug, protocol, seen(row), None, kind, addressee=to,
                      words=f"spoke with {called(patient)}")
            )  # fmt: skip
    Journal(path.with_suffix(".journal.duckdb")).put_back(entries)
    store.close()


@pytest.fixture(scope="module")
def of_others(ids):
    """A patient of another site, as his id and as his name."""
    patient = of_site(ids, OTHERS)
    return patient, called(patient)


@pytest.fixture
def handed_out(monkeypatch):
    return watched_downloads(monkeypatch)


@pytest.fixture
def offered(monkeypatch):
    """What makes the files of a page, not yet asked for."""
    makers = []
    usual = st.download_button

    def watched(label, data, *arguments, **named):
        makers.append(data)
        return usual(label, b"", *arguments, **named)

    monkeypatch.setattr(st, "download_button", watched)
    return makers


def addresses(of_others, own, day):
    """Ways to ask each page for what is not one's own; `search` and `find` are typed."""
    patient, name = of_others
    asked = {
        "panel": [{}, {"search": patient}, {"search": name}, {"site": OTHERS}, {"site": [OWN, OTHERS]},
                  {"since": day}, {"as_of": day}, {"as_of": day, "search": name}, {"page": "2"}],
        "patient": [{}, {"patient": patient}, {"patient": patient, "as_of": day}, {"patient": name},
                    {"patient": "' OR 1=1 --"}, {"find": patient}, {"find": name}, {"patient": own}],
        "adherence": [{}, {"site": OTHERS}, {"measure": "hold_given", "ending": "not_met"},
                      {"measure": "routine_count", "show": "clinician", "as_of": day}],
        "cohort": [{}, {"site": OTHERS}, {"as_of": day}],
        "protocols": [{}, {"part": "try"}],
        "changes_if": [{"protocol": "dasatinib-guideline", "instead": "dasatinib-cp-us"},
                       {"protocol": "dasatinib-guideline", "instead": "dasatinib-cp-us", "as_of": day}],
        "wall": [{}, {"site": OTHERS}],
        "data": [{}, {"check": "anc_without_doses"}, {"reason": "not a number"}, {"check": "low_resolution"},
                 {"check": "units_missing"}, {"check": "duplicates"}],
        "access": [{}],
    }  # fmt: skip
    return asked


def asked_at(page, database, address, *, alone=False):
    """A page at an address, within the dashboard; `alone`: without it, as a link to the page itself might try."""
    app = app_at(f"pages/{page}.py" if alone else "dashboard.py", {}, timeout=120)
    typed = {name: said for name, said in address.items() if name in ("search", "find")}
    for name, said in address.items():
        if name not in typed:
            app.query_params[name] = said
    app = app.run() if alone else app.switch_page(f"pages/{page}.py").run()
    for field in (field for field in app.text_input if field.key in typed):
        app = field.set_value(typed[field.key]).run()
    return app


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
def test_no_page_and_no_file_says_more_than_was_granted(
    who, page, database, ids, of_others, past, handed_out, monkeypatch
):
    role, sites, names = READERS[who]
    reader = reads_as(monkeypatch, role, sites, names=names)
    seen = set(sites or (*wards.SITES, NOWHERE))
    for address in addresses(of_others, of_site(ids, OWN), past)[page]:
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


def test_the_walk_would_find_a_leak_in_files_and_in_the_journal(database, ids, monkeypatch):
    reads_as(monkeypatch, "admin")
    assert NAME.search(drawn(asked_at("data", database, {})))
    reads_as(monkeypatch, "clinician")
    own = of_site(ids, OWN)
    app = asked_at("patient", database, {"patient": own})
    assert f"spoke with {called(own)}" in drawn(app).replace("\\", "")
    reads_as(monkeypatch, "quality", names=False)
    app = asked_at("patient", database, {"patient": own})
    shown = drawn(app).replace("\\", "")
    assert "Handed over to ida@example.org. By North@example.org" in shown and "to a colleague" in shown
    assert "spoke with" not in shown


SMALLER = {
    "another site": (Grant("ward", "clinician", (OWN,), True),),
    "no names": (Grant("ward", "clinician", None, False),),
    "no grant": (),
    "signed out": None,
}


@pytest.mark.parametrize("page", ["panel", "patient", "adherence", "changes_if", "access"])
def test_a_file_is_made_from_what_may_be_seen_when_it_is_asked_for(page, database, of_others, offered, monkeypatch):
    """The page was drawn before a grant was narrowed, and is still open."""
    role = next(role for role in ROLES if page in ROLES[role])
    reads_as(monkeypatch, role)
    address = {"patient": {"patient": of_others[0]}}.get(page) or addresses(of_others, of_others[0], "")[page][0]
    assert not asked_at(page, database, address).exception
    assert offered and all(make() for make in offered)
    log = database.with_name(access_log.FILE)
    for grants in SMALLER.values():
        looks(monkeypatch, None if grants is None else Reader(WHO, tuple(replace(one, role=role) for one in grants)))
        before = len(access_log.read(log, most=None))
        for make in offered:
            with pytest.raises(opened.NotMadeError):
                make()
        lines = access_log.read(log, most=None)
        refused = lines.head(len(offered))
        assert len(lines) == before + len(offered)
        assert {*refused["opened"]} == {"refused"} and {*refused["who"]} == {WHO}


def test_every_file_is_handed_out_in_the_one_way():
    """Which asks again who asks, and makes it for his sign-in alone; and no picture or sound has an address at all."""
    ways = ("download_button", "image", "audio", "video", "pdf", "logo")
    for file in sorted((ROOT / "pages").rglob("*.py")):
        used = [call for call in calls_of(file) if call.split(".")[-1] in ways and call.startswith("st.")]
        assert used == (["st.download_button"] if file.name == "opened.py" else []), file


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
    assert any(said.value.startswith("Showing 1–1 of 1 course") for said in app.caption) == names
    assert any(said.value.startswith("No course fits") for said in app.info) != names


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
    looks(monkeypatch, Reader("bo@example.org", ()))
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
