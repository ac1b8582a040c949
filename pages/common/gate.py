"""What stands before Streamlit's own server: headers, the sessions behind a cookie, and who may fetch a file.

Where no sign-in is configured, nobody but this machine is answered. The log of the server gets no words of an
exception or a warning: they may name a patient.
"""

import base64
import hashlib
import ipaddress
import logging
import re
import sys
import threading
import tomllib
import traceback
import warnings
from collections.abc import Mapping
from datetime import UTC, datetime
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from urllib.parse import unquote

import anyio
import streamlit as st
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit import config, file_util

from leuko.access import FILE, AccessError, Reader
from leuko.access_log import LogError, Opened, write
from pages.common import shared, sign_in

NO_SIGN_IN = (
    "no sign-in is configured, so only this machine is answered: give [auth] in .streamlit/secrets.toml, or leave "
    'server.address at "127.0.0.1" (docs/security.md)'
)
OPEN = ("health", "host-config")  # of what is under /_stcore/: no data
INLINE = re.compile(r"<script>(.*?)</script>", re.DOTALL)
HOST = re.compile(r"[\w.:\[\]-]+")
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "strict-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
LOG = logging.getLogger(__name__)


# ---------------------------------------------------------------- the start


def check_start() -> None:
    """End the program with the reason where it would show patients to whoever asks."""
    reason = fault_at_start()
    if reason:
        sys.exit(f"leuko does not start: {reason}")


def fault_at_start() -> str:
    """Why not to start, in one line; empty where all is well."""
    for name in config.get_option("secrets.files"):
        try:
            tomllib.loads(Path(name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            continue
        except (OSError, ValueError):  # its text is a secret
            return f"{name}: cannot be read, so nobody knows whether there is a sign-in"
    if sign_in.is_configured():
        try:
            sign_in.access()
        except AccessError as refused:
            return str(refused).splitlines()[0]
        return "" if config.get_option("server.enableXsrfProtection") else "server.enableXsrfProtection is off"
    if (sign_in.folder() / FILE).exists():
        return f"{FILE} lies beside the database, but no sign-in is configured: [auth] in .streamlit/secrets.toml"
    address = config.get_option("server.address")
    return "" if address == "localhost" or is_loopback(address) else NO_SIGN_IN


def is_loopback(address: str | None) -> bool:
    try:
        return ipaddress.ip_address(address or "").is_loopback
    except ValueError:
        return False


# ---------------------------------------------------------------- every request


class Gate:
    """The ASGI layer around the app."""

    def __init__(self, app: ASGIApp):
        self.app = app
        self.scripts = inline_scripts()
        shared.WITHIN.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
        elif not sign_in.is_configured() and not is_of_this_machine(scope):
            await refuse(scope, receive, send, 403, NO_SIGN_IN)
        elif scope["type"] == "websocket":
            await self.app(scope, receive, send)
        else:
            await self.answer(scope, receive, self.with_headers(scope, send))

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        connection = HTTPConnection(scope)
        first, *rest = [*steps_of(scope["path"]), ""]
        if first == "media":
            who, number = reader_of(connection), Path(rest[0]).stem
            if who is None:
                await refuse(scope, receive, send, 403, "sign in first")
            elif sign_in.DOWNLOADS.is_for_others(number, sign_in.session_of(connection.cookies)):
                refusal = await anyio.to_thread.run_sync(asked_for, connection, who, number, rest[0])
                await refuse(scope, receive, send, *refusal)
            else:
                await self.app(scope, receive, noting(connection, who, number, send))
        elif first == "_stcore" and rest[:1] != ["stream"] and rest[0] not in OPEN and reader_of(connection) is None:
            await refuse(scope, receive, send, 403, "sign in first")
        elif first == "auth" and rest[0] == "logout":
            sign_in.end(connection.cookies)
            await self.app(scope, receive, send)
        elif first == "oauth2callback":
            await self.app(scope, receive, beginning(connection, send))
        else:
            await self.app(scope, receive, send)

    def with_headers(self, scope: Scope, send: Send) -> Send:
        """Send with the headers of every answer."""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                headers["Content-Security-Policy"] = self.policy(Headers(scope=scope).get("host", ""))
                if steps_of(scope["path"])[:1] == ["media"]:
                    headers["Cache-Control"] = "no-store"
            await send(message)

        return sending

    def policy(self, host: str) -> str:
        """What a page of this host may load and ask for: from the host alone."""
        sockets = f" ws://{host} wss://{host}" if HOST.fullmatch(host) else ""
        return (
            f"default-src 'self'; script-src 'self' 'wasm-unsafe-eval' {self.scripts}; "
            "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
            f"media-src 'self' blob:; connect-src 'self'{sockets}; worker-src 'self' blob:; object-src 'none'; "
            "frame-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
        )


def inline_scripts() -> str:
    """The scripts that stand in Streamlit's own page, as a policy names them: by their hash."""
    page = Path(file_util.get_static_dir(), "index.html").read_text(encoding="utf-8")
    hashes = (hashlib.sha256(text.encode()).digest() for text in INLINE.findall(page))
    return " ".join(f"'sha256-{base64.b64encode(each).decode()}'" for each in hashes)


def is_of_this_machine(scope: Scope) -> bool:
    """Whether it was asked from this machine at an address of it; a proxy's word on who asks is believed."""
    ends = (scope.get("server"), scope.get("client"))
    return all(end is not None and is_loopback(end[0]) for end in ends)


def steps_of(path: str) -> list[str]:
    """The parts of a path, after the one under which the app is served."""
    steps = [step for step in path.split("/") if step]
    under = [step for step in config.get_option("server.baseUrlPath").split("/") if step]
    return steps[len(under) :] if under and steps[: len(under)] == under else steps


def reader_of(connection: HTTPConnection) -> Reader | None:
    """Who asks, with a role that opens anything; None where nobody is signed in or the table was refused."""
    try:
        who = sign_in.reader_of(connection.cookies)
    except AccessError:
        return None
    return who if who and who.pages else None


async def refuse(scope: Scope, receive: Receive, send: Send, status: int, reason: str) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008})
    else:
        await PlainTextResponse(f"leuko: {reason}\n", status)(scope, receive, send)


