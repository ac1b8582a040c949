"""The founding rule of dasatinib as a good analyst would write it in pandas: grouped by patient, a function for each.

Hold below 500 until 1000. Back within 7 days: the same dose again; below 500 for more than 7 days: a level less;
otherwise a review. It reads one ANC a day at most, in cells/µL without `<` or `>`, never corrected, and one dose a
patient that is given throughout: what the cohort of bench_rule holds.
"""

from datetime import date

import pandas

HOLD, RESUME = 500, 1000
WITHIN_DAYS = 7
LEVELS = (100, 80, 50)
GRACE_DAYS = 3


def evaluate(labs: pandas.DataFrame, exposures: pandas.DataFrame, as_of: date) -> tuple[pandas.DataFrame, ...]:
    """The episodes, and the status of each patient today, from tables in the canonical shape."""
    today = pandas.Timestamp(as_of)
    reported = labs["reported_at"].dt.normalize() <= today
    known = labs[(labs["analyte"] == "anc") & (labs["status"] == "final") & reported]
    counts = known[["patient_id", "value"]].assign(day=known["collected_at"].dt.normalize())
    counts = counts.merge(exposures[["patient_id", "start_on", "dose_mg"]], on="patient_id")
    counts = counts[counts["day"] >= counts["start_on"]].sort_values(["patient_id", "day"])
    episodes, statuses = [], []
    for patient_id, rows in counts.groupby("patient_id", sort=False):
        draws = list(zip(rows["day"], rows["value"], strict=True))
        start, dose = rows["start_on"].iloc[0], rows["dose_mg"].iloc[0]
        own = [decided(episode, dose) for episode in episodes_of(draws)]
        episodes += [{"patient_id": patient_id, **episode} for episode in own]
        status, dose_mg, since = status_of(own, draws, start, today)
        statuses.append({"patient_id": patient_id, "status": status, "dose_mg": dose_mg, "since": since})
    return pandas.DataFrame(episodes), pandas.DataFrame(statuses)


def episodes_of(draws: list) -> list[dict]:
    """From a count below 500 to the first at 1000; `days_below` is the longest run until the next count."""
    found, episode, low_since = [], None, None
    for day, count in draws:
        if episode is None:
            if count >= HOLD:
                continue
            episode = {"onset_on": day, "recovered_on": None, "anc_nadir": count, "days_below": 0}
            found.append(episode)
        if low_since is not None:
            episode["days_below"] = max(episode["days_below"], (day - low_since).days)
        episode["anc_nadir"] = min(episode["anc_nadir"], count)
        if count >= HOLD:
            low_since = None
        elif low_since is None:
            low_since = day
        if count >= RESUME:
            episode["recovered_on"] = day
            episode = None
    return found


def decided(episode: dict, dose: float) -> dict:
    """The episode with the days to its recovery, and what was to be done on that day."""
    if episode["recovered_on"] is None:
        return {**episode, "days_to_recovery": None, "action": None, "dose_mg": None}
    days = (episode["recovered_on"] - episode["onset_on"]).days
    lower = next((level for level in LEVELS if level < dose), None)
    if days <= WITHIN_DAYS:
        action, dose_mg = "resume", dose
    elif episode["days_below"] > WITHIN_DAYS and lower is not None:
        action, dose_mg = "reduce", lower
    else:
        action, dose_mg = "review", None
    return {**episode, "days_to_recovery": days, "action": action, "dose_mg": dose_mg}


def status_of(episodes: list[dict], draws: list, start: pandas.Timestamp, today: pandas.Timestamp) -> tuple:
    """Status, dose and day since; a dose was given every day up to today."""
    last = episodes[-1] if episodes else None
    if last and last["recovered_on"] is None:
        return "hold", 0, last["onset_on"]
    if last and (last["action"] == "reduce" or last["recovered_on"] == today):
        return last["action"], last["dose_mg"], last["recovered_on"]
    day, count = draws[-1]
    due = day + pandas.Timedelta(days=7 if count < RESUME else 14 if (day - start).days <= 84 else 90)
    if (today - due).days > GRACE_DAYS:
        return "overdue", None, due
    if count < RESUME:
        return "watch", None, short_since(draws)
    return "continue", None, start


def short_since(draws: list) -> pandas.Timestamp:
    """The first day of the unbroken row of short counts at the end."""
    since = None
    for day, count in reversed(draws):
        if count >= RESUME:
            break
        since = day
    return since
