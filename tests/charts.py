"""A published database of patients whose charts are hard to print: nothing known, one count, ten years, odd names."""

from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

from leuko.publish import load_csv

AS_OF = date(2026, 3, 31)
LABS = ["patient_id,analyte,value,unit,comparator,collected_at,status"]
EXPOSURES = ["patient_id,drug,setting,dose_mg,dose_unit,start_on,end_on,end_reason"]
PATIENTS = ["patient_id,name,birth_date,sex,site,clinician,diagnosis"]
EVENTS = ["patient_id,kind,value,occurred_at"]
NAMES = {
    "ONE": "Ada Haldanito",
    "NO-ANC": "Bram Ostrandi",
    "LONG": "Chiara Imarov",
    "DRUGS": "Deniz Lorwen",
    "MARKUP": '<script>alert(1)</script> & "Sons"',
    "RIGHT": "محمد عبد الرحمن \u202eنور",
    "WIDE": "W" * 300,
}
DRUGS = ("dasatinib", "imatinib", "nilotinib", "bosutinib", "mercaptopurine")


def database(folder: Path) -> Path:
    """Publish them as `charts.duckdb` in a folder."""
    files = {"labs": labs(), "exposures": exposures(), "patients": patients(), "events": events()}
    for name, lines in files.items():
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    path = folder / "charts.duckdb"
    paths = {name: folder / f"{name}.csv" for name in files}
    load_csv(path, **paths, as_of=AS_OF, origin={"title": "Charts", "simulated": True})
    return path


def count(patient: str, day: date, value: int, analyte: str = "anc", sign: str = "", status: str = "final") -> str:
    return f"{patient},{analyte},{value},cells/uL,{sign},{day}T08:00,{status}"


def labs() -> list[str]:
    """LONG: ten years of weekly counts, low in every eighth week; DRUGS: a count of each kind, the last of them 0."""
    first = AS_OF - timedelta(days=3652)
    weeks = [
        count("LONG", first + timedelta(days=7 * week), 300 if week % 8 == 0 else 2500 + 40 * (week % 7))
        for week in range(520)
    ]
    drugs = [
        count("DRUGS", date(2026, 1, 5), 5200),
        count("DRUGS", date(2026, 2, 2), 100, sign="<"),
        count("DRUGS", date(2026, 2, 9), 1400),
        count("DRUGS", date(2026, 2, 16), 900, status="entered-in-error"),
        count("DRUGS", date(2026, 3, 2), 3000, "wbc"),
        "DRUGS,segs_pct,40,%,,2026-03-02T08:00,final",
        count("DRUGS", date(2026, 3, 30), 0),
    ]
    ones = [count(patient, date(2026, 3, 20), 1800) for patient in ("ONE", "MARKUP", "RIGHT", "WIDE")]
    return [*LABS, *weeks, *drugs, *ones, count("NO-ANC", date(2026, 3, 20), 9000, "wbc")]


def exposures() -> list[str]:
    """LONG: a dose more or less every half year; DRUGS: five drugs at once, one of them held."""
    first = AS_OF - timedelta(days=3640)
    halves = [first + timedelta(days=182 * half) for half in range(21)]
    long = [
        f"LONG,dasatinib,,{(100, 80)[place % 2]},mg,{start},{end - timedelta(days=1)},"
        for place, (start, end) in enumerate(pairwise(halves))
    ]
    drugs = [f"DRUGS,{drug},,{100 * place + 50},mg,2026-01-0{place + 2},," for place, drug in enumerate(DRUGS)]
    ones = [f"{patient},dasatinib,,100,mg,2026-03-02,," for patient in ("ONE", "NO-ANC", "MARKUP", "RIGHT", "WIDE")]
    return [*EXPOSURES, *long, *drugs, *ones]


def patients() -> list[str]:
    rows = []
    for patient, name in NAMES.items():
        quoted = name.replace('"', '""')
        site = "<b>East</b>" if patient == "MARKUP" else "East"
        rows.append(f'{patient},"{quoted}",1980-03-09,female,{site},Dr Corvane,"CML, chronic phase"')
    return [*PATIENTS, *rows]


def events() -> list[str]:
    return [*EVENTS, "DRUGS,fever,39.1,2026-03-30T09:00"]
