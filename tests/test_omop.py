"""Reading an OMOP common data model: concepts to analytes, units and drugs, doses a day, nothing lost."""

import csv
import gzip
import json
import random
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import leuko
from leuko import sources
from leuko.sources import SourceError, omop
from tests.accounted import every_row_is_accounted_for

FACTS = Path(omop.__file__).parents[2]
ANC, WBC, PLATELETS, NEUTROPHILS_PCT, TEMPERATURE = 3013650, 3000905, 3024929, 3008342, 3020891
THOUSAND, PER_MICROLITRE, PERCENT, CELSIUS, FAHRENHEIT, MG = 8848, 8647, 8554, 586323, 9289, 8576
LESS, EQUAL, GREATER, AT_MOST, AT_LEAST = 4171756, 4172703, 4172704, 4171754, 4171755
DASATINIB, IMATINIB, FILGRASTIM = 1358436, 1304107, 1304850
TABLET_100, TABLET_50, PACK, SYRINGE = 501, 502, 503, 504

STRENGTHS = [
    {"drug_concept_id": TABLET_100, "ingredient_concept_id": DASATINIB, "amount_value": 100},
    {"drug_concept_id": TABLET_50, "ingredient_concept_id": DASATINIB, "amount_value": 50},
]


def facts(name):
    with open(FACTS / f"{name}.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


# A test names only the fields it needs; these fill the rest.
USUAL = {
    "person": {"person_id": 1},
    "measurement": {
        "person_id": 1, "measurement_concept_id": ANC, "measurement_date": "2024-03-01", "value_as_number": "0.5",
        "unit_concept_id": THOUSAND,
    },
    "drug_exposure": {
        "person_id": 1, "drug_concept_id": TABLET_100, "drug_exposure_start_date": "2024-01-01",
        "drug_exposure_end_date": "2024-01-30", "quantity": 30, "days_supply": 30,
    },
    "drug_strength": {"amount_unit_concept_id": MG},
    "death": {"person_id": 1, "death_date": "2024-05-01"},
    "condition_occurrence": {"person_id": 1, "condition_concept_id": 0},
}  # fmt: skip


def tables(**given):
    """The tables of a model: rows as dicts over what is usual; person and measurement are always there."""
    rows = {"person": [{}], "measurement": []} | given
    return {name: [USUAL.get(name, {}) | row for row in listed] for name, listed in rows.items()}


def columns(name, rows):
    required = omop.COLUMNS[name][0]
    return [*dict.fromkeys([*required, *(column for row in rows for column in row)])]


def write(folder, **given):
    """Write the tables as CSV files named in capitals, as OHDSI does."""
    for name, rows in tables(**given).items():
        with open(folder / f"{name.upper()}.csv", "w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, columns(name, rows), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    return folder


@pytest.fixture
def con():
    return duckdb.connect()


@pytest.fixture
def read(con, tmp_path):
    """`read(measurement=[{...}], ...)` reads tables of these rows; gives the connection."""

    def read_tables(**given):
        omop.read(con, write(tmp_path, **given))
        every_row_is_accounted_for(con)
        return con

    return read_tables


def rows(con, query):
    return con.execute(query).fetchall()


def one(con, query):
    (row,) = rows(con, query)
    return row


def rejected(con):
    return rows(con, "SELECT source, reason FROM rejected ORDER BY source")


# ---- the tables of codes -----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["unit_codes", "drug_codes", "comparator_codes"])
def test_every_code_stands_once_and_has_a_source(name):
    known = facts(name)
    assert len({(row["system"], row["code"]) for row in known}) == len(known)
    assert all(row["source"] for row in known)


def test_every_unit_of_a_code_is_one_of_the_known_units_or_a_mass():
    spelled = {row["spelling"] for row in facts("units") if row["quantity"] != "refused"}
    assert {row["unit"] for row in facts("unit_codes")} <= spelled | {"mg", "g", "ug"}


def test_growth_factors_are_known_drugs():
    known = {row["code"]: row["drug"] for row in facts("drug_codes") if row["system"] == "omop"}
    for row in facts("growth_factor_drugs"):
        assert known[row["omop"]] == row["drug"]


# ---- measurements ------------------------------------------------------------------------------

CONCEPTS = [(row["code"], row["analyte"]) for row in facts("codes") if row["system"] == "omop"]
UNIT_OF = {"temperature": CELSIUS, "neutrophils_pct": PERCENT, "bands_pct": PERCENT, "segs_pct": PERCENT}


@pytest.mark.parametrize(("concept", "analyte"), CONCEPTS)
def test_a_concept_is_an_analyte(read, concept, analyte):
    unit = UNIT_OF.get(analyte, THOUSAND)
    con = read(measurement=[{"measurement_concept_id": concept, "unit_concept_id": unit, "value_as_number": 38}])
    assert one(con, "SELECT analyte FROM labs") == (analyte,)


@pytest.mark.parametrize(
    ("concept", "printed", "analyte"),
    [
        (0, "751-8", "anc"),
        ("", "751-8", "anc"),
        (0, "777-3", "platelets"),
        (0, "758-3", None),  # neutrophils in ascites
        (0, "WBC", None),  # a site's own word: white cells of what?
        (0, "anc", None),
        (0, str(ANC), None),  # a site's own number
        (3023314, "751-8", None),  # the concept says haematocrit
        (0, "", None),
    ],
)
def test_a_loinc_code_speaks_only_where_there_is_no_concept(read, concept, printed, analyte):
    con = read(measurement=[{"measurement_concept_id": concept, "measurement_source_value": printed}])
    assert [found for (found,) in rows(con, "SELECT analyte FROM labs")] == ([analyte] if analyte else [])
    assert rejected(con) == ([] if analyte else [("MEASUREMENT.csv row 1", "analyte not known")])


@pytest.mark.parametrize(
    ("value", "cells"), [("0.414", 414), ("414.600", 414_600), ("1.001", 1001), ("0.5", 500), ("0.4999999", 499.9999)]
)
def test_values_are_exact(read, value, cells):
    con = read(measurement=[{"value_as_number": value, "measurement_concept_id": WBC}])
    assert one(con, "SELECT value, raw_value FROM labs") == (cells, value)


FACTORS = {"8848": 1000, "8961": 1000, "9444": 1000, "8816": 1000, "44777588": 1000, "8647": 1, "8784": 1, "8785": 1}


@pytest.mark.parametrize(("unit", "factor"), FACTORS.items())
def test_a_unit_concept_has_its_factor(read, unit, factor):
    con = read(measurement=[{"unit_concept_id": unit, "value_as_number": "1.5"}])
    assert one(con, "SELECT value FROM labs") == (1.5 * factor,)


@pytest.mark.parametrize(
    ("concept", "unit", "value", "expected"),
    [
        (NEUTROPHILS_PCT, PERCENT, "45.5", 45.5),
        (TEMPERATURE, CELSIUS, "38.3", 38.3),
        (TEMPERATURE, FAHRENHEIT, "100.4", 38),
    ],
)
def test_percentages_and_temperatures(read, concept, unit, value, expected):
    con = read(measurement=[{"measurement_concept_id": concept, "unit_concept_id": unit, "value_as_number": value}])
    assert one(con, "SELECT value FROM labs") == (expected,)


@pytest.mark.parametrize(
    ("unit", "printed", "value", "reason"),
    [
        (0, "10*3/uL", 500, None),
        ("", "K/uL", 500, None),
        ("", "/uL", 0.5, None),
        (0, "", None, "unit missing"),
        ("", "", None, "unit missing"),
        ("", "wells", None, "unit unknown"),
        (8713, "10*3/uL", None, "unit unknown"),  # g/dL by its concept: what was printed does not outvote it
        (THOUSAND, "K/uL", 500, None),
        (THOUSAND, "thou", 500, None),  # an unknown spelling contradicts nothing
        (THOUSAND, "/uL", None, "unit unknown"),
        (PER_MICROLITRE, "K/uL", None, "unit unknown"),
        (THOUSAND, "%", None, "unit unknown"),
        (THOUSAND, "G/L", 500, None),
        (PERCENT, "%", None, "percentage under a count"),
        (0, "%", None, "percentage under a count"),
    ],
)
def test_the_unit_is_the_concept_else_what_was_printed_and_never_guessed(read, unit, printed, value, reason):
    con = read(measurement=[{"unit_concept_id": unit, "unit_source_value": printed}])
    assert rows(con, "SELECT value FROM labs") == ([(value,)] if value else [])
    assert rejected(con) == ([("MEASUREMENT.csv row 1", reason)] if reason else [])


def test_a_refused_measurement_keeps_its_concepts_and_its_patient(read):
    con = read(measurement=[{"unit_concept_id": PERCENT, "unit_source_value": "%", "measurement_id": 7}])
    patient, record = one(con, "SELECT patient_id, raw_record FROM rejected")
    assert patient == "1"
    assert json.loads(record) == {
        "patient_id": "1", "analyte": "anc", "value": "0.5", "unit": "%", "raw_unit": "%",
        "collected_at": "2024-03-01", "measurement_id": "7", "measurement_concept_id": str(ANC),
        "unit_concept_id": str(PERCENT), "unit_source_value": "%",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("operator", "printed", "comparator", "reason"),
    [
        ("", "", "", None),
        (0, "", "", None),
        (EQUAL, "", "", None),
        (LESS, "", "<", None),
        (GREATER, "", ">", None),
        (LESS, "<0.5", "<", None),
        (0, "<0.5", "<", None),  # the sign that was printed is not lost
        (EQUAL, ">0.5", ">", None),
        (GREATER, "<0.5", None, "comparator not known"),  # published mappings confuse these two
        (AT_MOST, "", None, "comparator not known"),
        (AT_LEAST, "", None, "comparator not known"),
        (4172705, "", None, "comparator not known"),
    ],
)
def test_the_operator_is_a_comparator(read, operator, printed, comparator, reason):
    con = read(measurement=[{"operator_concept_id": operator, "value_source_value": printed}])
    assert rows(con, "SELECT comparator, value FROM labs") == ([] if reason else [(comparator, 500)])
    assert rejected(con) == ([("MEASUREMENT.csv row 1", reason)] if reason else [])


@pytest.mark.parametrize(
    ("number", "printed", "found"),
    [
        ("", "0.4", ("", 400)),
        ("", "<0.1", ("<", 100)),
        ("0.5", "0.4", ("", 500)),
        ("", "UNABLE TO REPORT", "not a number"),
        ("", "<", "not a number"),
        ("", "", "not a number"),
        ("NaN", "", "not a number"),
    ],
)
def test_what_the_source_printed_speaks_where_there_is_no_number(read, number, printed, found):
    con = read(measurement=[{"value_as_number": number, "value_source_value": printed}])
    if isinstance(found, tuple):
        assert one(con, "SELECT comparator, value FROM labs") == found
    else:
        assert rejected(con) == [("MEASUREMENT.csv row 1", found)]


@pytest.mark.parametrize(
    ("day", "moment", "clock", "collected"),
    [
        ("2024-03-01", "", "", "2024-03-01 00:00:00"),
        ("2024-03-01", "2024-03-01 08:15:00", "", "2024-03-01 08:15:00"),
        ("2024-03-01", "2024-03-01T08:15:00", "09:00", "2024-03-01 08:15:00"),
        ("2024-03-01", "", "08:15", "2024-03-01 08:15:00"),
        ("2024-03-01 00:00:00", "", "08:15:30", "2024-03-01 08:15:30"),
        ("2024-03-01", "2024-03-01", "08:15", "2024-03-01 08:15:00"),
        ("2024-03-01", "2024-03-01", "2024-03-01", "2024-03-01 00:00:00"),  # a date stands where a time should
        ("", "2024-03-01", "", "2024-03-01 00:00:00"),
        ("", "", "08:15", None),
        ("01.03.2024", "", "", None),
        ("2024-02-30", "", "", None),
    ],
)
def test_the_moment_else_the_day_with_its_time(read, day, moment, clock, collected):
    con = read(
        measurement=[{"measurement_date": day, "measurement_datetime": moment, "measurement_time": clock}],
    )
    assert rows(con, "SELECT CAST(collected_at AS TEXT) FROM labs") == ([(collected,)] if collected else [])
    assert rejected(con) == ([] if collected else [("MEASUREMENT.csv row 1", "no date")])


def test_reference_range_stands_in_the_unit_of_the_value(read):
    con = read(measurement=[{"range_low": "1.8", "range_high": "7.7"}])
    assert one(con, "SELECT ref_low, ref_high FROM labs") == (1800, 7700)


@pytest.mark.parametrize("nothing", ["", "\\N", "NULL", "  "])
def test_words_for_nothing_are_missing(read, nothing):
    con = read(measurement=[{"person_id": nothing}, {"range_low": nothing, "operator_concept_id": nothing}])
    assert one(con, "SELECT ref_low, comparator FROM labs") == (None, "")
    assert rejected(con) == [("MEASUREMENT.csv row 1", "no patient")]


def test_ids_that_a_data_frame_made_decimal_are_whole(read):
    con = read(
        person=[{"person_id": "12.0", "year_of_birth": "1998.0", "month_of_birth": "4.0", "day_of_birth": "9.0"}],
        measurement=[{"person_id": "12.0", "measurement_concept_id": f"{ANC}.0", "unit_concept_id": f"{THOUSAND}.0"}],
    )
    assert one(con, "SELECT patient_id, value FROM labs") == ("12", 500)
    assert one(con, "SELECT patient_id, birth_date FROM patients") == ("12", date(1998, 4, 9))


# ---- patients ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "born"),
    [
        ({"year_of_birth": 1998, "month_of_birth": 4, "day_of_birth": 9}, date(1998, 4, 9)),
        ({"birth_datetime": "1998-04-09 00:00:00"}, date(1998, 4, 9)),
        ({"year_of_birth": 1998}, None),  # a year is no day
        ({"year_of_birth": 1998, "month_of_birth": 4}, None),
    ],
)
def test_the_day_of_birth(read, given, born):
    assert one(read(person=[given]), "SELECT birth_date FROM patients") == (born,)


def test_a_day_of_birth_that_does_not_exist_sets_the_person_aside(read):
    con = read(person=[{"year_of_birth": 1998, "month_of_birth": 13, "day_of_birth": 9}])
    assert rejected(con) == [("PERSON.csv row 1", "no date")]


@pytest.mark.parametrize(("gender", "sex"), [(8507, "male"), (8532, "female"), (0, None), (8551, None)])
def test_the_sex(read, gender, sex):
    assert one(read(person=[{"gender_concept_id": gender}]), "SELECT sex FROM patients") == (sex,)


def test_the_site_and_the_clinician_are_named_else_numbered(read):
    con = read(
        person=[
            {"person_id": 1, "care_site_id": 10, "provider_id": 20},
            {"person_id": 2, "care_site_id": 11, "provider_id": 21},
            {"person_id": 3},
        ],
        care_site=[{"care_site_id": 10, "care_site_name": "North"}],
        provider=[{"provider_id": 20, "provider_name": "Dr Adeyn"}],
    )
    assert rows(con, "SELECT patient_id, site, clinician FROM patients ORDER BY ALL") == [
        ("1", "North", "Dr Adeyn"),
        ("2", "care site 11", "provider 21"),
        ("3", None, None),
    ]
    # looked up, not counted
    assert {file for (file,) in rows(con, "SELECT file FROM load_report")} == {"PERSON.csv", "MEASUREMENT.csv"}


def test_a_death_stands_with_the_patient_whose_row_it_is(read):
    con = read(person=[{"person_id": 1}, {"person_id": 2}], death=[{"person_id": 2, "death_date": "2024-05-01"}])
    assert rows(con, "SELECT patient_id, died_on FROM patients ORDER BY ALL") == [
        ("1", None),
        ("2", date(2024, 5, 1)),
    ]


def test_a_death_of_nobody_in_person_is_not_lost(read):
    con = read(person=[{"person_id": 1}], death=[{"person_id": 9}])
    assert rows(con, "SELECT patient_id, died_on FROM patients ORDER BY ALL") == [("1", None), ("9", date(2024, 5, 1))]


def test_deaths_that_cannot_be_used_are_set_aside_and_the_patient_stays(read):
    con = read(
        person=[{"person_id": 1}, {"person_id": 2}],
        death=[
            {"person_id": 1, "death_date": "2024-05-02"},
            {"person_id": 1, "death_date": "2024-05-01"},
            {"person_id": 1, "death_date": "2024-05-01"},
            {"person_id": 2, "death_date": "in May"},
        ],
    )
    assert rows(con, "SELECT patient_id, died_on FROM patients ORDER BY ALL") == [
        ("1", date(2024, 5, 1)),
        ("2", None),
    ]
    assert rejected(con) == [
        ("DEATH.csv row 1", "another death date stands in DEATH.csv row 2"),
        ("DEATH.csv row 3", "duplicate of DEATH.csv row 2"),
        ("DEATH.csv row 4", "no date"),
    ]


def test_diagnoses_are_joined_in_the_order_in_which_they_were_first_recorded(read):
    con = read(
        condition_occurrence=[
            {"condition_concept_id": 77, "condition_start_date": "2024-02-01", "condition_source_value": "C92.1"},
            {"condition_concept_id": 0, "condition_start_date": "2023-01-01", "condition_source_value": "local 12"},
            {"condition_concept_id": 77, "condition_start_date": "2024-03-01", "condition_source_value": "C92.1"},
            {"condition_concept_id": 78, "condition_start_date": "2024-04-01"},
            {"condition_concept_id": 0},
        ],
        concept=[{"concept_id": 77, "concept_name": "Chronic myeloid leukemia"}],
    )
    assert one(con, "SELECT diagnosis FROM patients") == ("local 12; Chronic myeloid leukemia; concept 78",)
    assert rejected(con) == [("CONDITION_OCCURRENCE.csv row 5", "no diagnosis")]
    assert ("CONDITION_OCCURRENCE.csv", "patients", 5, 4, 1) in rows(con, "FROM load_report")


def test_a_person_listed_twice_is_loaded_once(read):
    con = read(person=[{"person_id": 1, "gender_concept_id": 8507}, {"person_id": 1, "gender_concept_id": 8532}])
    assert one(con, "SELECT sex FROM patients") == ("male",)
    assert rejected(con) == [("PERSON.csv row 2", "patient listed twice")]


# ---- doses -------------------------------------------------------------------------------------


def exposures(con):
    return rows(
        con,
        """SELECT drug, dose_mg, CAST(start_on AS TEXT), CAST(end_on AS TEXT), source FROM exposures
        ORDER BY start_on, source""",
    )


def test_a_dose_a_day_is_the_strength_times_the_quantity_over_the_days(read):
    con = read(drug_exposure=[{"stop_reason": "Low counts"}], drug_strength=STRENGTHS)
    assert exposures(con) == [("dasatinib", 100, "2024-01-01", "2024-01-30", "DRUG_EXPOSURE.csv row 1")]
    assert one(con, "SELECT dose_unit, end_reason FROM exposures") == ("mg", "low counts")


@pytest.mark.parametrize(
    ("amount", "unit", "quantity", "days", "dose"),
    [
        (100, MG, "60", "30", 200),
        ("0.1", 8504, "30", "30", 100),
        ("500", 9655, "14.000", "14.0", 0.5),
        ("20", MG, "7", "14", 10),
        ("0.3", MG, "7", "7", 0.3),
        ("2.5", MG, "28", "28", 2.5),
        ("100", MG, "10", "30", 33.333333333),
        ("1e2", MG, "30", "30", 100),
    ],
)
def test_doses_are_exact_decimals(read, amount, unit, quantity, days, dose):
    con = read(
        drug_exposure=[{"quantity": quantity, "days_supply": days}],
        drug_strength=[STRENGTHS[0] | {"amount_value": amount, "amount_unit_concept_id": unit}],
    )
    assert one(con, "SELECT dose_mg FROM exposures") == (dose,)


@given(
    st.decimals(Decimal("0.001"), 2000, places=3),
    st.decimals(Decimal("0.5"), 400, places=1),
    st.integers(1, 400),
)
@settings(max_examples=12)
def test_every_dose_is_the_fraction_rounded_once(tmp_path_factory, amount, quantity, days):
    con = duckdb.connect()
    row = {"quantity": str(quantity), "days_supply": days}
    folder = write(
        tmp_path_factory.mktemp("dose"),
        drug_exposure=[row],
        drug_strength=[STRENGTHS[0] | {"amount_value": str(amount)}],
    )
    omop.read(con, folder)
    ((dose,),) = rows(con, "SELECT dose_mg FROM exposures")
    exact = Fraction(amount) * Fraction(quantity) / days
    assert abs(Fraction(dose) - exact) <= Fraction(6, 10**10)
    if exact * 10**9 % 1 == 0:
        assert dose == float(exact)


@pytest.mark.parametrize(
    ("exposure", "strength", "reason"),
    [
        ({"drug_concept_id": 0}, {}, "no drug concept"),
        ({"drug_concept_id": 999}, {}, "no strength"),
        ({"drug_concept_id": DASATINIB}, {}, "no strength"),
        ({}, {"amount_value": ""}, "no strength"),
        ({}, {"amount_value": "", "numerator_value": 5}, "strength is a concentration"),
        ({}, {"amount_value": 0}, "strength not a number above 0"),
        ({}, {"amount_value": "much"}, "strength not a number above 0"),
        ({}, {"amount_unit_concept_id": 8718}, "strength not in mg"),
        ({}, {"amount_unit_concept_id": ""}, "strength not in mg"),
        ({}, {"amount_unit_concept_id": THOUSAND}, "strength not in mg"),
        ({"quantity": "0.000"}, {}, "quantity 0 or missing"),
        ({"quantity": ""}, {}, "quantity 0 or missing"),
        ({"quantity": -3}, {}, "quantity not a number above 0"),
        ({"quantity": "a box"}, {}, "quantity not a number above 0"),
        ({"days_supply": 0}, {}, "days_supply 0 or missing"),
        ({"days_supply": ""}, {}, "days_supply 0 or missing"),
        ({"days_supply": -1}, {}, "days_supply not a whole number above 0"),
        ({"days_supply": "a month"}, {}, "days_supply not a whole number above 0"),
        ({"drug_exposure_end_date": "2023-12-31"}, {}, "ends before it starts"),
        ({"drug_exposure_start_date": ""}, {}, "no date"),
        ({"drug_exposure_end_date": "later"}, {}, "no date"),
        ({"person_id": ""}, {}, "no patient"),
    ],
)
def test_a_row_whose_dose_cannot_be_had_is_set_aside_with_the_reason(read, exposure, strength, reason):
    con = read(drug_exposure=[exposure], drug_strength=[STRENGTHS[0] | strength])
    assert exposures(con) == []
    assert rejected(con) == [("DRUG_EXPOSURE.csv row 1", reason)]


def test_a_dose_that_was_set_aside_is_still_known_as_one_of_its_patient_drug_and_day(read):
    con = read(drug_exposure=[{"quantity": 0}], drug_strength=STRENGTHS)
    patient, record = one(con, "SELECT patient_id, raw_record FROM rejected")
    assert patient == "1"
    assert json.loads(record) == {
        "patient_id": "1", "drug": "dasatinib", "start_on": "2024-01-01", "drug_concept_id": str(TABLET_100),
        "drug_exposure_end_date": "2024-01-30", "quantity": "0", "days_supply": "30",
    }  # fmt: skip


def test_a_strength_that_was_withdrawn_holds_only_where_none_is_valid(read):
    old = STRENGTHS[0] | {"amount_value": 70, "invalid_reason": "D"}
    con = read(drug_exposure=[{}], drug_strength=[old, STRENGTHS[0]])
    assert one(con, "SELECT dose_mg FROM exposures") == (100,)
    con = read(drug_exposure=[{}], drug_strength=[old])
    assert one(con, "SELECT dose_mg FROM exposures") == (70,)


def test_two_valid_strengths_of_one_ingredient_are_not_chosen_between(read):
    con = read(drug_exposure=[{}], drug_strength=[STRENGTHS[0], STRENGTHS[0] | {"amount_value": 70}])
    assert rejected(con) == [("DRUG_EXPOSURE.csv row 1", "two strengths of one ingredient")]


def test_other_drugs_are_loaded_by_name_else_by_number(read):
    con = read(
        drug_exposure=[{"drug_concept_id": 601}, {"drug_concept_id": 602}],
        drug_strength=[
            {"drug_concept_id": 601, "ingredient_concept_id": 701, "amount_value": 10},
            {"drug_concept_id": 602, "ingredient_concept_id": 702, "amount_value": 10},
        ],
        concept=[{"concept_id": 701, "concept_name": "Mercaptopurine"}],
    )
    assert [row[0] for row in exposures(con)] == ["mercaptopurine", "concept 702"]


def test_of_a_combination_the_known_ingredient_has_the_row(read):
    con = read(
        drug_exposure=[{"drug_concept_id": PACK}],
        drug_strength=[
            {"drug_concept_id": PACK, "ingredient_concept_id": 701, "amount_value": 10},
            {"drug_concept_id": PACK, "ingredient_concept_id": IMATINIB, "amount_value": 400},
        ],
    )
    assert exposures(con) == [("imatinib", 400, "2024-01-01", "2024-01-30", "DRUG_EXPOSURE.csv row 1")]


def test_a_row_of_several_records_is_parted_and_counted_once(read):
    con = read(
        drug_exposure=[{"drug_concept_id": PACK}],
        drug_strength=[
            {"drug_concept_id": PACK, "ingredient_concept_id": 701, "amount_value": 10},
            {"drug_concept_id": PACK, "ingredient_concept_id": 702, "amount_value": ""},
        ],
    )
    assert [(row[0], row[4]) for row in exposures(con)] == [("concept 701", "DRUG_EXPOSURE.csv row 1 part 1")]
    assert rejected(con) == [("DRUG_EXPOSURE.csv row 1 part 2", "no strength")]
    assert ("DRUG_EXPOSURE.csv", "exposures", 1, 1, 0) in rows(con, "FROM load_report")


def test_an_ancestor_names_a_drug_without_a_strength(read):
    con = read(
        drug_exposure=[{"drug_concept_id": 999}],
        concept_ancestor=[
            {"ancestor_concept_id": DASATINIB, "descendant_concept_id": 999},
            {"ancestor_concept_id": 21600001, "descendant_concept_id": 999},
        ],
    )
    assert one(con, "SELECT reason, raw_record ->> 'drug' FROM rejected") == ("no strength", "dasatinib")


def test_an_ancestor_adds_nothing_to_a_strength(read):
    con = read(
        drug_exposure=[{}],
        drug_strength=STRENGTHS,
        concept_ancestor=[{"ancestor_concept_id": DASATINIB, "descendant_concept_id": TABLET_100}],
    )
    assert [row[:2] for row in exposures(con)] == [("dasatinib", 100)]
    assert rejected(con) == []


def test_rows_on_the_same_dates_add_up(read):
    con = read(
        drug_exposure=[{}, {"drug_concept_id": TABLET_50}, {"drug_concept_id": TABLET_50, "person_id": 2}],
        drug_strength=STRENGTHS,
    )
    assert exposures(con) == [
        ("dasatinib", 150, "2024-01-01", "2024-01-30", "DRUG_EXPOSURE.csv row 1; DRUG_EXPOSURE.csv row 2"),
        ("dasatinib", 50, "2024-01-01", "2024-01-30", "DRUG_EXPOSURE.csv row 3"),
    ]
    assert ("DRUG_EXPOSURE.csv", "exposures", 3, 3, 0) in rows(con, "FROM load_report")


def test_thirds_add_up_to_a_whole(read):
    third = {"quantity": 10, "days_supply": 30}
    con = read(
        drug_exposure=[third | {"drug_exposure_id": number} for number in (1, 2, 3)], drug_strength=STRENGTHS
    )
    assert one(con, "SELECT dose_mg FROM exposures") == (100,)


def test_a_prescription_and_its_dispensing_are_one_dose(read):
    con = read(
        drug_exposure=[{"drug_type_concept_id": 32838}, {"drug_type_concept_id": 32825}], drug_strength=STRENGTHS
    )
    assert [row[1] for row in exposures(con)] == [100, 100]


def test_a_refill_that_overlaps_stays_apart(read):
    refill = {"drug_exposure_start_date": "2024-01-28", "drug_exposure_end_date": "2024-02-26"}
    con = read(drug_exposure=[{}, refill], drug_strength=STRENGTHS)
    assert [row[1:3] for row in exposures(con)] == [(100, "2024-01-01"), (100, "2024-01-28")]


@pytest.mark.parametrize(("days", "end"), [(30, "2024-01-30"), (1, "2024-01-01")])
def test_without_an_end_the_days_supplied_end_it(read, days, end):
    con = read(
        drug_exposure=[{"drug_exposure_end_date": "", "days_supply": days, "quantity": days}], drug_strength=STRENGTHS
    )
    assert exposures(con)[0][3] == end


@pytest.mark.parametrize(
    ("end", "days"),
    [
        ("2024-01-01", ["2024-01-01"]),
        ("", ["2024-01-01"]),
        ("2024-01-03", ["2024-01-01", "2024-01-02", "2024-01-03"]),
    ],
)
def test_a_growth_factor_without_a_dose_is_an_event_on_each_of_its_days(read, end, days):
    con = read(
        drug_exposure=[{"drug_concept_id": SYRINGE, "drug_exposure_end_date": end, "quantity": 1, "days_supply": 1}],
        drug_strength=[
            {"drug_concept_id": SYRINGE, "ingredient_concept_id": FILGRASTIM, "amount_value": "", "numerator_value": 1}
        ],
    )
    found = rows(con, "SELECT kind, value, CAST(CAST(occurred_at AS DATE) AS TEXT) FROM events ORDER BY occurred_at")
    assert found == [("gcsf", "filgrastim", day) for day in days]
    assert ("DRUG_EXPOSURE.csv", "exposures", 1, 1, 0) in rows(con, "FROM load_report")


def test_a_repeated_growth_factor_is_one_event(read):
    given = {"drug_exposure_id": 1, "drug_concept_id": FILGRASTIM, "drug_exposure_end_date": "2024-01-01"}
    con = read(drug_exposure=[given, given | {"quantity": 2}])
    assert one(con, "SELECT count(*) FROM events") == (1,)
    assert rejected(con) == [
        ("DRUG_EXPOSURE.csv row 2", "another row with this id stands in DRUG_EXPOSURE.csv row 1")
    ]


def test_a_growth_factor_with_unusable_dates_is_set_aside(read):
    con = read(
        drug_exposure=[{"drug_concept_id": FILGRASTIM, "drug_exposure_end_date": "2023-12-31"}], drug_strength=[]
    )
    assert rejected(con) == [("DRUG_EXPOSURE.csv row 1", "no strength")]


# ---- repeated rows -----------------------------------------------------------------------------


def test_exact_repeats_of_a_measurement_are_loaded_once(read):
    again = {"measurement_id": 7}
    con = read(measurement=[again, {"measurement_id": 8}, again, again | {"value_as_number": "0.7"}, again])
    assert sorted(value for (value,) in rows(con, "SELECT value FROM labs")) == [500, 500, 700]
    assert rejected(con) == [
        ("MEASUREMENT.csv row 3", "duplicate of MEASUREMENT.csv row 1"),
        ("MEASUREMENT.csv row 5", "duplicate of MEASUREMENT.csv row 1"),
    ]


def test_a_repeated_dose_does_not_add_up(read):
    con = read(
        drug_exposure=[
            {"drug_exposure_id": 1},
            {"drug_exposure_id": 1},
            {"drug_exposure_id": 1, "stop_reason": "discontinued"},
            {"drug_exposure_id": 2},
        ],
        drug_strength=STRENGTHS,
    )
    assert [(row[1], row[4]) for row in exposures(con)] == [
        (200, "DRUG_EXPOSURE.csv row 1; DRUG_EXPOSURE.csv row 4")
    ]
    assert rejected(con) == [
        ("DRUG_EXPOSURE.csv row 2", "duplicate of DRUG_EXPOSURE.csv row 1"),
        ("DRUG_EXPOSURE.csv row 3", "another row with this id stands in DRUG_EXPOSURE.csv row 1"),
    ]


# ---- files -------------------------------------------------------------------------------------


def canonical(con):
    """What stands in the canonical tables, whatever the rows are called."""
    kept = {
        "labs": "patient_id, analyte, value, comparator, collected_at, raw_value, raw_unit, ref_low, ref_high",
        "exposures": "patient_id, drug, dose_mg, start_on, end_on, end_reason",
        "patients": "patient_id, birth_date, sex, site, clinician, diagnosis, died_on",
        "events": "patient_id, kind, value, occurred_at",
        "rejected": "patient_id, kind, reason",
    }
    return {table: rows(con, f"SELECT {names} FROM {table} ORDER BY ALL") for table, names in kept.items()}


SMALL = {
    "person": [{"person_id": 1, "gender_concept_id": 8532, "care_site_id": 4}, {"person_id": 2}],
    "care_site": [{"care_site_id": 4, "care_site_name": "North"}],
    "measurement": [{}, {"value_as_number": "0.414"}, {"unit_concept_id": PERCENT}, {"measurement_concept_id": 5}],
    "drug_exposure": [{}, {"quantity": 0}],
    "drug_strength": STRENGTHS,
    "death": [{"person_id": 2}],
    "condition_occurrence": [{"condition_concept_id": 77}],
    "concept": [{"concept_id": 77, "concept_name": 'Leukemia, "chronic"'}],
}
TYPES = {
    "measurement_date": "DATE", "value_as_number": "DECIMAL(12, 3)", "drug_exposure_start_date": "DATE",
    "drug_exposure_end_date": "DATE", "death_date": "DATE", "quantity": "DOUBLE", "care_site_name": "TEXT",
    "concept_name": "TEXT", "amount_value": "DOUBLE",
}  # fmt: skip


def typed(con, folder, prefix=""):
    """The CSV files of a folder as tables of `con`, with the types of the model."""
    for file in sorted(folder.glob("*.csv")):
        names = con.execute(f"SELECT * FROM read_csv('{file}', all_varchar = true) LIMIT 0").description
        chosen = ", ".join(f"CAST({name} AS {TYPES.get(name, 'INTEGER')}) AS {name.upper()}" for name, *_ in names)
        con.execute(f"CREATE TABLE {prefix}{file.stem} AS SELECT {chosen} FROM read_csv('{file}', all_varchar = true)")
        yield file.stem


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "csv"
    place.mkdir()
    return write(place, **SMALL)


@pytest.fixture
def expected(folder):
    con = duckdb.connect()
    omop.read(con, folder)
    every_row_is_accounted_for(con)
    found = canonical(con)
    assert [len(found[table]) for table in ("labs", "exposures", "patients", "rejected")] == [2, 1, 2, 3]
    return found


@pytest.mark.parametrize("schema", ["main", "cdm"])
def test_a_duckdb_file_gives_the_same_as_the_folder(con, folder, expected, tmp_path, schema):
    path = tmp_path / "it's a model.duckdb"
    with duckdb.connect(str(path)) as written:
        written.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        assert len(list(typed(written, folder, f"{schema}."))) == len(SMALL)
    omop.read(con, path)
    every_row_is_accounted_for(con)
    same = canonical(con)
    assert [row[:5] for row in same["labs"]] == [row[:5] for row in expected["labs"]]
    assert {name: same[name] for name in same if name != "labs"} == {
        name: expected[name] for name in expected if name != "labs"
    }
    assert ("measurement", "labs", 4, 2, 2) in rows(con, "FROM load_report")
    assert rows(con, "SELECT database_name FROM duckdb_databases() WHERE database_name = 'omop_file'") == []


def test_parquet_gives_the_same_as_csv(con, folder, expected, tmp_path):
    place = tmp_path / "parquet"
    place.mkdir()
    with duckdb.connect() as written:
        for table in typed(written, folder):
            written.execute(f"COPY {table} TO '{place / table.lower()}.parquet'")
    omop.read(con, place)
    every_row_is_accounted_for(con)
    assert canonical(con)["exposures"] == expected["exposures"]
    assert canonical(con)["rejected"] == expected["rejected"]


@pytest.mark.parametrize("ending", [".csv.gz", ".CSV.GZ"])
def test_gzip_and_any_letter_case_give_the_same(con, folder, expected, tmp_path, ending):
    place = tmp_path / "gzip"
    place.mkdir()
    for file in folder.glob("*.csv"):
        header, rest = file.read_bytes().split(b"\n", 1)
        (place / f"{file.stem.title()}{ending}").write_bytes(gzip.compress(header.upper() + b"\n" + rest))
    omop.read(con, place)
    assert canonical(con) == expected


def test_a_moment_with_a_zone_is_read_in_utc_wherever_the_reader_sits(con, folder, tmp_path):
    con.execute("SET TimeZone = 'Asia/Tokyo'")
    (folder / "MEASUREMENT.csv").unlink()
    duckdb.sql(
        f"""COPY (SELECT 1 AS person_id, {ANC} AS measurement_concept_id, 0.5 AS value_as_number,
        {THOUSAND} AS unit_concept_id, DATE '2024-03-01' AS measurement_date,
        TIMESTAMPTZ '2024-03-01 08:15:00+00' AS measurement_datetime) TO '{folder / "measurement.parquet"}'"""
    )
    omop.read(con, folder)
    assert one(con, "SELECT CAST(collected_at AS TEXT) FROM labs") == ("2024-03-01 08:15:00",)


@pytest.mark.parametrize("nothing", ["", "\\N", "NULL", "  "])
def test_words_for_nothing_are_missing_in_typed_files_too(con, folder, nothing):
    (folder / "PERSON.csv").unlink()
    duckdb.sql(
        f"COPY (SELECT 1 AS person_id, 1998 AS year_of_birth, '{nothing}' AS care_site_id) "
        f"TO '{folder / 'person.parquet'}'"
    )
    omop.read(con, folder)
    assert one(con, "SELECT site, birth_date FROM patients WHERE patient_id = '1'") == (None, None)


def test_unknown_columns_are_passed_over_and_unknown_files_are_named(con, folder, expected):
    (folder / "NOTE.csv").write_text("note_id\n1\n")
    (folder / "CONCEPT_cbc_subset.csv").write_text("concept_id\n1\n")
    person = folder / "PERSON.csv"
    person.write_text("\n".join(f"{line},x" for line in person.read_text().splitlines()))
    (said,) = omop.read(con, folder)
    assert canonical(con) == expected
    assert said == f"{folder.name}: not read: CONCEPT_cbc_subset.csv, NOTE.csv"


def test_a_vocabulary_parted_by_tabs_is_not_quoted(con, folder):
    (folder / "CONCEPT.csv").write_text('concept_id\tconcept_name\n76\t"stray\n77\tLeukemia, "chronic"\n')
    omop.read(con, folder)
    assert one(con, "SELECT diagnosis FROM patients WHERE patient_id = '1'") == ('Leukemia, "chronic"',)


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda place: (place / "PERSON.csv").unlink(), "csv: there is no table person"),
        (lambda place: (place / "MEASUREMENT.csv").unlink(), "csv: there is no table measurement"),
        (
            lambda place: (place / "PERSON.csv").write_text("id\n1\n"),
            "PERSON.csv: required column person_id is missing",
        ),
        (
            lambda place: (place / "PERSON.csv").write_text("person_id,Person_ID\n1,2\n"),
            "PERSON.csv: column person_id stands there twice",
        ),
        (lambda place: (place / "PERSON.csv").write_text(""), "PERSON.csv: required column person_id is missing"),
        (lambda place: (place / "PERSON.csv").write_bytes(b"\xff\xfe"), "PERSON.csv: the first line is not UTF-8 text"),
        (
            lambda place: (place / "person.csv.gz").write_bytes(b""),
            "csv: PERSON.csv and person.csv.gz are one table",
        ),
    ],
)
def test_a_folder_that_cannot_be_read_is_refused_in_one_line(con, folder, break_it, message):
    break_it(folder)
    with pytest.raises(SourceError) as refusal:
        omop.read(con, folder)
    assert str(refusal.value) == message


