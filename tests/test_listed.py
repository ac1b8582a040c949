"""Along the panel's list from patient to patient, and the filters that a reader had last."""

import pytest

from leuko.store import Beside, Filters
from pages.common import last_filters
from tests.cohort_wards import Ward
from tests.serving import app_at, type_into

LOW, HIGH = {0: 3000, 50: 300}, {0: 3000, 50: 2900}


@pytest.fixture(scope="module")
def ward(tmp_path_factory):
    ward = Ward()
    ward.add("P1", HIGH, site="East")
    ward.add("P2", LOW, site="West")
    ward.add("P3", LOW, site="East")
    ward.add("P4", HIGH, site="West")
    store = ward.open(tmp_path_factory.mktemp("listed"))
    yield store
    store.close()


@pytest.fixture
def open_at(ward, monkeypatch):
    monkeypatch.setenv("LEUKO_DB", ward.path)
    last_filters.kept().clear()

    def run(page, **address):
        app = app_at(page, address).run()
        assert not app.exception
        return app

    return run


def button(app, key):
    return next(each for each in app.button if each.key == key)


def captions(app):
    return "\n".join(each.value for each in app.caption)


def test_each_patient_stands_at_the_place_of_the_first_of_his_courses(ward):
    view = ward.view()
    listed = view.worklist(Filters())["patient_id"].drop_duplicates().tolist()
    assert sorted(listed[:2]) == ["P2", "P3"], "those that need a hold first"
    around = [None, *listed, None]
    for place, patient in enumerate(listed, start=1):
        assert view.beside(Filters(), patient) == Beside(place, len(listed), around[place - 1], around[place + 1])


def test_the_filters_leave_out_who_is_beside(ward):
    assert ward.view().beside(Filters(site=("East",)), "P3") == Beside(1, 2, None, "P1")


def test_before_and_after_one_who_is_not_listed_are_nobody_and_the_first(ward):
    assert ward.view().beside(Filters(site=("East",)), "P2") == Beside(None, 2, None, "P3")


def test_nobody_stands_beside_where_nobody_is_listed(ward):
    assert ward.view().beside(Filters(search="nobody"), "P2") == Beside(None, 0, None, None)


def test_next_and_previous_follow_the_list_under_the_filters_of_the_address(open_at):
    app = open_at("pages/patient.py", patient="P3", site="East")
    assert "Patient 1 of 2 on the panel, only site East" in captions(app)
    assert button(app, "previous").disabled
    button(app, "next").click().run()
    assert app.query_params["patient"] == "P1"
    assert button(app, "next").disabled
    button(app, "previous").click().run()
    assert app.query_params["patient"] == "P3"


def test_next_and_previous_follow_what_was_searched_for_on_the_panel(open_at):
    app = type_into(open_at("dashboard.py", site="East"), "search", "P3")
    app.query_params["patient"] = "P3"
    app = app.switch_page("pages/patient.py").run()
    assert "Patient 1 of 1 on the panel, only site East, “P3” in the name or id" in captions(app).replace("\\", "")
    assert button(app, "previous").disabled and button(app, "next").disabled


def test_a_patient_whom_the_filters_leave_out_is_said_not_to_be_listed(open_at):
    app = open_at("pages/patient.py", patient="P2", site="East", status="hold")
    assert "Not among the 1 patient on the panel, only site East, status Hold" in captions(app)
    button(app, "next").click().run()
    assert app.query_params["patient"] == "P3"


def test_a_filter_that_nothing_here_is_called_is_passed_over_as_on_the_panel(open_at):
    app = open_at("pages/patient.py", patient="P2", site="Nowhere")
    assert "of 4 on the panel" in captions(app)


def test_the_last_filters_are_offered_and_not_set_where_a_session_begins_without_any(open_at):
    type_into(open_at("dashboard.py", site="East", status="hold"), "search", "Name of P3")
    app = open_at("dashboard.py")
    assert "Everybody is shown. Last time: only site East, status Hold." in captions(app)
    assert "P3" not in captions(app), "searched words may be a name: they are not kept"
    assert "Showing 1–4 of 4 courses" in captions(app), "a filter nobody asked for today hides nobody"
    button(app, "last_again").click().run()
    assert app.query_params["site"] == "East"
    assert "Showing 1–1 of 1 course in 1 patient (of 4 courses)" in captions(app)


def test_the_last_filters_can_be_forgotten(open_at):
    open_at("dashboard.py", site="East")
    app = open_at("dashboard.py")
    button(app, "last_forget").click().run()
    assert "Last time" not in captions(app)
    assert "Last time" not in captions(open_at("dashboard.py"))


def test_whoever_took_the_filters_away_is_not_offered_them_at_once(open_at):
    app = open_at("dashboard.py", site="East")
    app.multiselect(key="site").set_value([]).run()
    assert "Last time" not in captions(app)
