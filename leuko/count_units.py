"""The unit in which a site reads its counts (ANC, platelets, WBC): cells/µL or ×10⁹/L.

Every stored count, threshold and table is in cells/µL; only what is shown is in the unit of the setting `count_unit`.
A sentence that is kept in a database is written at the load, so a database is shown in the unit of its load.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

import duckdb

from leuko.facts import read_rows

SETTING = "count_unit"


@dataclass(frozen=True)
class CountUnit:
    """`name`: as in `settings.toml`; `words`: as on a screen; one of it is 10 to the `power` of cells/µL."""

    name: str
    words: str
    power: int

    def exact(self, cells: float) -> Decimal:
        return Decimal(repr(float(cells))).scaleb(-self.power)

    def value(self, cells: float) -> float:
        """A count as a number of this unit: 430 cells/µL is 0.43."""
        return float(self.exact(cells))

    def number(self, cells: float) -> str:
        """A count in digits of this unit, without the unit: `430` or `0.43`, `1,000` or `1`."""
        return in_digits(self.exact(cells))

    def said(self, cells: float) -> str:
        """A count with its unit: `430 cells/µL`, `0.43 ×10⁹/L`."""
        return f"{self.number(cells)} {self.words}"

    @property
    def behind(self) -> str:
        """What stands behind a count in a sentence of the rule, where a bare number is cells/µL."""
        return f" {self.words}" if self.power else ""

    def sentence(self, cells: float) -> str:
        """A count as a sentence of the rule says it: `430`, `0.43 ×10⁹/L`."""
        return f"{self.number(cells)}{self.behind}"


def in_digits(number: Decimal) -> str:
    """`1,250` or `0.5`: as many decimals as there are, no more and no fewer, since 499.9999999 is below 500."""
    exact = f"{number:,f}"
    return exact.rstrip("0").rstrip(".") if "." in exact else exact


def names() -> tuple[str, ...]:
    """The units that a site may choose, as its settings name them; the first is that of every stored count."""
    return tuple(row["unit"] for row in read_rows("count_units"))


def named(name: str) -> CountUnit:
    """KeyError for a name that is not in `count_units.csv`."""
    units = {row["unit"]: CountUnit(row["unit"], row["words"], int(row["power"])) for row in read_rows("count_units")}
    return units[name]


CELLS = named(names()[0])


def chosen(settings: Mapping) -> CountUnit:
    """The unit of these settings, by name (see `leuko.settings`)."""
    return named(settings[SETTING].value)


def at_load(con: duckdb.DuckDBPyConnection) -> CountUnit:
    """The unit in which the sentences of a published database were written."""
    (name,) = con.execute("SELECT value FROM settings_at_load WHERE name = ?", [SETTING]).fetchall()[0]
    return named(name)