@pytest.mark.parametrize("table", omop.COLUMNS)
def test_every_required_column_is_named_where_it_is_missing(con, folder, table):
    for name in omop.COLUMNS[table][0]:
        (folder / f"{table.upper()}.csv").write_text(
            ",".join(other for other in omop.COLUMNS[table][0] if other != name) + ",more\n"
        )
        with pytest.raises(SourceError, match=f"required column {name} is missing"):
            omop.read(con, folder)


@pytest.mark.parametrize("name", ["none.duckdb", "text.duckdb", "empty.duckdb"])
def test_a_file_that_is_no_model_is_refused_in_one_line(con, tmp_path, name):
    (tmp_path / "text.duckdb").write_text("not a database")
    with duckdb.connect(str(tmp_path / "empty.duckdb")) as empty:
        empty.execute("CREATE TABLE person (person_id INTEGER)")
    with pytest.raises(SourceError) as refusal:
        omop.read(con, tmp_path / name)
    assert str(refusal.value).startswith(f"{name}: ")
    assert "\n" not in str(refusal.value)


def test_lines_that_cannot_be_read_are_set_aside_and_counted(con, folder):
    with open(folder / "MEASUREMENT.csv", "ab") as file:
        file.write(b"1,2,3,4,5,6,7,8\n\xff,1,2,3,4\n")
    with open(folder / "CARE_SITE.csv", "ab") as file:
        file.write(b"5,South,too many\n")
    omop.read(con, folder)
    every_row_is_accounted_for(con)
    report = rows(con, "FROM load_report")
    assert ("MEASUREMENT.csv", "labs", 6, 2, 4) in report
    assert ("CARE_SITE.csv", "patients", 1, 0, 1) in report
    assert rejected(con)[0] == ("CARE_SITE.csv line 3", "malformed line: too many columns")


