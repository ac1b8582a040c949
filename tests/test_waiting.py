"""How long recommendations waited, and on whom they wait: worked out by hand, on both databases of the journal."""

from datetime import UTC, date, datetime, timedelta

import duckdb
import pandas
import pytest

from leuko import waiting
from leuko.access import Person, Sight
from leuko.audit import EVERYTHING, Scope
from leuko.facts import write_facts
from leuko.journal import ANSWERED, Entry, Journal, course_of, key, seen, waits
from leuko.journal_databases import JournalError
from leuko.publish import load_csv, undo
from leuko.shift import NOBODY, is_patient_of, on_whom
from leuko.store import MOST_ROWS, Filters, Store

BEGAN = datetime(2026, 3, 2, 6)  # of the load that first showed a recommendation, UTC
DAY = date(2026, 3, 2)
HOLD = key("hold", 0, DAY)
DRUG, PROTOCOL = "dasatinib", "dasatinib-guideline"
IDA, BO = "ida@example.org", "bo@example.org"


def after(hours):
    return BEGAN + timedelta(hours=hours)


# patient, site, clinician, status, shown after so many hours (None: nobody knows), gone after so many (None: it stands)
SHOWN = [
    ("A", "North", "Kern", "hold", 0, None),
    ("B", "North", "Kern", "hold", 0, None),
    ("C", "North", "Kern", "hold", 0, None),
    ("D", "North", "Bang", "hold", 1, None),
    ("E", "South", "Bang", "hold", 0, 24),
    ("F", "South", "Bang", "hold", None, None),
    ("G", "South", None, "hold", None, None),
    ("H", "South", None, "hold", 0, 24),
    ("H", "South", None, "continue", 24, 48),
    ("H", "South", None, "hold", 48, None),
    ("I", "South", None, "continue", 0, None),
    ("J", None, None, "hold", 0, None),
    ("K", None, None, "hold", 0, None),
    ("L", None, None, "hold", 0, None),
]  # fmt: skip
# patient, kind, recorded after so many hours, which of these lines it corrects, on another recommendation
RECORDED = [
    ("A", "acknowledged", 5, None),
    ("A", "done", 7, None),
    ("B", "snoozed", 2, None),
    ("B", "not_followed", 30.98, None),
    ("C", "snoozed", 1, None),
    ("C", "comment", 1, None),
    ("D", "handover", 2, None),
    ("F", "done", 3, None),
    ("H", "acknowledged", 3, None),
    ("I", "done", 3, None),
    ("J", "done", 4, None),
    ("J", "comment", 6, 11),
    ("K", "comment", 8, None),
    ("K", "acknowledged", 10, 13),
    ("L", "other", 2, None),
]  # fmt: skip


def entry(patient, kind, hours, corrects=None, **told):
    needs = {
        "snoozed": {"until_on": DAY + timedelta(days=1)}, "handover": {"addressee": BO}, "comment": {"words": "called"},
        "not_followed": {"reason": "repeat"}, "other": {"kind": "done", "recommendation": key("reduce", 80, DAY)},
    }  # fmt: skip
    usual = {
        "number": 0, "token": f"{patient} {kind} {hours}", "at": after(hours).replace(tzinfo=UTC), "who": IDA,
        "role": "clinician", "patient_id": patient, "site": "", "drug": DRUG, "protocol": PROTOCOL,
        "recommendation": HOLD, "episode": 1, "kind": kind, "replaces": corrects,
    }  # fmt: skip
    return Entry(**usual | needs.get(kind, {}) | told)


@pytest.fixture
def journal(journal_place):
    return Journal(journal_place)


@pytest.fixture
def recorded(journal):
    for line in RECORDED:
        journal.record(entry(*line))
    return journal


