"""Who is in the cohort: groups of cohort.toml become patients, one array a property, one place in it a patient."""

from types import SimpleNamespace

import numpy as np
from scipy.special import ndtr, ndtri

from leuko.protocols import load_protocols

NEVER = 10**6  # a day that does not come
OPTIONS = {  # of a group, where it does not say otherwise
    "again": NEVER, "slow_days": NEVER, "below_days": 0, "deep": 0, "stop_below": 0, "first": 0, "short_every": 7,
    "no_platelets": 0.0, "disease": 0.0, "dies": 0.01, "anc": 5050, "platelets": 240_000, "slopes": 1.0, "sway": 0.14,
    "moods": 0.2, "titrated": False, "chemotherapy": False, "within": NEVER,
}  # fmt: skip


def enrol(tables: dict, size: int, random: np.random.Generator) -> SimpleNamespace:
    """`size` patients, the groups in the proportions of the tables, in the order of the groups."""
    groups = tables["group"]
    edges = np.cumsum([0, *(group["count"] for group in groups)])
    edges = np.round(edges / edges[-1] * size).astype(int)
    who = SimpleNamespace(size=size, group=np.repeat(np.arange(len(groups)), np.diff(edges)))
    for name, usual in OPTIONS.items():
        setattr(who, name, np.array([group.get(name, usual) for group in groups])[who.group])
    who.treated = np.array(["drug" in group for group in groups])[who.group]
    who.levels = np.array([len(group.get("doses", [0])) for group in groups])[who.group]
    who.cycle = np.array([group.get("cycle", [1, 0]) for group in groups])[who.group]
    schedules = [[*group["schedule"], *group["schedule"][-1:] * 3][:3] for group in groups]
    who.schedule = np.array(schedules, dtype=float)[who.group]
    who.relative_doses = np.zeros((len(groups), 8))
    for place, group in enumerate(groups):
        doses = np.array(group.get("doses", [0]), dtype=float)
        who.relative_doses[place, : len(doses)] = doses / (doses[group.get("first", 0)] or 1)
    read_thresholds(who, groups)
    give_clinicians(who, tables)
    follow_up(who, tables, random)
    give_marrow(who, tables, random)
    return who


def read_thresholds(who: SimpleNamespace, groups: list[dict]) -> None:
    """Hold and resume counts of the protocol that the group's clinicians read; 0 where it has none."""
    protocols = {protocol.id: protocol for protocol in load_protocols()}
    for name in ("anc", "platelets"):
        for edge in ("hold", "resume"):
            numbers = []
            for group in groups:
                part = getattr(protocols[group["protocol"]], name) if "protocol" in group else None
                condition = getattr(part, edge) if part else None
                strict = condition is not None and condition.operator == ">"
                numbers.append(float(condition.number) + strict if condition else 0.0)
            setattr(who, f"{name}_{edge}", np.array(numbers)[who.group])
    required = [("protocol" in group and protocols[group["protocol"]].cause_required) or False for group in groups]
    who.cause_first = np.array(required)[who.group]


