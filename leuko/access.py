"""Who may see what: roles, the pages of each, and the grants of `access.toml` beside the database.

A grant ties a value of the sign-in token (a group, or an e-mail address) to a role and to sites. What a reader may see
on a page is a `Sight`, by the first of his roles that has that page, so that two roles together open no more than each
alone; everything that reads patients asks for one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from leuko.toml_files import read_toml

FILE = "access.toml"
ROLES = {  # the pages of each role, the first of which opens first
    "clinician": ("panel", "patient", "cohort", "protocols", "wall"),
    "quality": ("panel", "patient", "adherence", "cohort", "protocols", "changes_if", "wall"),
    "admin": ("data", "access", "protocols"),
}
WHOLE = ("access",)  # pages that cannot be narrowed to sites: only for those who see all
DECIDES = "clinician"  # the role that records decisions in the journal; whoever has the pages reads them there
NAMED = {"clinician": True, "quality": False, "admin": False}  # whether a role sees names unless its grant says so
NAMES_OF_A_READER = ("email", "preferred_username", "sub")
USUAL_HOURS, MOST_HOURS = 8, 168


class AccessError(ValueError):
    """The table was refused, and nobody sees anything. The text is one line a fault: file, place and reason."""


@dataclass(frozen=True)
class Sight:
    """Whose patients may be seen: those of these sites (None: of all, and those without a site), and their names."""

    sites: tuple[str, ...] | None = None
    names: bool = True


EVERYTHING = Sight()


@dataclass(frozen=True)
class Grant:
    """A value of the token, and what it opens: a role at these sites (None: all), with or without names."""

    value: str
    role: str
    sites: tuple[str, ...] | None
    names: bool


@dataclass(frozen=True)
class Person:
    """Somebody as he is called, and his account: its provider and his number there, empty where that is not known."""

    name: str
    account: str = ""

    def is_reader(self, reader: "Person") -> bool:
        """Whether a reader is meant: by the account where that is known, else by the name, in any capitals.

        Another account may have come to the same name or e-mail address later.
        """
        if self.account:
            return self.account == reader.account
        return self.name.lower() == reader.name.lower()


@dataclass(frozen=True)
class Reader:
    """Somebody who reads, and what was granted to him; without a grant he sees no page.

    `sub` and `iss`: his number at the provider that signed him in, and that provider; empty without a sign-in.
    """

    who: str
    grants: tuple[Grant, ...]
    sub: str = ""
    iss: str = ""

    @property
    def person(self) -> Person:
        return Person(self.who, f"{self.iss} {self.sub}" if self.sub else "")

    @property
    def roles(self) -> tuple[str, ...]:
        return tuple(role for role in ROLES if any(grant.role == role for grant in self.grants))

    @property
    def pages(self) -> tuple[str, ...]:
        """The pages that he may open, the one that opens first in front."""
        listed = dict.fromkeys(page for role in self.roles for page in ROLES[role])
        return tuple(page for page in listed if self.sight(page))

    @property
    def may_decide(self) -> bool:
        """Whether he may record what was decided; of whom, his sight of the patient's page says."""
        return DECIDES in self.roles

    def shares(self, sites: tuple[str, ...] | None) -> bool:
        """Whether a page shows him patients of one of these sites (None: of all)."""
        sights = [self.sight(page) for page in self.pages]
        return any(sites is None or sight.sites is None or {*sites} & {*sight.sites} for sight in sights)

    def sight(self, page: str) -> Sight | None:
        """What he may see on a page; None: he may not open it."""
        role = next((role for role in self.roles if page in ROLES[role]), None)
        granted = [grant for grant in self.grants if grant.role == role]
        if not granted:
            return None
        everywhere = any(grant.sites is None for grant in granted)
        if page in WHOLE and not everywhere:
            return None
        sites = None if everywhere else tuple(sorted({site for grant in granted for site in grant.sites}))
        return Sight(sites, all(grant.names for grant in granted))


# Whoever sits at the machine itself, where there is no sign-in.
LOCAL = Reader("this machine", tuple(Grant("", role, None, True) for role in ROLES))