# ---- nothing lost ------------------------------------------------------------------------------

CELLS = st.sampled_from(
    ["", "0", "1", "2", "-1", "0.0", "33.0", "\\N", "NULL", "<0.1", "2024-01-01", "2024-01-09", "2023-01-01", "x", "é"]
    + ["751-8", "K/uL", "%", "discontinued", "9999-12-31", "1e300", "08:15", "a,b", 'say "no"', "two\nlines", ";"]
    + [str(code) for code in (ANC, WBC, NEUTROPHILS_PCT, THOUSAND, PERCENT, MG, LESS, TABLET_100, PACK, FILGRASTIM)]
)


@st.composite
def models(draw):
    given = {}
    for table in (*omop.RECORDS, "drug_strength", "concept"):
        names = [name for part in omop.COLUMNS[table] for name in part]
        usual = USUAL.get(table, {})
        given[table] = [
            {name: draw(CELLS) if draw(st.integers(0, 3)) == 0 else usual.get(name, "") for name in names}
            for _ in range(draw(st.integers(0, 5)))
        ]
        given[table] += draw(st.lists(st.sampled_from(given[table]), max_size=2)) if given[table] else []
    return given


@given(models())
@settings(max_examples=30)
def test_what_was_read_is_loaded_or_set_aside(tmp_path_factory, given):
    con = duckdb.connect()
    given["drug_strength"] = given["drug_strength"] + [USUAL["drug_strength"] | row for row in STRENGTHS]
    omop.read(con, write(tmp_path_factory.mktemp("model"), **given))
    every_row_is_accounted_for(con)
    counted = {file.removesuffix(".csv").lower(): read for file, _, read, _, _ in rows(con, "FROM load_report")}
    assert counted == {table: len(given[table]) for table in omop.RECORDS}


