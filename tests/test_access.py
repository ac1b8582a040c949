"""Who may see what: the table of grants, and what a grant opens."""

import re

import pytest

from leuko.access import (
    EVERYTHING,
    FILE,
    LOCAL,
    ROLES,
    USUAL_HOURS,
    Access,
    AccessError,
    Grant,
    Reader,
    Sight,
    read_access,
)
from tests.serving import ROOT

PAGES = {
    "panel": "Panel", "patient": "Patient", "cohort": "Cohort", "protocols": "Protocols", "wall": "Large screen",
    "adherence": "Adherence", "changes_if": "What changes if", "data": "Data", "access": "Access log",
}  # fmt: skip
GRANT = '[[grant]]\nvalue = "ward"\nrole = "clinician"\nsites = ["North"]\n'


@pytest.fixture
def table(tmp_path):
    def read(text):
        (tmp_path / FILE).write_text(text, encoding="utf-8")
        return read_access(tmp_path)

    return read


def reader(*grants):
    return Reader("ida@example.org", grants)


CLINICIAN = Grant("ward", "clinician", ("North",), True)
QUALITY = Grant("audit", "quality", None, False)
ADMIN = Grant("keepers", "admin", None, False)


def test_a_grant_says_role_and_sites_and_the_rest_has_its_usual_value(table):
    access = table(GRANT)
    assert access == Access(8, "groups", (CLINICIAN,))


@pytest.mark.parametrize(("role", "names"), [("clinician", True), ("quality", False), ("admin", False)])
def test_names_are_shown_to_clinicians_and_hidden_from_others_unless_granted(table, role, names):
    written = GRANT.replace("clinician", role).replace('["North"]', '"all"')
    assert table(written).grants == (Grant("ward", role, None, names),)
    assert table(f"{written}names = {str(not names).lower()}\n").grants[0].names is not names


@pytest.mark.parametrize(("text", "fault"), [
    ("", "grant: there is none, so nobody may see anything"),
    ("session_hours = 0\n" + GRANT, "session_hours: must be a number above 0 and up to 168"),
    ("session_hours = 169\n" + GRANT, "session_hours: must be a number above 0 and up to 168"),
    ("session_hours = true\n" + GRANT, "session_hours: must be a number above 0 and up to 168"),
    ("session_hours = nan\n" + GRANT, "session_hours: must be a number above 0 and up to 168"),
    ("claim = 3\n" + GRANT, "claim: must be a text"),
    ("log = ''\n" + GRANT, "log: must be a text"),
    ("sites = 'all'\n" + GRANT, "sites: is not known here"),
    ("grant = 3\n", "grant: must be written as [[grant]]"),
    (GRANT.replace("clinician", "doctor"), "grant 1: role: must be one of clinician, quality, admin"),
    (GRANT.replace('"clinician"', "['clinician']"), "grant 1: role: must be one of clinician, quality, admin"),
    (GRANT.replace('["North"]', '"North"'), 'grant 1: sites: must be a list of sites such as ["ZRH"], or "all"'),
    (GRANT.replace('["North"]', "[]"), 'grant 1: sites: must be a list of sites such as ["ZRH"], or "all"'),
    (GRANT.replace('["North"]', '["North", 3]'), 'grant 1: sites: must be a list of sites such as ["ZRH"], or "all"'),
    (GRANT.replace('"ward"', '" "'), "grant 1: value: must be a text, one value of the claim"),
    (GRANT + "names = 1\n", "grant 1: names: must be true or false"),
    (GRANT + GRANT + "nmaes = true\n", "grant 2: nmaes: is not known here"),
])  # fmt: skip
def test_a_table_that_says_anything_else_is_refused_with_the_place_and_the_reason(table, text, fault):
    with pytest.raises(AccessError) as refused:
        table(text)
    assert str(refused.value) == f"access.toml: {fault}"


def test_without_a_table_and_with_one_that_is_no_text_nobody_gets_in(tmp_path):
    with pytest.raises(AccessError, match="there is none beside the database"):
        read_access(tmp_path)
    (tmp_path / FILE).write_bytes(b"\xff\xfe")
    with pytest.raises(AccessError, match="is not UTF-8"):
        read_access(tmp_path)
    (tmp_path / FILE).write_text("[[grant", encoding="utf-8")
    with pytest.raises(AccessError, match="is not valid TOML"):
        read_access(tmp_path)


@pytest.mark.parametrize(("claim", "claims", "is_granted"), [
    ("groups", {"groups": ["ward", "other"]}, True),
    ("groups", {"groups": "ward"}, True),
    ("groups", {"groups": ["WARD"]}, False),
    ("groups", {"groups": [3, None, "ward"]}, True),
    ("groups", {"groups": {"ward": True}}, False),
    ("groups", {"groups": None}, False),
    ("groups", {}, False),
    ("realm_access.roles", {"realm_access": {"roles": ["ward"]}}, True),
    ("https://example.org/groups", {"https://example.org/groups": ["ward"]}, True),
    ("email", {"email": "ward"}, False),
    ("email", {"email": "ward", "email_verified": None}, False),
    ("email", {"email": "ward", "email_verified": "true"}, True),
    ("email", {"email": "ward", "email_verified": True}, True),
    ("email", {"email": "ward", "email_verified": False}, False),
])  # fmt: skip
def test_a_grant_is_found_by_the_claim_that_the_table_names(claim, claims, is_granted):
    found = Access(8, claim, (CLINICIAN,)).reader(claims)
    assert found.grants == ((CLINICIAN,) if is_granted else ())