def noting(connection: HTTPConnection, who: Reader, number: str, send: Send) -> Send:
    """Send a file to the session that it was made for, once the access log has a line of it.

    403 in its place for any other session, which the log has too; 503 where the log cannot be written. `number`: the
    id that the server gives a file. What is no download is part of a page, and the same for everybody.
    """
    refused = False

    async def sending(message: Message) -> None:
        nonlocal refused
        file = name_of_file(Headers(raw=message["headers"])) if message["type"] == "http.response.start" else ""
        if file and message["status"] in (200, 206):
            status, reason = await anyio.to_thread.run_sync(asked_for, connection, who, number, file)
            if reason:
                refused = True
                await PlainTextResponse(f"leuko: {reason}\n", status)(connection.scope, no_more, send)
        if not refused:
            await send(message)

    return sending


async def no_more() -> Message:
    return {"type": "http.disconnect"}


def asked_for(connection: HTTPConnection, who: Reader, number: str, file: str) -> tuple[int, str]:
    """Write down that a file was asked for; the status and, where it is not handed out, the reason."""
    session = sign_in.session_of(connection.cookies)
    is_own = not sign_in.is_configured() or sign_in.DOWNLOADS.is_for(number, session)
    address = connection.client.host if connection.client else ""
    opened = "file" if is_own else "refused"
    said = Opened(datetime.now(UTC), who.who, ", ".join(who.roles), address, opened, "", file, who.sub, who.iss)
    try:
        write(sign_in.log_file(), said)
    except (LogError, AccessError):
        return 503, "the access log cannot be written, so nothing is handed out"
    return (200, "") if is_own else (403, "this file was made for somebody else, or for a sign-in that is over")


def name_of_file(headers: Headers) -> str:
    """`2026-03-31-handover.html`, as the answer names it for the disk; empty for what is part of a page."""
    said = headers.get("content-disposition", "")
    found = re.search(r"filename\*=utf-8''([^;]*)|filename=\"([^\"]*)\"", said)
    if found:
        return unquote(found[1] or found[2] or "nameless")
    return "nameless" if said else ""


def beginning(connection: HTTPConnection, send: Send) -> Send:
    """Send the answer of a sign-in, and begin the session whose cookies it sets; the one before ends."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            set_now = cookies_of(Headers(raw=message["headers"]))
            if set_now:
                sign_in.end(connection.cookies)
                sign_in.begin(set_now)
        await send(message)

    return sending


def cookies_of(headers: Headers) -> Mapping[str, str]:
    """The cookies that an answer sets, without those that it takes away."""
    found = {}
    for said in headers.getlist("set-cookie"):
        try:
            found |= {name: cookie.value for name, cookie in SimpleCookie(said).items() if cookie.value}
        except CookieError:
            continue
    return found


# ---------------------------------------------------------------- what goes wrong


def calm(_: Exception) -> bool:
    """What a user sees where a page fails: one sentence; True keeps Streamlit from adding its own."""
    st.error("Something went wrong on this page. Nothing was changed; the server's log says where it was.")
    return True


def keep_names_out_of_the_log() -> None:
    """From now on every log of this process has exceptions and warnings with their places and types alone."""
    usual = logging.getLogRecordFactory()

    def record(*arguments: object, **named: object) -> logging.LogRecord:
        made = usual(*arguments, **named)
        made.msg = wordless(made.msg)
        if isinstance(made.args, tuple):
            made.args = tuple(map(wordless, made.args))
        if made.exc_info and made.exc_info[1] is not None:
            made.exc_text = told(made.exc_info[1])  # which a formatter takes in place of its own
        return made

    logging.setLogRecordFactory(record)
    warnings.formatwarning = lambda _, kind, file, number, code=None: f"{file}:{number}: {kind.__name__}\n"
    sys.excepthook = lambda kind, error, trace: uncaught(error)
    sys.unraisablehook = threading.excepthook = lambda failed: uncaught(failed.exc_value)


def uncaught(error: BaseException | None) -> None:
    if error is not None:
        LOG.error("nothing caught this", exc_info=error)


def wordless(said: object) -> object:
    """What a message is made of, an exception by its type alone."""
    return type(said).__name__ if isinstance(said, BaseException) else said


def told(error: BaseException) -> str:
    """An exception as the log has it: where and of which type. Its words may name a patient, and none of them stay."""
    lines, seen = [], set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        frames = "".join(traceback.format_tb(error.__traceback__))
        lines.append(f"Traceback (most recent call last):\n{frames}{type(error).__name__}")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\n\nafter\n\n".join(lines)