INSERTED = [b'"', b"\n", b"\r\n", b",", b"\t", b"\x00", b"\xff", b"\\N", b";;;;", b"9"]


def mutated(content, rng):
    """A few bytes of a file changed, taken out, doubled or put in."""
    spoilt = bytearray(content)
    for _ in range(rng.randint(1, 6)):
        place = rng.randrange(len(spoilt) + 1)
        what = rng.choice(["change", "remove", "insert", "double", "cut"])
        if what == "change" and place < len(spoilt):
            spoilt[place] = rng.randrange(256)
        elif what == "remove":
            del spoilt[place : place + rng.randint(1, 20)]
        elif what == "insert":
            spoilt[place:place] = rng.choice(INSERTED)
        elif what == "double":
            spoilt[place:place] = spoilt[place : place + rng.randint(1, 60)]
        elif what == "cut" and rng.random() < 0.2:
            del spoilt[place:]
    return bytes(spoilt)


def read_spoilt(path):
    """Read a model that may be broken: a SourceError of one line, or every row accounted for."""
    con = duckdb.connect()
    try:
        omop.read(con, path)
    except SourceError as refusal:
        assert "\n" not in str(refusal)
    else:
        every_row_is_accounted_for(con)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("shape", ["csv", "csv.gz", "parquet"])