@pytest.mark.parametrize(("claims", "who"), [
    ({"sub": "7", "preferred_username": "ida", "email": "ida@example.org", "email_verified": True}, "ida@example.org"),
    ({"sub": "7", "preferred_username": "eve", "email": "ida@example.org"}, "eve"),
    ({"sub": "7", "email": "ida@example.org", "email_verified": False}, "7"),
    ({"sub": "7", "preferred_username": "ida"}, "ida"), ({"sub": "7"}, "7"), ({"sub": 7}, "nameless"),
])  # fmt: skip
def test_a_reader_is_called_by_his_address_else_by_what_there_is(claims, who):
    assert Access(8, "groups", ()).reader(claims).who == who


@pytest.mark.parametrize(("claims", "sub", "iss"), [
    ({"sub": "7", "iss": "https://sso.example.org", "email": "ida@example.org"}, "7", "https://sso.example.org"),
    ({"sub": 7, "iss": None}, "", ""), ({}, "", ""),
])  # fmt: skip
def test_a_reader_is_also_an_account_of_a_provider(claims, sub, iss):
    found = Access(8, "groups", ()).reader(claims)
    assert (found.sub, found.iss) == (sub, iss)


@pytest.mark.parametrize(("grants", "sites", "shares"), [
    ((CLINICIAN,), ("North",), True), ((CLINICIAN,), ("North", "South"), True), ((CLINICIAN,), ("South",), False),
    ((CLINICIAN,), None, True), ((QUALITY,), ("South",), True), ((), ("North",), False), ((), None, False),
])  # fmt: skip
def test_readers_share_a_site_where_both_see_it(grants, sites, shares):
    assert reader(*grants).shares(sites) is shares


def test_the_table_that_the_document_shows_is_one_and_its_pages_are_those_of_the_roles(table):
    document = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    examples = re.findall(r"```toml\n(.*?)```", document, re.DOTALL)
    (example,) = (text for text in examples if "[[grant]]" in text)
    assert [grant.role for grant in table(example).grants] == [*ROLES]
    assert table(example).session_hours == USUAL_HOURS and table(example).claim == "groups"
    for role, titles in re.findall(r"^\| `(\w+)` \| (.*) \|$", document, re.MULTILINE):
        named = {title.split(" (")[0] for title in titles.removeprefix("the same, ").split(", ")}
        also = {PAGES[page] for page in ROLES["clinician"]} if titles.startswith("the same") else set()
        assert {PAGES[page] for page in ROLES[role]} == named | also


def test_without_a_grant_there_is_no_page():
    nobody = reader()
    assert nobody.pages == () and nobody.roles == ()
    assert {nobody.sight(page) for pages in ROLES.values() for page in pages} == {None}


@pytest.mark.parametrize(("grants", "page", "sight"), [
    ((CLINICIAN,), "patient", Sight(("North",), True)),
    ((CLINICIAN,), "adherence", None),
    ((CLINICIAN,), "data", None),
    ((CLINICIAN,), "access", None),
    ((CLINICIAN,), "no such page", None),
    ((QUALITY,), "patient", Sight(None, False)),
    ((QUALITY,), "data", None),
    ((ADMIN,), "data", Sight(None, False)),
    ((ADMIN,), "access", Sight(None, False)),
    ((Grant("b", "admin", ("North",), False),), "access", None),
    ((Grant("b", "admin", ("North",), False),), "data", Sight(("North",), False)),
    ((ADMIN,), "panel", None),
    ((CLINICIAN, QUALITY), "adherence", Sight(None, False)),
    ((CLINICIAN, QUALITY), "patient", Sight(("North",), True)),  # not all sites with the names of one
    ((QUALITY, CLINICIAN), "patient", Sight(("North",), True)),
    ((CLINICIAN, ADMIN), "data", Sight(None, False)),
    ((CLINICIAN, Grant("b", "clinician", ("South",), True)), "panel", Sight(("North", "South"), True)),
    ((CLINICIAN, Grant("b", "clinician", ("South", "North"), False)), "panel", Sight(("North", "South"), False)),
])  # fmt: skip
def test_the_first_role_that_has_a_page_decides_so_that_two_roles_open_no_more_than_each(grants, page, sight):
    assert reader(*grants).sight(page) == sight


def test_whoever_sits_at_the_machine_without_a_sign_in_sees_everything():
    assert {LOCAL.sight(page) for page in LOCAL.pages} == {EVERYTHING}
    assert {*LOCAL.pages} == {page for pages in ROLES.values() for page in pages}


def test_every_promise_names_the_tests_that_hold_it_and_the_documents_lead_somewhere():
    document = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    promises = re.findall(r"^\| ([^|`]+) \| ([^|]+) \| ([^|]+) \|$", document, re.MULTILINE)
    assert len(promises) >= 10
    for promise, _, tested in promises[1:]:
        files = re.findall(r"`(tests/\w+\.py)`", tested)
        assert files and all((ROOT / file).exists() for file in files), promise
    for name in ("security", "deploy", "install"):
        text = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
        targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", text)
        assert targets and all((ROOT / "docs" / target).exists() for target in targets), name
