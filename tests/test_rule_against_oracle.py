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
        assert oracle.as_rows(table, getattr(result, table)) == oracle.as_rows(table, getattr(expected, table)), table


@pytest.mark.parametrize("seed", range(150))
def test_same_answer_on_seeded_cohorts(seed):
    compare(cohorts.random_cohort(seed))


@settings(max_examples=60)
@given(cohort=cohorts.cohorts())
def test_same_answer_on_any_cohort(cohort):
    compare(cohort)