def test_spoilt_files_are_refused_or_accounted_for(folder, tmp_path, seed, shape):
    rng = random.Random(seed)
    if shape == "parquet":
        place = tmp_path / "parquet"
        place.mkdir()
        with duckdb.connect() as written:
            for table in typed(written, folder):
                written.execute(f"COPY {table} TO '{place / table.lower()}.parquet'")
    else:
        place = folder
    for name in rng.sample(sorted(SMALL), 2):
        file = next(file for file in place.iterdir() if file.name.lower().startswith(f"{name}."))
        if shape == "csv.gz":
            content = gzip.compress(file.read_bytes(), mtime=0) if seed % 2 else mutated(file.read_bytes(), rng)
            content = mutated(content, rng) if seed % 2 else gzip.compress(content)
            file.with_suffix(".csv.gz").write_bytes(content)
            file.unlink()
        else:
            file.write_bytes(mutated(file.read_bytes(), rng))
    read_spoilt(place)


@pytest.mark.parametrize("seed", range(10))
def test_a_spoilt_database_is_refused_or_accounted_for(folder, tmp_path, seed):
    path = tmp_path / "model.duckdb"
    with duckdb.connect(str(path)) as written:
        assert list(typed(written, folder))
    path.write_bytes(mutated(path.read_bytes(), random.Random(seed)))
    read_spoilt(path)


