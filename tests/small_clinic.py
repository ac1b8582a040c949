"""A clinic of two sites with one patient each, its table of who may see what, and those who sign in."""

from pathlib import Path

from leuko.publish import load_csv

LABS = """patient_id,analyte,value,unit,collected_at
N1,anc,430,cells/uL,2026-02-20T08:00
S1,anc,420,cells/uL,2026-02-21T08:00
"""
EXPOSURES = "patient_id,drug,dose_mg,start_on\nN1,dasatinib,100,2026-02-01\nS1,imatinib,400,2026-02-01\n"
PATIENTS = "patient_id,name,site\nN1,Ida Kern,North\nS1,Ole Bang,South\n"
ACCESS = """session_hours = {hours}
[[grant]]
value = "ward-north"
role = "clinician"
sites = ["North"]
[[grant]]
value = "keepers"
role = "admin"
sites = "all"
"""
USERS = (
    {"sub": "ida", "email": "ida@example.org", "email_verified": True, "groups": ["ward-north"]},
    {"sub": "kim", "email": "kim@example.org", "email_verified": True, "groups": ["keepers"]},
    {"sub": "bo", "email": "bo@example.org", "email_verified": True, "groups": ["somebody-else"]},
)
COOKIE = "_streamlit_user"


def write_data(folder: Path) -> Path:
    """The files and the database in a folder; gives the database."""
    files = {}
    for name, text in {"labs": LABS, "exposures": EXPOSURES, "patients": PATIENTS}.items():
        files[name] = folder / f"{name}.csv"
        files[name].write_text(text, encoding="utf-8")
    load_csv(folder / "leuko.duckdb", **files)
    return folder / "leuko.duckdb"
