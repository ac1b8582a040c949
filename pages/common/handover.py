"""The handover list of what the panel shows, to print and to write on."""

from datetime import date
from functools import partial

from leuko.access import Sight
from leuko.handover import handover_html
from leuko.store import Filters, Store
from pages.common import shared
from pages.common.opened import draw_file


def handover_file(path: str, sight: Sight, as_of: date, filters: Filters) -> bytes:
    return handover_html(shared.store_at(path).view(sight, as_of), filters).encode()


def draw_handover(store: Store, sight: Sight, as_of: date, filters: Filters) -> None:
    """Hand out the list; it is made when it is asked for."""
    draw_file(
        "Handover list to print",
        partial(handover_file, store.path, sight, as_of, filters),
        store.about.file_name("handover.html", as_of),
        "text/html",
        key="handover",
        icon=":material/print:",
        help="Who needs something now, under these filters, dangers first. It names patients: keep it as you keep "
        "records.",
    )
