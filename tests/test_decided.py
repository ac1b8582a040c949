"""What was decided, on the pages: beside the recommendation, on the panel and beside what was not met."""

import re
from datetime import UTC, date, datetime

import pytest
import streamlit as st

from leuko import access_log
from leuko.access import LOCAL, Grant, Person, Reader
from leuko.journal import Entry, Journal, Visit, key
from leuko.journal_databases import JournalError
from leuko.publish import load_csv
from leuko.store import Store
from pages.common import opened, sign_in
from tests.readers import WHO, nobody_reads, reads_as
from tests.serving import app_at
from tests.test_patient_page import EVENTS, EXPOSURES, LABS, PATIENTS

HOLD = key("hold", 0, date(2026, 3, 2))
COURSE = {"patient_id": "P1", "site": "East", "drug": "dasatinib", "protocol": "dasatinib-guideline"}


@pytest.fixture
def database(tmp_path, monkeypatch):
    files = {"labs": LABS, "exposures": EXPOSURES, "patients": PATIENTS, "events": EVENTS}
    for name, text in files.items():
        (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
    db = tmp_path / "small.duckdb"
    load_csv(db, **{name: tmp_path / f"{name}.csv" for name in files}, as_of=date(2026, 3, 22))
    monkeypatch.setenv("LEUKO_DB", str(db))
    st.cache_data.clear()
    return db


@pytest.fixture
def journal(database):
    return Journal(database.with_suffix(".journal.duckdb"))


def entry(kind="acknowledged", **told):
    usual = {
        "number": 0, "token": kind, "at": datetime(2026, 3, 22, 14, 5, tzinfo=UTC), "who": "bo@example.org",
        "role": "clinician", "recommendation": HOLD, "episode": 2, "kind": kind,
    }  # fmt: skip
    return Entry(**usual | COURSE | told)


def drawn(page="patient", **address):
    asked = {"patient": "P1"} if page == "patient" and not address else address
    app = app_at("dashboard.py" if page == "panel" else f"pages/{page}.py", asked, timeout=60)  # the panel has links
    app.run()
    assert not app.exception
    return app


def said(app):
    """The line that says what stands; escapes for Markdown taken out."""
    lines = [element.value.replace("\\", "") for element in app.markdown]
    return next(line for line in lines if line.startswith(":material/edit_note:"))


def record(app, kind, **chosen):
    """Fill the form as a reader does and press Record."""
    fields = {one.label: one for one in (*app.selectbox, *app.date_input, *app.text_area)}
    fields["Decision"].select(kind)
    labels = {"reason": "Reason, where not followed", "to": "To whom, where handed over", "corrects": "Corrects"}
    for name, value in chosen.items():
        if name == "words":
            fields["Words"].input(value)
        elif name == "until":
            fields["Until, where snoozed"].set_value(value)
        else:
            fields[labels[name]].select(value)
    next(button for button in app.button if button.label == "Record").click()
    app.run()
    assert not app.exception
    return app


def errors(app):
    return [error.value.replace("\\", "") for error in app.error]


# ---- beside the recommendation --------------------------------------------------------------------


def test_the_key_of_these_tests_is_the_recommendation_of_the_page(database):
    store = Store(database)
    (row,) = store.view().patient("P1").worklist.to_dict("records")
    store.close()
    assert (row["status"], row["since"].date(), row["protocol"]) == ("hold", date(2026, 3, 2), COURSE["protocol"])


def test_nothing_recorded_is_said_and_what_a_reader_records_stands_there(journal):
    app = drawn()
    assert said(app).endswith("Open: nothing is recorded on this recommendation.")
    record(app, "not_followed", reason="repeat", words="drawn *today*")
    assert f"Not followed: the count is repeated first. drawn *today*. By {LOCAL.who} on " in said(app)
    (kept,) = journal.entries()
    assert (kept.who, kept.role, kept.site, kept.drug, kept.recommendation) == (
        "this machine", "clinician", "East", "dasatinib", HOLD
    )  # fmt: skip
    assert kept.episode == 2


def test_a_second_click_is_a_second_entry_only_with_a_second_form(journal):
    app = record(drawn(), "acknowledged")
    record(app, "done")
    assert [one.kind for one in journal.entries()] == ["acknowledged", "done"]


def test_an_entry_is_corrected_by_a_new_one(journal):
    app = record(record(drawn(), "done"), "comment", words="wrong row", corrects=1)
    assert said(app).endswith("Open: nothing is recorded on this recommendation.")
    assert [one.replaces for one in journal.entries()] == [None, 1]


def test_a_snooze_says_its_day_and_is_open_again_on_it(journal):
    record(drawn(), "snoozed", until=date(2026, 4, 5))
    assert "Snoozed until 5 April 2026. By" in said(drawn())
    journal.record(entry("snoozed", until_on=date(2026, 3, 22)))
    assert "Open again: the day has come. Snoozed until 22 March 2026" in said(drawn())


def test_another_recommendation_opens_again_and_says_what_stood_before(journal):
    journal.record(entry("done", recommendation=key("resume", 100, date(2026, 2, 6))))
    assert "Open again: the recommendation is another than it was. Then: Done. By bo@example.org" in said(drawn())


def test_what_is_not_whole_is_refused_in_words_and_nothing_is_kept(journal):
    assert errors(record(drawn(), "not_followed")) == ["Nothing was recorded: not recorded: a reason is needed."]
    assert errors(record(drawn(), "comment", words="x", reason="repeat"))
    assert journal.entries() == []


def test_a_past_day_shows_no_form_and_no_line(journal):
    journal.record(entry())
    app = drawn(patient="P1", as_of="2026-03-10")
    assert not [element for element in app.markdown if "edit_note" in element.value]
    assert "Record" not in [button.label for button in app.button]


def test_a_journal_that_cannot_be_read_is_said_and_the_recommendation_stands(database):
    database.with_suffix(".journal.duckdb").write_bytes(b"damaged" * 1000)
    app = drawn()
    assert any("cannot be read" in warning.value for warning in app.warning)
    assert "Hold dasatinib" in "\n".join(element.proto.body for element in app.get("html"))
    panel = drawn("panel")
    assert statuses(panel)["P1"].endswith("Hold")
    assert any("cannot be read" in caption.value for caption in panel.caption)


# ---- who may ---------------------------------------------------------------------------------------


def test_a_clinician_writes_in_his_name_and_it_stands_in_the_access_log(journal, database, monkeypatch):
    reads_as(monkeypatch, "clinician", ("East",))
    record(drawn(), "acknowledged")
    (kept,) = journal.entries()
    assert (kept.who, kept.role) == (WHO, "clinician")
    log = access_log.read(database.with_name(access_log.FILE))
    lines = set(zip(log["opened"], log["patient"], log["what"], strict=True))
    assert ("journal", "P1", "acknowledged dasatinib") in lines


def test_quality_reads_and_cannot_write(journal, monkeypatch):
    journal.record(entry())
    reads_as(monkeypatch, "quality")
    app = drawn()
    assert "Acknowledged. By bo@example.org" in said(app)
    assert "Record" not in [button.label for button in app.button]


OTHERS = {
    "quality": ("quality", None), "admin": ("admin", None), "of another site": ("clinician", ("West",)), "nobody": None,
}  # fmt: skip


@pytest.mark.parametrize("who", OTHERS)
def test_who_may_not_write_is_refused_even_where_the_form_was_open(journal, monkeypatch, who):
    if OTHERS[who]:
        reads_as(monkeypatch, *OTHERS[who])
    else:
        nobody_reads(monkeypatch)
    with pytest.raises(JournalError, match="not open to you"):
        opened.decided(entry())
    assert journal.entries() == []


def test_nothing_is_recorded_that_the_access_log_does_not_have(journal, database, monkeypatch):
    app = drawn()

    def full(*_):
        raise access_log.LogError("the access log cannot be written: the disk is full")

    usual = opened.write
    monkeypatch.setattr(opened, "write", lambda file, line: full() if line.opened == "journal" else usual(file, line))
    assert any("Nothing was recorded" in error for error in errors(record(app, "done")))
    assert journal.entries() == []


# ---- the panel -------------------------------------------------------------------------------------


def statuses(app):
    table = next(table.value for table in app.dataframe if "What to do" in table.value)
    return {patient.split(", ")[-1]: status for patient, status in zip(table["Patient"], table["Status"], strict=True)}


@pytest.mark.parametrize(
    ("told", "word"),
    [
        ({"kind": "acknowledged"}, "acknowledged"),
        ({"kind": "not_followed", "reason": "repeat"}, "not followed"),
        ({"kind": "snoozed", "until_on": date(2026, 3, 23)}, "snoozed"),
        ({"kind": "snoozed", "until_on": date(2026, 3, 22)}, "open again"),
        ({"kind": "done", "recommendation": "resume, 100, since 2026-02-06"}, "open again"),
        ({"kind": "handover", "addressee": WHO}, "handed over"),
        ({"kind": "handover", "addressee": WHO, "recommendation": "resume, 100, since 2026-02-06"}, "open again"),
    ],
)
def test_the_panel_says_beside_a_status_what_was_decided(journal, told, word):
    journal.record(entry(**told))
    found = statuses(drawn("panel"))
    assert found["P1"].endswith(f" · {word}")
    assert not [patient for patient, status in found.items() if patient != "P1" and " · " in status]


def waiting(app):
    return [element.proto.body for element in app.get("html") if "Waits on you:" in element.proto.body]


def sentences(app):
    starts = ("Recommendations that", "No recommendation")
    return [element.proto.body for element in app.get("html") if element.proto.body.startswith(starts)]


def sentence(app):
    """On whom recommendations wait; what is bold, between stars."""
    (found,) = sentences(app)
    return re.sub("</?strong>", "**", found)


def my_patients(app):
    return next((table.value for table in app.dataframe if "What was decided" in table.value), None)


def test_what_was_handed_over_waits_on_whoever_got_it_and_on_nobody_else(journal, monkeypatch):
    reads_as(monkeypatch, "clinician")
    assert sentence(drawn("panel")) == "Recommendations that wait: none on you, 5 on nobody yet."
    journal.record(entry("handover", addressee=WHO.upper(), words="call the ward"))
    app = drawn("panel")
    (line,) = waiting(app)
    assert "P1, hold, handed over by bo@example.org." in line
    assert "call the ward" in my_patients(app)["What was decided"].iloc[0]
    assert sentence(app) == "Recommendations that wait: **1 on you**, 4 on nobody yet."
    reads_as(monkeypatch, "clinician", ("West",))
    assert waiting(drawn("panel")) == []
    reads_as(monkeypatch, "clinician")
    journal.record(entry("done"))
    app = drawn("panel")
    assert waiting(app) == [] and my_patients(app) is None
    assert sentence(app) == "Recommendations that wait: none on you, 4 on nobody yet."


def test_a_handover_is_taken_over_by_an_entry_and_both_see_on_whom_it_waits(journal, monkeypatch):
    """Bo hands P1 over to Ida; she takes over on the patient's page, and it waits on her until she decides."""
    journal.record(entry("acknowledged"))
    journal.record(entry("handover", addressee=WHO))
    reads_as(monkeypatch, "clinician", who="bo@example.org")
    app = drawn("panel")
    assert sentence(app) == f"Recommendations that wait: none on you, 1 on {WHO}, 4 on nobody yet."
    assert my_patients(app)["Waits on"].tolist() == [WHO], "his until she takes over"
    assert "Take over" not in choices(drawn())
    reads_as(monkeypatch, "clinician")
    app = drawn()
    assert f"Waits on {WHO}, who has not taken over." in said(app) and choices(app)[0] == "Take over"
    record(app, "taken_over")
    assert (journal.entries()[-1].kind, journal.entries()[-1].who) == ("taken_over", WHO)
    assert f"Waits on {WHO}. Taken over. By {WHO}" in said(app)
    app = drawn("panel")
    assert sentence(app).startswith("Recommendations that wait: **1 on you**")
    assert my_patients(app)["Waits on"].tolist() == ["you"] and statuses(app)["P1"].endswith("taken over")
    reads_as(monkeypatch, "clinician", who="bo@example.org")
    assert my_patients(drawn("panel")) is None
    reads_as(monkeypatch, "clinician")
    record(drawn(), "done")
    app = drawn("panel")
    assert waiting(app) == [] and my_patients(app)["Waits on"].tolist() == ["no one"]


def test_what_was_handed_over_follows_the_account_and_not_whoever_later_gets_the_address(journal, monkeypatch):
    """Ida signs in, gets P1 from Bo, and her address goes to somebody else."""
    monkeypatch.setattr(sign_in, "READERS", {})
    ida = reads_as(monkeypatch, "clinician", sub="1")
    sign_in.READERS[ida.person] = ida
    reads_as(monkeypatch, "clinician", who="bo@example.org", sub="2")
    record(drawn(), "handover", to=WHO)
    (kept,) = journal.entries()
    assert (kept.account, kept.addressee_account) == ("https://sso.example.org 2", "https://sso.example.org 1")
    reads_as(monkeypatch, "clinician", sub="3")
    app = drawn("panel")
    assert sentence(app).endswith(f"none on you, 1 on {WHO}, 4 on nobody yet.") and my_patients(app) is None
    assert "Take over" not in choices(drawn())
    reads_as(monkeypatch, "clinician", who="ida.kern@example.org", sub="1")
    assert sentence(drawn("panel")).startswith("Recommendations that wait: **1 on you**")
    record(drawn(), "taken_over")
    assert my_patients(drawn("panel"))["Waits on"].tolist() == ["you"]


def test_an_address_that_two_accounts_have_or_nobody_signed_in_with_is_handed_over_to_by_name(monkeypatch):
    signed_in = (WHO, "1"), (WHO, "2"), ("bo@example.org", "3")
    readers = [Reader(name, (), sub, "sso") for name, sub in signed_in]
    monkeypatch.setattr(sign_in, "READERS", {one.person: one for one in readers})
    told = [sign_in.account_of(name) for name in (WHO, "kim@example.org", "BO@example.org", "")]
    assert told == ["", "", "sso 3", ""]


def choices(app):
    return next(one.options for one in app.selectbox if one.label == "Decision")


def test_who_only_reads_is_told_on_whom_it_waits_and_has_no_patients(journal, monkeypatch):
    journal.record(entry("handover", addressee=WHO))
    reads_as(monkeypatch, "quality", who="kim@example.org")
    app = drawn("panel")
    assert sentence(app) == f"Recommendations that wait: 1 on {WHO}, 4 on nobody yet."
    assert my_patients(app) is None and waiting(app) == []
    reads_as(monkeypatch, "quality", ("West",), who="kim@example.org")
    assert sentence(drawn("panel")) == "No recommendation waits."


def test_a_past_day_says_nothing_of_a_shift(journal):
    journal.record(entry("handover", addressee=LOCAL.who))
    app = drawn("panel", as_of="2026-03-10")
    assert sentences(app) == waiting(app) == []


def test_what_came_back_as_it_was_is_open_again_on_both_pages(database, journal, tmp_path):
    files = {name: tmp_path / f"{name}.csv" for name in ("labs", "exposures", "patients", "events")}
    journal.record(entry("done", at=datetime(2026, 3, 22, 14, 5, tzinfo=UTC)))
    assert said(drawn()).startswith(":material/edit_note: Done.")
    for labs in (f"{LABS}P1,anc,2.5,10*9/L,,2026-03-21T08:00,,final\n", LABS):
        files["labs"].write_text(labs, encoding="utf-8")
        load_csv(database, **files, as_of=date(2026, 3, 22))
    assert "Open again: the recommendation was another in between. Then: Done." in said(drawn())
    assert statuses(drawn("panel"))["P1"].endswith(" · open again")


def looked(app):
    return [caption.value for caption in app.caption if caption.value.startswith("You last looked")]


def test_a_reader_is_told_what_changed_since_he_last_looked(database, tmp_path):
    files = {name: tmp_path / f"{name}.csv" for name in ("labs", "exposures", "patients", "events")}
    assert looked(drawn("panel")) == []
    assert looked(drawn("panel")) == []
    (tmp_path / "labs.csv").write_text(f"{LABS}P1,anc,2.5,10*9/L,,2026-03-23T08:00,,final\n", encoding="utf-8")
    load_csv(database, **files, as_of=date(2026, 3, 23))
    for _ in range(2):
        (line,) = looked(drawn("panel"))
        assert line.startswith("You last looked at load 1, on ")
        assert line.endswith(": since then 1 patient has another status or dose.")
    load_csv(database, **files, as_of=date(2026, 3, 23))
    (line,) = looked(drawn("panel"))
    assert line.startswith("You last looked at load 2") and ": since then 0 patients have" in line


# ---- where names are hidden, and who is a colleague -------------------------------------------------


def test_where_names_are_hidden_the_words_are_not_shown_and_all_else_is(journal, monkeypatch):
    journal.record(entry("not_followed", reason="repeat", words="Ida Kern asked for it"))
    reads_as(monkeypatch, "quality", names=True)
    assert "the count is repeated first. Ida Kern asked for it. By bo@example.org on 22 March 2026" in said(drawn())
    reads_as(monkeypatch, "quality", names=False)
    assert "Not followed: the count is repeated first. By bo@example.org on 22 March 2026" in said(drawn())
    app = drawn("adherence", measure="hold_given", ending="not_met")
    recorded = next(table.value for table in app.dataframe if "Reason" in table.value)["Recorded"]
    assert recorded.str.contains("By bo@example.org").any() and not recorded.str.contains("Kern").any()


@pytest.mark.parametrize(("to", "shown"), [("Ida Kern", "a colleague"), (WHO, WHO), (WHO.upper(), WHO.upper())])
def test_an_addressee_that_anybody_may_have_typed_is_not_shown_there_but_to_himself(journal, monkeypatch, to, shown):
    journal.record(entry("handover", addressee=to))
    reads_as(monkeypatch, "quality", names=False)
    assert f"Handed over to {shown}. By bo@example.org" in said(drawn())


def test_something_is_handed_over_only_to_whoever_shares_a_site(journal, monkeypatch):
    journal.record(entry(who="east@example.org", token="1"))
    journal.record(entry(who="west@example.org", token="2", patient_id="P2", site="West"))
    journal.visit(Person("all@example.org"), Visit(1, date(2026, 3, 22), datetime(2026, 3, 22, tzinfo=UTC)))
    signed_in = {
        "ana@example.org": Grant("a", "clinician", ("East", "North"), True),
        "eve@example.org": Grant("b", "clinician", ("West",), True),
        "max@example.org": Grant("c", "quality", None, False),
    }
    readers = [*(Reader(who, (grant,)) for who, grant in signed_in.items()), Reader("none@example.org", ())]
    monkeypatch.setattr(sign_in, "READERS", {one.person: one for one in readers})
    reads_as(monkeypatch, "clinician", ("East",))
    assert offered(drawn()) == ["ana@example.org", "east@example.org", "max@example.org"]
    reads_as(monkeypatch, "clinician")
    assert offered(drawn()) == sorted([*signed_in, "all@example.org", "east@example.org", "west@example.org"])


def offered(app):
    return next(one.options for one in app.selectbox if one.label == "To whom, where handed over")


def test_why_the_journal_cannot_be_read_is_told_to_nobody_who_signed_in(database, monkeypatch, caplog):
    database.with_suffix(".journal.duckdb").write_bytes(b"damaged" * 1000)
    monkeypatch.setattr(sign_in, "is_configured", lambda: True)
    assert sign_in.told(JournalError("words of Ida Kern")) == "the server's log has the reason"
    assert "the log has the reason" in caplog.text
    monkeypatch.setattr(sign_in, "is_configured", lambda: False)
    assert sign_in.told(JournalError("small.journal.duckdb: damaged")) == "small.journal.duckdb: damaged"


# ---- adherence -------------------------------------------------------------------------------------


def waited(app):
    """The sentence of how long recommendations waited, and the tables below it."""
    words = next(one.value for one in app.markdown if one.value.startswith("Of ") and "that asked" in one.value)
    return words, [element.proto.body for element in app.get("html") if "Asked for something" in element.proto.body]


def test_the_quality_officer_sees_how_long_recommendations_waited_by_site_and_clinician(journal, monkeypatch):
    """Five ask; P1 is answered by an entry of after the load."""
    reads_as(monkeypatch, "quality")
    words, tables = waited(drawn("adherence"))
    assert words.startswith("Of 5 recommendations that asked for something, 0 were answered; **5 are open**")
    journal.record(entry("done", at=datetime.now(UTC)))
    words, (by_site, by_clinician) = waited(drawn("adherence"))
    assert words.startswith("Of 5 recommendations that asked for something, 1 was answered, too few to say how fast; ")
    assert "**4 are open**" in words
    assert "East" in by_site and "too few to judge" in by_site and "Dr Corvane" in by_clinician
    reads_as(monkeypatch, "quality", ("East",))
    words, tables = waited(drawn("adherence"))
    assert words.startswith("Of 3 recommendations") and "not recorded" not in tables[0]


def test_a_past_day_and_a_journal_that_cannot_be_read_say_so_in_place_of_the_times(journal, database):
    past = drawn("adherence", as_of="2026-03-10")
    assert "Only for the day of the data file." in [caption.value for caption in past.caption]
    database.with_suffix(".journal.duckdb").write_bytes(b"damaged" * 1000)
    assert any("cannot be read" in caption.value for caption in drawn("adherence").caption)


def test_the_recorded_reason_stands_beside_what_was_not_met_and_the_ending_stays(journal):
    address = {"measure": "hold_given", "ending": "not_met"}
    before = drawn("adherence", **address)
    events = next(table.value for table in before.dataframe if "Reason" in table.value)
    assert "Recorded" not in events
    mine = events[events["Patient"].str.contains("P1")]
    assert mine["Episode"].tolist() == [1, 2]
    journal.record(entry("not_followed", reason="benefit"))
    after = drawn("adherence", **address)
    told = next(table.value for table in after.dataframe if "Reason" in table.value)
    assert len(told) == len(events)
    beside = told[told["Recorded"].ne("")]
    assert beside["Episode"].tolist() == [2]
    assert "the benefit of the drug weighs more" in beside["Recorded"].iloc[0]
    assert [one.value for one in after.subheader] == [one.value for one in before.subheader]


def test_each_search_is_a_line_of_the_access_log_and_its_words_are_in_none(database):
    app = drawn("panel")
    for words in ("Quillfeather", "Brandybuck", "Brandybuck"):
        next(one for one in app.text_input if one.key == "search").set_value(words)
        app.run()
    log = access_log.read(database.with_name(access_log.FILE))
    assert log["what"].str.contains("a search").sum() == 2
    assert not log.to_csv().count("Quillfeather") and not log.to_csv().count("Brandybuck")
