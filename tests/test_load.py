"""`make load` in small: two people click through the pages, and what it looks for would be found."""

import pytest

from tests import load


def test_two_people_at_once_see_their_own_patients_and_no_error():
    watches, words = load.run(people=2, minutes=0, think=0, lonely=1)
    for watch, clicks in zip(watches, (load.ROUNDS_ALONE, 2, 2), strict=True):
        assert (watch.faults, watch.mixed) == ({}, {})
        assert [len(watch.seconds[click]) for click in load.CLICKS] == [clicks] * len(load.CLICKS)
    assert words.startswith("2 people: 12 clicks")
    assert all(click in load.table(watches, 2) for click in load.CLICKS)


@pytest.mark.parametrize(
    ("ids", "patient", "others"),
    [
        ({"W01-0001", "W01-0002"}, "", set()),
        ({"W01-0001", "W02-0002"}, "", {"W02-0002"}),
        ({"W01-0001", "W01-0002"}, "W01-0001", {"W01-0002"}),
        (set(), "W01-0001", set()),
    ],
)
def test_an_id_of_another_site_or_of_another_patient_is_a_mix_up(ids, patient, others):
    assert load.mixed_up(ids, "W01", patient) == others


def test_what_a_page_says_wrong_is_a_fault():
    answer = load.Answer()
    message = load.ForwardMsg()
    message.delta.new_element.alert.format = message.delta.new_element.alert.ERROR
    message.delta.new_element.alert.body = "Something went wrong, W09-0001"
    answer.take(message, message.SerializeToString())
    assert answer.faults and answer.ids == {"W09-0001"}
    failed = load.ForwardMsg()
    failed.delta.new_element.exception.type = "KeyError"
    answer.take(failed, failed.SerializeToString())
    assert len(answer.faults) == 2
