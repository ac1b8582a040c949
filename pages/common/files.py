"""What the adherence page hands out: the deviations, the workbook and the report, of what it shows."""

import io

from leuko.extract import extract
from leuko.report import report_html
from leuko.workbook import write_csv, write_workbook
from pages.common.measure import Asked


def csv_file(asked: Asked) -> bytes:
    """The deviations as `python -m leuko audit` writes them: no cell of it runs as a formula."""
    file = io.StringIO(newline="")
    with extract(asked.view, asked.settings, asked.scope) as found:
        write_csv(file, found.deviations)
    return file.getvalue().encode()


def excel_file(asked: Asked) -> bytes:
    file = io.BytesIO()
    with extract(asked.view, asked.settings, asked.scope) as found:
        write_workbook(file, found)
    return file.getvalue()


def report_file(asked: Asked) -> bytes:
    with extract(asked.view, asked.settings, asked.scope) as found:
        return report_html(found).encode()


FILES = {  # made when they are asked for: name, what makes it, type, how the button is called
    "deviations.csv": (csv_file, "text/csv", "Deviations (CSV)"),
    "adherence.xlsx": (
        excel_file,
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "Every event (Excel)",
    ),
    "report.html": (report_file, "text/html", "Report (HTML, prints to PDF)"),
}
