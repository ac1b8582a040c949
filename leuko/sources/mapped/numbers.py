"""Decimal commas, in the columns that a mapping names as numbers and nowhere else.

0,45 and 1234,5 are decimals whoever wrote them. 1,234 may be a thousand: unless the mapping says which sign is the
decimal one, its row is set aside. So is a 1.234 among decimal commas.
"""

SIGNS = "[<>=≤≥ ]*[+-]?"
WITH_COMMA = f"{SIGNS}[0-9]+,[0-9]+ *"
THOUSANDS_BY_COMMA = f"{SIGNS}[1-9][0-9]{{0,2}}(,[0-9]{{3}})+ *"
THOUSANDS_BY_POINT = f"{SIGNS}[1-9][0-9]{{0,2}}(\\.[0-9]{{3}})+ *"


def decimal_sign(con, table, section):
    """Which decimal sign the numbers of a file have, in words; rows that can be read in two ways go to `undecided`."""
    sign = section.decimal or ("," if _any(con, table, section, WITH_COMMA, but=THOUSANDS_BY_COMMA) else ".")
    unclear = [] if section.decimal else [THOUSANDS_BY_COMMA]
    if sign == ",":
        unclear.append(THOUSANDS_BY_POINT)
    for pattern in unclear:
        con.execute(f"INSERT INTO undecided SELECT row_number FROM {table} WHERE {_matches(section, pattern)}")
    return {",": "decimal comma", ".": "decimal point"}[sign]


def as_written(column, decimal):
    """The SELECT item that turns a decimal comma into a point; whatever else stands in the column stays."""
    if decimal == "decimal comma":
        return f"regexp_replace({column}, '^({SIGNS}[0-9]+),([0-9]+ *)$', '\\1.\\2') AS {column}"
    return f"{column} AS {column}"


def _any(con, table, section, pattern, but):
    found = f"SELECT 1 FROM {table} WHERE {_matches(section, pattern, but)} LIMIT 1"
    return con.execute(found).fetchone() is not None


def _matches(section, pattern, but=None):
    columns = ['"' + name.replace('"', '""') + '"' for name in section.numbers]
    tests = []
    for column in columns:
        test = f"regexp_full_match({column}, '{pattern}')"
        tests.append(f"({test} AND NOT regexp_full_match({column}, '{but}'))" if but else test)
    return " OR ".join(tests)
