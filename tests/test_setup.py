"""The settings and pins that the project's promises rest on."""

import http.client
import re
import tomllib

import pytest
from streamlit import config

from tests.serving import ROOT

SETTINGS = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))


def pins(name):
    """{package: version} of a requirements file."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    plain = (re.sub(r"\[\w+\]", "", line) for line in lines if re.match(r"[A-Za-z]", line))
    return dict(line.lower().replace("_", "-").split("==") for line in plain)


def option_names(settings, prefix=""):
    for name, value in settings.items():
        if isinstance(value, dict):
            yield from option_names(value, f"{prefix}{name}.")
        else:
            yield prefix + name


@pytest.mark.parametrize("option", list(option_names(SETTINGS)))
def test_streamlit_knows_every_option_we_set(option):
    """A misspelt or withdrawn option would be ignored with a line in a log that nobody reads."""
    assert option in config.get_config_options()


def test_nothing_of_a_patient_leaves_the_machine():
    assert SETTINGS["server"]["address"] == "127.0.0.1"
    assert SETTINGS["browser"]["gatherUsageStats"] is False
    assert SETTINGS["client"]["showErrorDetails"] == "none"
    assert set(SETTINGS["server"]["allowedHosts"]) == {"localhost", "127.0.0.1"}


@pytest.mark.parametrize("requirements", ["requirements.txt", "requirements-dev.txt", "requirements-spark.txt"])
def test_every_requirement_is_pinned_as_the_constraints_have_it(requirements):
    assert pins(requirements).items() <= pins("constraints.txt").items()


def test_the_interpreter_that_make_asks_for_is_the_one_the_package_declares():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["requires-python"] == ">=3.11"
    assert "sys.version_info < (3, 11)" in (ROOT / "Makefile").read_text(encoding="utf-8")


def handshake_status(url, host):
    """The server's answer to a WebSocket handshake that names `host`."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)
    headers = {
        "Host": host,
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "bGV1a28gbGV1a28gbGV1aw==",
    }
    connection.request("GET", "/_stcore/stream", headers=headers)
    try:
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize(("host", "status"), [("localhost", 101), ("127.0.0.1", 101), ("evil.example", 403)])
def test_only_this_machine_may_be_named_as_host(server, tmp_path_factory, host, status):
    """Against DNS rebinding: no page of another site reaches the dashboard through a browser here."""
    missing = tmp_path_factory.getbasetemp() / "missing.duckdb"
    assert handshake_status(server(missing).url, host) == status