# ---- the same cohort in two shapes -------------------------------------------------------------

CONCEPT_OF = {"anc": ANC, "wbc": WBC, "platelets": PLATELETS}
FIRST = date(2024, 1, 1)


def small_cohort(seed):
    """Labs (person, analyte, day, 10*9/L) and doses (person, mg, first day, days) of 12 patients on dasatinib."""
    rng = random.Random(seed)
    labs, doses = [], []
    for person in range(1, 13):
        day = 0
        while day < 300:
            length = rng.choice([14, 28, 28, 30])
            doses.append((person, rng.choice([100, 100, 80, 50]), FIRST + timedelta(day), length))
            day += length + rng.choice([0, 0, 0, 10, 21])
        for day in range(0, 320, rng.choice([5, 7, 11])):
            drawn = FIRST + timedelta(day)
            labs.append((person, "anc", drawn, f"{rng.choice([0.3, 0.5, 0.499, 0.9, 1, 1.2, 2.5])}"))
            labs.append((person, "platelets", drawn, f"{rng.choice([20, 49.9, 50, 120, 250])}"))
            if rng.random() < 0.3:
                labs.append((person, "wbc", drawn, f"{rng.choice([1.1, 3.4, 6])}"))
    return labs, doses


def evaluated(con):
    result = leuko.evaluate(connection=con, as_of=date(2024, 11, 15))
    return {name: getattr(result, name).to_dict("records") for name in ("episodes", "recommendations", "worklist")}