@pytest.fixture
def published():
    """The tables that the question reads, with these stretches alone."""
    with duckdb.connect() as con:
        write_facts(con, temporary=False)
        con.execute("CREATE TABLE patients (patient_id TEXT, site TEXT, clinician TEXT, diagnosis TEXT)")
        con.execute(
            """CREATE TABLE shown (patient_id TEXT, drug TEXT, protocol TEXT, status TEXT, dose_mg DOUBLE, since DATE,
            shown_at TIMESTAMP, gone_at TIMESTAMP)"""
        )
        for patient, site, clinician in sorted({row[:3] for row in SHOWN}, key=str):
            con.execute("INSERT INTO patients VALUES (?, ?, ?, 'CML')", [patient, site, clinician])
        for patient, _, _, status, shown, gone in SHOWN:
            times = [None if hours is None else after(hours) for hours in (shown, gone)]
            row = [patient, DRUG, PROTOCOL, status, 0 if status == "hold" else None, DAY, *times]
            con.execute("INSERT INTO shown VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
        yield con


def by_group(found):
    names = ("recommendations", *waiting.ENDINGS)
    return {(row["by"], row["group"]): tuple(int(row[name]) for name in names) for row in found.to_dict("records")}


def times(found, group="all"):
    row = found[found["group"].eq(group)].iloc[0]
    return [None if pandas.isna(row[name]) else row[name] for name in ("median_hours", "p90_hours", "open_since")]


def test_every_recommendation_that_asked_ends_in_one_of_four_ways(recorded, published):
    """Answered: A, B, K and the first of H; open: C, D, G, J, L and the second of H; changed: E; cannot tell: F."""
    found = by_group(waiting.waited(published, recorded.answers(), EVERYTHING, None))
    assert found == {
        ("all", "all"): (12, 4, 6, 1, 1),
        ("site", "North"): (4, 2, 2, 0, 0),
        ("site", "South"): (5, 1, 2, 1, 1),
        ("site", "not recorded"): (3, 1, 2, 0, 0),
        ("clinician", "Kern"): (3, 2, 1, 0, 0),
        ("clinician", "Bang"): (3, 0, 1, 1, 1),
        ("clinician", "not recorded"): (6, 2, 4, 0, 0),
    }
    assert all(total == sum(ended) for total, *ended in found.values())


def test_the_times_are_of_what_was_answered_alone(recorded, published):
    """3, 5, 10 and 30 hours: two of four within 5, four of four (at least nine in ten) within 30."""
    found = waiting.waited(published, recorded.answers(), EVERYTHING, None)
    assert times(found) == [5, 30, BEGAN]
    assert times(found, "North") == [5, 30, BEGAN]
    assert times(found, "Bang") == [None, None, after(1)]
    assert times(found, "South") == [3, 3, after(48)]


def test_without_an_entry_nothing_is_answered_and_nothing_cannot_be_told(journal, published):
    found = waiting.waited(published, journal.answers(), EVERYTHING, None)
    assert by_group(found)["all", "all"] == (12, 0, 10, 2, 0)
    assert times(found)[:2] == [None, None]


def test_only_the_sites_that_may_be_seen_are_counted(recorded, published):
    found = by_group(waiting.waited(published, recorded.answers(), EVERYTHING, ("North",)))
    assert found["all", "all"] == (4, 2, 2, 0, 0)
    assert {group for by, group in found if by == "site"} == {"North"}
    nothing = waiting.waited(published, recorded.answers(), EVERYTHING, ())
    assert by_group(nothing) == {("all", "all"): (0, 0, 0, 0, 0)}


@pytest.mark.parametrize(
    ("scope", "asked"),
    [
        (Scope(site=("South",)), 5),
        (Scope(site=("",)), 3),
        (Scope(clinician=("Kern",)), 3),
        (Scope(drug=("imatinib",)), 0),
        (Scope(diagnosis=("CML",)), 12),
        (Scope(start=date(2026, 3, 3)), 1),
        (Scope(end=date(2026, 3, 3)), 9),
    ],
)
def test_it_is_narrowed_as_the_page_is(recorded, published, scope, asked):
    found = waiting.waited(published, recorded.answers(), scope, None)
    assert by_group(found).get(("all", "all"), (0,))[0] == asked


def test_an_answer_before_it_could_be_seen_says_no_time(journal, published):
    """The database was made anew, and the journal knows the recommendation from before."""
    journal.record(entry("A", "done", -20))
    found = waiting.waited(published, journal.answers(), Scope(clinician=("Kern",)), None)
    assert by_group(found)["all", "all"] == (3, 0, 2, 0, 1)


# ---- since when it could be seen, from load to load ------------------------------------------------

LABS = "patient_id,analyte,value,unit,collected_at\n"
LOW, HIGH = "P1,anc,0.43,10*9/L,2026-03-02T08:00\n", "P1,anc,1.9,10*9/L,2026-03-05T08:00\n"
FILES = {
    "exposures": "patient_id,drug,dose_mg,start_on\nP1,dasatinib,100,2026-02-01\nP2,dasatinib,100,2026-02-01\n",
    "patients": "patient_id,name,site\nP1,Ada,North\nP2,Bea,South\n",
}


@pytest.fixture
def load(tmp_path):
    """`load(LOW)` publishes these results as the next version; gives the store of it."""
    opened = []

    def published(labs, as_of=date(2026, 3, 6)):
        for name, text in {**FILES, "labs": LABS + labs}.items():
            (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
        files = {name: tmp_path / f"{name}.csv" for name in (*FILES, "labs")}
        load_csv(tmp_path / "ward.duckdb", **files, as_of=as_of)
        return newest()

    def newest():
        opened.append(Store(tmp_path / "ward.duckdb"))
        return opened[-1]

    published.newest = newest
    yield published
    for store in opened:
        store.close()


def stretches(store, patient="P1"):
    """What was shown of a patient, each with the number of the load that first showed it and that no longer did."""
    query = """SELECT shown.status, first.number, gone.number FROM shown
        LEFT JOIN loads AS first ON first.loaded_at = shown.shown_at
        LEFT JOIN loads AS gone ON gone.loaded_at = shown.gone_at
        WHERE patient_id = ? ORDER BY shown_at"""
    with store.cursor() as cursor:
        return cursor.execute(query, [patient]).fetchall()


def test_a_recommendation_is_shown_from_the_load_that_first_had_it_to_the_one_that_had_another(load):
    assert stretches(load(LOW)) == [("hold", 1, None)]
    assert stretches(load(LOW)) == [("hold", 1, None)]
    store = load(LOW + HIGH)
    (first, second) = stretches(store)
    assert first == ("hold", 1, 3)
    assert second[0] != "hold" and second[1:] == (3, None)
    assert [row[1:] for row in stretches(store, "P2")] == [(1, None)]


def test_an_undone_load_shows_again_what_stood_before_as_something_new(load, tmp_path):
    load(LOW)
    load(LOW + HIGH)
    undo(tmp_path / "ward.duckdb")
    assert [(row[0] == "hold", *row[1:]) for row in stretches(load.newest())] == [
        (True, 1, 2), (False, 2, 3), (True, 3, None)
    ]  # fmt: skip


def test_what_comes_back_as_it_was_opens_again(load, journal):
    """Nothing was recorded in between: the earlier decision is of the earlier stretch all the same."""

    def open_now(store):
        (row,) = [row for row in store.view().worklist(Filters()).to_dict("records") if row["patient_id"] == "P1"]
        returned = store.view().returned(["P1"])
        standing = journal.standing()
        return waits(standing.get(course_of(row)), seen(row), store.about.as_of, returned.get(course_of(row)))

    def done(store, hours):
        (row,) = store.view().patient("P1").worklist.to_dict("records")
        at = store.loaded_at + timedelta(hours=hours)
        drug, protocol = row["drug"], row["protocol"]
        said = {"recommendation": seen(row), "drug": drug, "protocol": protocol, "token": str(at), "at": at}
        journal.record(entry("P1", "done", 0, **said))

    first = load(LOW)
    assert open_now(first)
    done(first, 0)
    assert not open_now(first)
    assert not open_now(load(LOW)), "the same recommendation, loaded again"
    assert open_now(load(LOW + HIGH)), "another one"
    back = load(LOW)
    assert open_now(back), "the same as at first, but another was shown in between"
    assert back.view(Sight(("South",))).returned(["P1"]) == {}
    done(back, 1)
    assert not open_now(back)
    found = back.view().waited(journal.answers())
    assert by_group(found)["site", "North"][1:3] == (2, 0)


def test_what_a_reader_may_not_see_is_not_counted_for_him(load, journal):
    store = load(LOW)
    groups = by_group(store.view(Sight(("South",))).waited(journal.answers()))
    assert ("site", "North") not in groups
    assert ("site", "North") in by_group(store.view().waited(journal.answers()))


def test_where_the_version_before_cannot_be_read_nobody_knows_since_when(load, tmp_path, monkeypatch):
    load(LOW)
    monkeypatch.setattr("leuko.publish.LAYOUT", 0)
    files = {name: tmp_path / f"{name}.csv" for name in (*FILES, "labs")}
    load_csv(tmp_path / "ward.duckdb", **files, as_of=date(2026, 3, 6))
    monkeypatch.setattr("leuko.store.LAYOUT", 0)
    assert stretches(load.newest()) == [("hold", None, None)]


def test_the_words_of_a_recommendation_are_the_same_in_the_file_and_in_the_journal(demonstration):
    """Every row of the demonstration, answered in the words of the journal, is found by the question."""
    store = Store(demonstration)
    view = store.view()
    rows = [row for page in (1, 2) for row in view.worklist(Filters(), page, MOST_ROWS).to_dict("records")]
    at = store.loaded_at.replace(tzinfo=None) + timedelta(hours=1)
    answers = [(*course_of(row), seen(row), at) for row in rows]
    found = by_group(view.waited(pandas.DataFrame(answers, columns=[*ANSWERED])))
    store.close()
    asked, answered, *others = found["all", "all"]
    assert asked == answered > 50 and others == [0, 0, 0]


# ---- on whom it waits ------------------------------------------------------------------------------

COURSE = {
    "patient_id": "A", "drug": DRUG, "protocol": PROTOCOL, "status": "hold", "dose_mg": 0.0, "since": DAY,
}  # fmt: skip
CALM = {**COURSE, "status": "continue", "dose_mg": None}


@pytest.mark.parametrize(
    ("course", "last", "whom"),
    [
        (COURSE, None, NOBODY.name),
        (CALM, None, None),
        (COURSE, ("done", {}), None),
        (COURSE, ("acknowledged", {}), None),
        (COURSE, ("done", {"recommendation": key("reduce", 80, DAY)}), IDA),
        (CALM, ("done", {}), None),
        (COURSE, ("snoozed", {"until_on": DAY}), IDA),
        (COURSE, ("snoozed", {"until_on": DAY + timedelta(days=1)}), None),
        (COURSE, ("handover", {}), BO),
        (CALM, ("handover", {}), BO),
        (COURSE, ("taken_over", {"who": BO}), BO),
        (CALM, ("taken_over", {"who": BO}), None),
    ],
)
def test_a_recommendation_waits_on_whoever_has_it_and_what_asks_for_nothing_on_no_one(course, last, whom):
    made = last and entry("A", last[0], 0, **last[1])
    found = on_whom(course, made, DAY)
    assert (found and found.name) == whom


def test_what_came_back_waits_again_on_whoever_had_decided():
    made = entry("A", "done", 0)
    assert on_whom(COURSE, made, DAY, returned_at=after(1).replace(tzinfo=UTC)) == Person(IDA)
    assert on_whom(COURSE, made, DAY, returned_at=after(0).replace(tzinfo=UTC)) is None


def test_a_patient_is_of_both_until_he_is_taken_over(journal):
    def whose():
        (standing,) = journal.standing().values()
        return {who for who in (IDA, BO, "kim@example.org") if is_patient_of(standing, Person(who))}

    journal.record(entry("A", "acknowledged", 0))
    assert whose() == {IDA}
    journal.record(entry("A", "handover", 1, addressee=BO.upper()))
    assert whose() == {IDA, BO}
    journal.record(entry("A", "taken_over", 2, who=BO))
    assert whose() == {BO}


def test_whoever_later_gets_the_address_of_another_gets_neither_his_patients_nor_what_was_handed_to_him(journal):
    ida, bo, later = Person(IDA, "sso 1"), Person(BO, "sso 2"), Person(IDA, "sso 3")
    renamed = Person("ida.kern@example.org", ida.account)
    journal.record(entry("A", "acknowledged", 0, account=ida.account))
    journal.record(entry("B", "handover", 0, who=BO, account=bo.account, addressee=IDA, addressee_account=ida.account))
    journal.record(entry("C", "acknowledged", 0))  # from before accounts were kept

    def whose(who):
        return {patient for (patient, *_), standing in journal.standing().items() if is_patient_of(standing, who)}

    assert whose(ida) == {"A", "B", "C"} and whose(renamed) == {"A", "B"}
    assert whose(later) == {"C"} and whose(bo) == {"B"}
    (on,) = {on_whom(COURSE, journal.standing(["B"])["B", DRUG, PROTOCOL], DAY)}
    assert on.is_reader(renamed) and not on.is_reader(later)
    with pytest.raises(JournalError, match="handed over to you"):
        journal.record(entry("B", "taken_over", 1, who=IDA, account=later.account))
    journal.record(entry("B", "taken_over", 1, who=renamed.name, account=renamed.account))


@pytest.mark.parametrize(
    ("before", "who"),
    [
        ([], BO),
        ([("handover", {"addressee": "kim@example.org"})], BO),
        ([("handover", {}), ("done", {})], BO),
        ([("handover", {}), ("taken_over", {"who": BO})], BO),
    ],
)
def test_only_what_is_handed_over_to_a_reader_can_he_take_over(journal, before, who):
    for hours, (kind, told) in enumerate(before):
        journal.record(entry("A", kind, hours, **told))
    with pytest.raises(JournalError, match="handed over to you"):
        journal.record(entry("A", "taken_over", 9, who=who))
    assert len(journal.entries()) == len(before)


def test_taken_over_may_also_be_what_has_changed_since(journal):
    journal.record(entry("A", "handover", 0))
    taken = journal.record(entry("A", "taken_over", 1, who=BO, recommendation=key("reduce", 80, DAY)))
    assert [*journal.standing().values()] == [taken]
