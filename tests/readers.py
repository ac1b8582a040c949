"""Somebody who reads with a role, for tests of pages: there is no sign-in in them."""

from leuko.access import Grant, Reader
from pages.common import sign_in

WHO = "ida@example.org"


def reads_as(monkeypatch, role, sites=None, *, names=True, who=WHO, sub="") -> Reader:
    """From now on whoever looks at a page has this role at these sites (None: all), and this number, where he has."""
    reader = Reader(who, (Grant("ward", role, sites, names),), sub, "https://sso.example.org" if sub else "")
    looks(monkeypatch, reader)
    return reader


def looks(monkeypatch, reader: Reader | None) -> None:
    """From now on this is who looks at a page, and who asks for its files."""
    monkeypatch.setattr(sign_in, "reader_of", lambda cookies: reader)


def nobody_reads(monkeypatch) -> None:
    looks(monkeypatch, None)