@pytest.mark.parametrize("seed", range(3))
def test_a_cohort_as_csv_and_as_omop_gives_the_same_results(tmp_path, seed):
    labs, doses = small_cohort(seed)
    model = write(
        tmp_path,
        person=[{"person_id": person} for person in range(1, 13)],
        measurement=[
            {"person_id": person, "measurement_concept_id": CONCEPT_OF[analyte], "measurement_date": day,
             "value_as_number": value, "unit_concept_id": 9444}
            for person, analyte, day, value in labs
        ],
        drug_exposure=[
            {"person_id": person, "drug_concept_id": dose, "drug_exposure_start_date": start, "quantity": days,
             "drug_exposure_end_date": start + timedelta(days - 1), "days_supply": days}
            for person, dose, start, days in doses
        ],
        drug_strength=[
            {"drug_concept_id": dose, "ingredient_concept_id": DASATINIB, "amount_value": dose}
            for dose in (100, 80, 50)
        ],
    )  # fmt: skip
    (tmp_path / "labs.csv").write_text(
        "patient_id,analyte,collected_at,value,unit\n"
        + "".join(f"{person},{analyte},{day},{value},10*9/L\n" for person, analyte, day, value in labs)
    )
    (tmp_path / "exposures.csv").write_text(
        "patient_id,drug,dose_mg,start_on,end_on\n"
        + "".join(
            f"{person},dasatinib,{dose},{start},{start + timedelta(days - 1)}\n" for person, dose, start, days in doses
        )
    )
    plain, modelled = duckdb.connect(), duckdb.connect()
    sources.read_csv(plain, labs=tmp_path / "labs.csv", exposures=tmp_path / "exposures.csv")
    omop.read(modelled, model)
    assert rejected(modelled) == []
    one_way, other_way = evaluated(plain), evaluated(modelled)
    assert one_way["episodes"]
    assert str(one_way) == str(other_way)


