"""The site's settings: the defaults, what a file may change, and every way in which it is refused."""

import pytest

from leuko import count_units
from leuko.facts import read_rows
from leuko.settings import SettingsError, default_settings, read_settings, with_values

DEFAULTS = {
    "hold_grace_days": 1,
    "restart_within_days": 7,
    "follow_up_every_days": 7,
    "follow_up_grace_days": 0,
    "routine_grace_days": 3,
    "cause_within_days": 14,
    "antibiotics_within_minutes": 60,
    "restart_mean_days": 7,
    "dose_mean_days": 14,
    "reduction_percent": 20,
    "gcsf_after_days": 14,
    "gcsf_from_episode": 3,
    "minimum_denominator": 10,
    "count_unit": "cells/uL",
}
NUMBERS = [name for name in DEFAULTS if name != "count_unit"]
GRACE = [name for name in DEFAULTS if name.endswith("_grace_days")]


@pytest.fixture
def written(tmp_path):
    """`written(text)`: the settings of a folder whose settings.toml has this text."""

    def read(text):
        content = text if isinstance(text, bytes) else text.encode()
        (tmp_path / "settings.toml").write_bytes(content)
        return read_settings(tmp_path)

    return read


def test_without_a_file_every_setting_has_its_default(tmp_path):
    settings = read_settings(tmp_path)
    assert {name: setting.value for name, setting in settings.items()} == DEFAULTS
    assert settings == default_settings() == read_settings(tmp_path / "missing")
    assert not any(setting.changed for setting in settings.values())


@pytest.mark.parametrize("name", NUMBERS)
def test_every_setting_says_what_it_is_in_which_unit_and_where_it_comes_from(name):
    setting = default_settings()[name]
    assert setting.name == name
    units = {"days": "days", "minutes": "minutes", "percent": "%", "episode": "episodes", "denominator": "events"}
    assert setting.unit == units[name.split("_")[-1]]
    assert setting.what and setting.source
    assert setting.least <= setting.default <= setting.most


def test_the_table_has_no_empty_cell():
    of_words, of_numbers = {"unit", "least", "most"}, {"choices"}
    for row in read_rows("settings"):
        empty = {column for column, cell in row.items() if not cell}
        assert empty == (of_words if row["choices"] else of_numbers), row["name"]


def test_the_unit_of_counts_is_one_of_those_that_are_known(written):
    assert default_settings()["count_unit"].choices == count_units.names()
    for name in count_units.names():
        assert written(f'count_unit = "{name}"')["count_unit"].value == name


@pytest.mark.parametrize(("value", "said"), [('"10^6/L"', ", not '10^6/L'"), ("3", ", not 3"), ('["10^9/L"]', "")])
def test_another_unit_is_refused_in_one_line(written, value, said):
    with pytest.raises(SettingsError) as refused:
        written(f"count_unit = {value}")
    assert str(refused.value) == f'settings.toml: count_unit: must be "cells/uL" or "10^9/L"{said}'


def test_a_file_changes_what_it_names_and_nothing_else(written):
    settings = written("# our ward\nhold_grace_days = 2\nminimum_denominator = 5\n")
    changed = {name: setting.value for name, setting in settings.items() if setting.changed}
    assert changed == {"hold_grace_days": 2, "minimum_denominator": 5}
    assert settings["hold_grace_days"].default == 1
    assert list(settings) == list(DEFAULTS)


def test_a_file_that_writes_the_default_changes_nothing(written):
    assert not written("hold_grace_days = 1")["hold_grace_days"].changed


@pytest.mark.parametrize("text", ["", "# nothing\n", b"\xef\xbb\xbfhold_grace_days = 1\r\n"])
def test_an_empty_file_and_one_of_windows_are_read(written, text):
    assert written(text) == default_settings()