@dataclass(frozen=True)
class Access:
    """The table: who gets which grant, by which claim of the token, and how long a sign-in lasts.

    `log`: the file of the access log, None for the one beside the database.
    """

    session_hours: float
    claim: str
    grants: tuple[Grant, ...]
    log: Path | None = None

    def reader(self, claims: Mapping) -> Reader:
        """Who signed in with these claims, and his grants; an address that nobody verified grants nothing."""
        values = set(values_of(self.claim, claims)) if may_be_believed(self.claim, claims) else set()
        granted = tuple(grant for grant in self.grants if grant.value in values)
        return Reader(name_of(claims), granted, text_of(claims, "sub"), text_of(claims, "iss"))


def name_of(claims: Mapping) -> str:
    """What a reader is called: his verified e-mail address, else his user name, else the number the provider gave."""
    told = (claims.get(name) for name in NAMES_OF_A_READER if may_be_believed(name, claims))
    return next((name for name in told if isinstance(name, str) and name), "nameless")


def text_of(claims: Mapping, name: str) -> str:
    return claims[name] if isinstance(claims.get(name), str) else ""


def may_be_believed(claim: str, claims: Mapping) -> bool:
    """False for an e-mail address that the provider does not say it verified: whoever likes may have typed it."""
    return claim != "email" or claims.get("email_verified") in (True, "true")


def values_of(claim: str, claims: Mapping) -> Iterable[str]:
    """The values of a claim, one or a list; `realm_access.roles` is looked up in steps where no claim has that name."""
    found = claims.get(claim)
    if found is None:
        found = claims
        for part in claim.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
    listed = [found] if isinstance(found, str) else found if isinstance(found, list | tuple) else []
    return (value for value in listed if isinstance(value, str))


def read_access(folder: str | Path) -> Access:
    """The table of the `access.toml` in the folder of a database.

    Raises AccessError, one line a fault, where it is missing, cannot be read or says anything that is not known.
    """
    try:
        written = read_toml(Path(folder) / FILE, lambda reason: AccessError(f"{FILE}: {reason}"))
    except FileNotFoundError as missing:
        raise AccessError(f"{FILE}: there is none beside the database, so nobody may see anything") from missing
    faults = [*faults_of(written)]
    if faults:
        raise AccessError("\n".join(f"{FILE}: {fault}" for fault in faults))
    log = written.get("log")
    return Access(
        written.get("session_hours", USUAL_HOURS),
        written.get("claim", "groups"),
        tuple(map(grant_from, written.get("grant", ()))),
        None if log is None else Path(folder) / log,
    )


def grant_from(row: Mapping) -> Grant:
    sites = None if row["sites"] == "all" else tuple(row["sites"])
    return Grant(row["value"], row["role"], sites, row.get("names", NAMED[row["role"]]))


def faults_of(written: Mapping) -> Iterable[str]:
    yield from unknown(written, ("session_hours", "claim", "log", "grant"))
    hours = written.get("session_hours", USUAL_HOURS)
    if isinstance(hours, bool) or not isinstance(hours, int | float) or not 0 < hours <= MOST_HOURS:
        yield f"session_hours: must be a number above 0 and up to {MOST_HOURS}"
    for name in ("claim", "log"):
        if name in written and not is_text(written[name]):
            yield f"{name}: must be a text"
    grants = written.get("grant", [])
    if not isinstance(grants, list) or not all(isinstance(row, dict) for row in grants):
        yield "grant: must be written as [[grant]]"
        return
    if not grants:
        yield "grant: there is none, so nobody may see anything"
    for number, row in enumerate(grants, start=1):
        yield from (f"grant {number}: {fault}" for fault in faults_of_grant(row))


def faults_of_grant(row: Mapping) -> Iterable[str]:
    yield from unknown(row, ("value", "role", "sites", "names"))
    if not is_text(row.get("value")):
        yield "value: must be a text, one value of the claim"
    if row.get("role") not in tuple(ROLES):
        yield f"role: must be one of {', '.join(ROLES)}"
    sites = row.get("sites")
    listed = isinstance(sites, list) and sites and all(is_text(site) for site in sites)
    if sites != "all" and not listed:
        yield 'sites: must be a list of sites such as ["ZRH"], or "all"'
    if not isinstance(row.get("names", True), bool):
        yield "names: must be true or false"


def unknown(written: Mapping, known: tuple[str, ...]) -> Iterable[str]:
    return (f"{' '.join(name.split())}: is not known here" for name in written if name not in known)


def is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())
