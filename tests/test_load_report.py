"""The load report: each row of each file is counted once, whatever rests on it and however its file is called."""

import duckdb
import pytest

from leuko import sources

RAW = {
    "labs": "{}, 'anc' AS analyte, '0.5' AS value, 'K/uL' AS unit, '2024-03-01' AS collected_at",
    "exposures": "{}, 'dasatinib' AS drug, '100' AS dose_mg, '2024-01-01' AS start_on",
    "patients": "{}",
}


def report(files, **rows):
    """The report (file: loaded, set aside) of a reader that brings in these sources; `rejected`: those it set aside."""
    with duckdb.connect() as con:
        sources.prepare(con)
        for kind in sources.COLUMNS:
            sources.empty(con, kind)
            for place, source in enumerate(rows.get(kind, ())):
                patient = f"SELECT 'P{place}' AS patient_id, $source AS source"
                con.execute(f"INSERT INTO raw_{kind} BY NAME {RAW[kind].format(patient)}", {"source": source})
        for source in rows.get("rejected", ()):
            con.execute("INSERT INTO malformed VALUES ('labs', ?, '{}', 'not taken')", [source])
        con.executemany("INSERT INTO rows_read VALUES (?, 'labs', ?)", list(files.items()))
        sources.canonical_tables(con)
        found = con.execute("SELECT file, rows_read, loaded, set_aside FROM load_report").fetchall()
        assert {file: read for file, read, *_ in found} == files
        return {file: (loaded, set_aside) for file, _, loaded, set_aside in found}


def numbered(file, *numbers):
    return [f"{file} row {number}" for number in numbers]


def test_a_row_that_gives_a_result_and_a_dose_is_one_row():
    rows = {"labs": numbered("a.csv", 1, 2), "exposures": numbered("a.csv", 2, 3), "patients": numbered("a.csv", 1)}
    assert report({"a.csv": 3}, **rows) == {"a.csv": (3, 0)}


def test_a_row_that_is_loaded_in_part_is_loaded():
    rows = {"labs": [*numbered("a.csv", 1), "a.csv row 2 part 1"], "rejected": ["a.csv row 1", "a.csv row 2 part 2"]}
    assert report({"a.csv": 2}, **rows) == {"a.csv": (2, 0)}


def test_rows_that_add_up_are_counted_each():
    added_up = {"labs": ["a.csv row 1; b.csv row 1", "b.csv row 2"]}
    rows = added_up | {"rejected": ["b.csv row 3; b.csv row 4", "b.csv line 6"]}
    assert report({"a.csv": 1, "b.csv": 5}, **rows) == {"a.csv": (1, 0), "b.csv": (2, 3)}


def test_parts_of_a_row_are_one_row():
    rows = {"labs": ["a.csv row 1 part 1", "a.csv row 1 part 2"], "exposures": ["a.csv row 1 part 3"]}
    assert report({"a.csv": 1}, **rows) == {"a.csv": (1, 0)}


@pytest.mark.parametrize(
    "names", [("a", "a row b"), ("a", "a row"), ("a row", "a row row 1"), ("a", "ab"), ("%", "_ row ")]
)
def test_files_whose_names_begin_alike_are_told_apart(names):
    one, other = names
    rows = {
        "labs": [*numbered(one, 1, 2, 3), *numbered(other, 1, 2)],
        "exposures": numbered(one, 3, 4),
        "rejected": [*numbered(one, 5), *numbered(other, 2, 3)],
    }
    assert report({one: 5, other: 3}, **rows) == {one: (4, 1), other: (2, 1)}


def test_a_result_that_is_nowhere_in_its_file_is_not_counted_for_another():
    assert report({"a.csv": 2}, labs=[*numbered("a.csv", 1), *numbered("b.csv", 2)]) == {"a.csv": (1, 0)}


LABS = "patient_id,analyte,value,unit,collected_at\nP1,anc,0.4,K/uL,2024-03-01\nP1,anc,low,K/uL,2024-03-02\n"
DOSES = """patient_id,drug,dose_mg,start_on
P1,dasatinib,100,2024-01-01
P1,dasatinib,100,2024-02-30
P2,dasatinib,,2024-01-01
"""


def read_from(folder, labs, exposures):
    """The report of two files, by file and kind: rows, loaded, set aside; and what each row is called."""
    files = {"labs": (folder / labs, LABS), "exposures": (folder / exposures, DOSES)}
    for file, text in files.values():
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    with duckdb.connect() as con:
        sources.read_csv(con, **{kind: file for kind, (file, _) in files.items()})
        accounts = con.execute("SELECT file, kind, rows_read, loaded, set_aside FROM load_report").fetchall()
        named = "SELECT source FROM labs UNION ALL SELECT source FROM exposures UNION ALL SELECT source FROM rejected"
        rows = sorted(source for (source,) in con.execute(named).fetchall())
        return {(file, kind): numbers for file, kind, *numbers in accounts}, rows


def test_two_files_of_one_name_are_told_apart_by_the_kind_of_their_rows(tmp_path):
    accounts, named = read_from(tmp_path, "counts/2024.csv", "doses/2024.csv")
    assert accounts == {("2024.csv (labs)", "labs"): [2, 1, 1], ("2024.csv (exposures)", "exposures"): [3, 1, 2]}
    assert named == sorted([*numbered("2024.csv (labs)", 1, 2), *numbered("2024.csv (exposures)", 1, 2, 3)])


@pytest.mark.parametrize("names", [("a", "a row b"), ("a row b", "a"), ("a", "a row 1"), ("a row 1", "a")])
def test_numbered_rows_of_files_whose_names_begin_alike_are_told_apart(tmp_path, names):
    labs, exposures = names
    accounts, named = read_from(tmp_path, labs, exposures)
    assert accounts == {(labs, "labs"): [2, 1, 1], (exposures, "exposures"): [3, 1, 2]}
    assert named == sorted([*numbered(labs, 1, 2), *numbered(exposures, 1, 2, 3)])