def give_clinicians(who: SimpleNamespace, tables: dict) -> None:
    """Sites and clinicians in turn, so that each has patients of every group."""
    number = np.arange(who.size)
    sites = tables["site"]
    who.site = number % len(sites)
    who.clinician = (number // len(sites)) % 2
    for habit, usual in tables["habits"].items():
        shares = np.array([[person.get(habit, usual) for person in site["clinician"]] for site in sites])
        setattr(who, habit, shares[who.site, who.clinician])
    who.differential_only = np.array([site.get("differential_only", 0.0) for site in sites])[who.site]


def follow_up(who: SimpleNamespace, tables: dict, random: np.random.Generator) -> None:
    """Days, counted from 0: the first dose, the last, and the last day that anything is heard of the patient."""
    last = tables["days"] - 1
    longest = np.minimum(who.within, last - 20)
    who.start = last - np.round(4 + (longest - 4) * random.random(who.size)).astype(int)
    who.start[~who.treated] = last - 200
    years = {"discontinued": 0.05, "left": 0.03, "died": who.dies}
    ends = {name: who.start + 60 + random.exponential(365 / rate, who.size) for name, rate in years.items()}
    first = np.minimum.reduce(list(ends.values()))
    who.ended = np.full(who.size, "", dtype="<U12")
    for name, day in ends.items():
        who.ended[(day == first) & (day < last - 5) & who.treated] = name
    who.end = np.where(who.ended == "", NEVER, first).astype(int)
    who.seen_to = np.where(np.isin(who.ended, ["left", "died"]), who.end, last)
    who.sparse = random.random(who.size) < 0.09
    who.gap_when_held = random.random(who.size) < 0.25
    who.platelets_reported = random.random(who.size) >= who.no_platelets


def give_marrow(who: SimpleNamespace, tables: dict, random: np.random.Generator) -> None:
    """Usual counts, transit times and how strongly the drug acts: log-normal between patients."""
    drugs = [tables["drug"][group["drug"]] if "drug" in group else {} for group in tables["group"]]

    def of_drug(name: str, usual: float) -> np.ndarray:
        return np.array([drug.get(name, usual) for drug in drugs])[who.group]

    def varied(median: np.ndarray | float, spread: np.ndarray | float, standard: np.ndarray) -> np.ndarray:
        return median * np.exp(spread * standard)

    normal = random.standard_normal((8, who.size))
    normal[4], chance = evenly(who.group, random), evenly(who.group, random)
    who.usual_anc = varied(who.anc, 0.30, normal[0])
    who.usual_platelets = varied(who.platelets, 0.22, normal[1])
    who.usual_others = varied(2100, 0.25, normal[2])
    who.transit = np.exp(0.16 * normal[3])
    highest = np.array([drug.get("highest", 0.55) for drug in drugs])[who.group]  # nobody loses all marrow to a tablet
    who.slope = np.minimum(varied(who.slopes * of_drug("slope", 0), of_drug("spread", 0), normal[4]), highest)
    platelets = [np.array([drug.get("platelets", [0, 0, 1])[place] for drug in drugs])[who.group] for place in range(3)]
    # patients whose neutrophils fall are more often those whose platelets fall
    who.platelet_slope = varied(who.slopes * platelets[0], platelets[1], 0.6 * normal[4] + 0.8 * normal[5])
    who.platelet_slope = np.minimum(who.platelet_slope, highest)
    who.build_up = varied(of_drug("build_up", 1), 0.4, normal[6])
    who.platelet_build_up = varied(platelets[2], 0.4, normal[6])
    who.half_life, who.adapts = of_drug("half_life", 1), of_drug("adapts", 0)
    who.strongest = of_drug("strongest", 0.9)
    who.disease_effect = np.where(random.random(who.size) < who.disease, random.uniform(0.1, 0.36, who.size), 0)
    rare = [np.array([drug.get("idiosyncratic", [0, 1, 0])[place] for drug in drugs])[who.group] for place in range(3)]
    affected = ndtr(chance) < rare[0]
    begins = who.start + varied(rare[1], rare[2], evenly(np.where(affected, who.group, -1), random))
    who.idiosyncratic_from = np.where(affected, begins, NEVER)
    who.idiosyncratic = random.uniform(0.15, 0.45, who.size)


def evenly(group: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Standard normal numbers in even shares within each group, so that small groups have sensitive patients too."""
    shuffled = np.lexsort((random.random(len(group)), group))
    place = np.empty(len(group))
    first = np.searchsorted(group[shuffled], group[shuffled])
    place[shuffled] = np.arange(len(group)) - first
    many = np.unique(group, return_inverse=True, return_counts=True)
    return ndtri((place + random.random(len(group))) / many[2][many[1]])
