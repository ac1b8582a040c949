"""The SQL and an independent plain reading of the rule give the same answer on random cohorts."""

import pytest
from hypothesis import given, settings

from tests import cohorts, hospital, oracle

TABLES = ("episodes", "recommendations", "worklist")


def compare(cohort):
    result = hospital.evaluate(cohort)
    expected = oracle.evaluate(
        cohort.labs, cohort.exposures, cohort.events, cohort.patients, cohort.protocols, cohort.as_of
    )
    for table in TABLES:
        answered = oracle.as_rows(table, getattr(result, table), ordered=True)
        read = oracle.as_rows(table, getattr(expected, table), ordered=True)
        differing = [pair for pair in zip(answered, read, strict=False) if pair[0] != pair[1]]
        assert answered == read, f"{table}: rule and oracle first differ in {differing[:1]}"


@pytest.mark.parametrize("seed", range(8))
def test_same_answer_on_wards(seed):
    compare(cohorts.ward(seed, patients=250))


@settings(max_examples=25)
@given(cohort=cohorts.cohorts())
def test_same_answer_on_any_cohort(cohort):
    compare(cohort)