# ---- a published model -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def synthea(real_data):
    con = duckdb.connect()
    omop.read(con, real_data / "omop-synthea27nj")
    return con


def test_the_published_model_gives_the_counts_stated_for_it(synthea):
    assert rows(synthea, "SELECT analyte, count(*) FROM labs GROUP BY ALL ORDER BY ALL") == [
        ("platelets", 107),
        ("wbc", 107),
    ]
    assert one(synthea, "SELECT count(*) FROM patients") == (28,)
    assert rows(synthea, "SELECT file, rows_read, loaded, set_aside FROM load_report ORDER BY file") == [
        ("DRUG_EXPOSURE.csv", 883, 0, 883),
        ("MEASUREMENT.csv", 532, 214, 318),
        ("PERSON.csv", 28, 28, 0),
    ]


def test_what_the_published_model_lacks_is_said(synthea):
    # it ships no drug_strength, and its quantities are 0; the other measurements are no blood counts of ours
    assert rows(synthea, "SELECT kind, reason, count(*) FROM rejected GROUP BY ALL ORDER BY ALL") == [
        ("exposures", "no strength", 883),
        ("labs", "analyte not known", 318),
    ]


def test_values_of_the_published_model_are_those_printed(synthea):
    assert one(synthea, "SELECT value, raw_value FROM labs WHERE source = 'MEASUREMENT.csv row 1'") == (
        414_600,
        "414.600",
    )