@pytest.mark.parametrize("name", NUMBERS)
def test_the_lowest_and_the_highest_value_are_taken_and_those_beyond_refused(written, name):
    known = default_settings()[name]
    assert known.least == (0 if name in GRACE else 1)
    for value in (known.least, known.most):
        assert written(f"{name} = {value}")[name].value == value
    for value in (known.least - 1, known.most + 1):
        with pytest.raises(SettingsError) as refused:
            written(f"{name} = {value}")
        wanted = f"must be a whole number from {known.least:,} to {known.most:,}, not {value}"
        assert str(refused.value) == f"settings.toml: {name}: {wanted}"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("true", ", not true"),
        ("false", ", not false"),
        ("1.5", ", not 1.5"),
        ("2.0", ", not 2.0"),
        ("nan", ", not nan"),
        ("inf", ", not inf"),
        ("-inf", ", not -inf"),
        ('"2"', ", not '2'"),
        ('"""2\n3"""', ", not '2\\n3'"),
        ("2026-03-01", ", not 2026-03-01"),
        ("-1", ", not -1"),
        ("[2]", ""),
        ("{ days = 2 }", ""),
    ],
)
def test_what_is_no_whole_number_in_range_is_refused_in_one_line(written, value, said):
    with pytest.raises(SettingsError) as refused:
        written(f"hold_grace_days = {value}")
    assert str(refused.value) == f"settings.toml: hold_grace_days: must be a whole number from 0 to 3,650{said}"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("hold_grace_day = 2", "hold_grace_day: is not a known setting, did you mean hold_grace_days?"),
        ("colour = 2", "colour: is not a known setting"),
        ("[audit]\nhold_grace_days = 2", "audit: is not a known setting"),
        ('"a\\nb" = 2', "a b: is not a known setting"),
    ],
)
def test_an_unknown_name_is_refused(written, text, line):
    with pytest.raises(SettingsError) as refused:
        written(text)
    assert str(refused.value) == f"settings.toml: {line}"


def test_every_fault_has_its_line(written):
    with pytest.raises(SettingsError) as refused:
        written("colour = 2\nhold_grace_days = true\ncause_within_days = 30")
    assert [line.split(": ")[1] for line in str(refused.value).splitlines()] == ["colour", "hold_grace_days"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("hold_grace_days = ", "is not valid TOML"),
        ("hold_grace_days = 1\nhold_grace_days = 2", "is not valid TOML"),
        (f"hold_grace_days = {'9' * 5000}", "is not valid TOML"),
        (b"hold_grace_days = 1 # \xff", "is not UTF-8 text"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_in_one_line(written, content, reason):
    with pytest.raises(SettingsError) as refused:
        written(content)
    assert str(refused.value).startswith(f"settings.toml: the file: {reason}")
    assert "\n" not in str(refused.value)


def test_a_folder_of_that_name_is_refused(tmp_path):
    (tmp_path / "settings.toml").mkdir()
    with pytest.raises(SettingsError, match="cannot be read"):
        read_settings(tmp_path)


def test_a_reader_changes_settings_for_a_while_by_the_same_checks(written):
    site = written("hold_grace_days = 2")
    asked = with_values(site, {"hold_grace_days": 3}, "the address")
    assert (asked["hold_grace_days"].value, asked["hold_grace_days"].default) == (3, 1)
    assert site["hold_grace_days"].value == 2
    with pytest.raises(SettingsError, match="the address: hold_grace_days: must be a whole number"):
        with_values(site, {"hold_grace_days": -1}, "the address")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("hold_grace_days", 0, "0 days"),
        ("hold_grace_days", 1, "1 day"),
        ("cause_within_days", 1200, "1,200 days"),
        ("antibiotics_within_minutes", 1, "1 minute"),
        ("reduction_percent", 20, "20 %"),
        ("gcsf_from_episode", 1, "1 episode"),
        ("minimum_denominator", 1, "1 event"),
        ("count_unit", "10^9/L", "10^9/L"),
    ],
)
def test_a_setting_reads_as_words(name, value, words):
    assert with_values(default_settings(), {name: value}, "test")[name].in_words == words


def test_nothing_is_shared_between_two_readings(tmp_path):
    first = read_settings(tmp_path)
    first.pop("hold_grace_days")
    assert "hold_grace_days" in read_settings(tmp_path)
