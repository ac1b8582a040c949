"""Last weeks that some patients live through, so that each alert is seen on the last day (`story` in cohort.toml)."""

from types import SimpleNamespace

import numpy as np

from data.enrolment import NEVER


def tell_stories(who: SimpleNamespace, tables: dict, random: np.random.Generator) -> None:
    """Deal the stories out among patients of their drugs; their share of the cohort stays as it is at any size."""
    last = tables["days"] - 1
    who.failing_from = np.full(who.size, NEVER)
    who.failing_to = np.full(who.size, NEVER)
    who.failing = np.zeros(who.size)
    who.no_anc_from = np.full(who.size, NEVER)
    who.watched_from = np.full(who.size, NEVER)
    who.quiet_from = np.full(who.size, NEVER)  # from here on only the draws of the story
    who.drawn_for_certain, who.feverish = {}, {}
    drugs = np.array([group.get("drug", "") for group in tables["group"]])[who.group]
    scale = who.size / sum(group["count"] for group in tables["group"])
    free = (who.ended == "") & (who.start < last - 60)
    for story in tables["story"]:
        fitting = np.flatnonzero(free & np.isin(drugs, story["drugs"]))
        # drugs in turn, so that a story is not that of the most common drug alone
        turn = np.lexsort((random.random(len(fitting)), drugs[fitting]))
        spread = np.round(np.linspace(0, len(fitting) - 1, round(story["count"] * scale))).astype(int)
        live_through(story, who, fitting[turn][spread], last)
        free[fitting[turn][spread]] = False


def live_through(story: dict, who: SimpleNamespace, chosen: np.ndarray, last: int) -> None:
    who.failing_from[chosen], who.failing[chosen] = last - story["days"], story["loss"]
    who.failing_to[chosen] = last - story.get("until", -1)
    who.sparse[chosen] = False
    who.platelets_reported[chosen] = True
    # all but the last draws on one of four days in turn, so that not everybody comes on the same
    sooner = np.arange(len(chosen)) % 4
    who.quiet_from[chosen] = last - story["drawn"][0] - 4
    for place, patient in enumerate(chosen):
        for ago in story["drawn"]:
            who.drawn_for_certain.setdefault(last - ago - (sooner[place] if ago > 3 else 0), []).append(patient)
        if "fever" in story:
            ago = story["fever"][place % len(story["fever"])]
            who.feverish.setdefault(last - ago, []).append(patient)
    if "no_anc" in story:
        who.no_anc_from[chosen] = last - story["no_anc"]
    if "stopped" in story:
        who.end[chosen], who.ended[chosen] = last - story["stopped"], "discontinued"
    if "waiting" in story:
        who.start[chosen] = last + 1
    if "watched" in story:
        who.watched_from[chosen] = last - story["days"]
