"""The tour in pictures: every page has one, each is there and small, and none is left over."""

import re

from PIL import Image

from tests.serving import ROOT
from tests.tour import FOLDER, PAGES, WIDTH

MOST_BYTES = 150_000
TOUR = (ROOT / "docs" / "tour.md").read_text(encoding="utf-8")
SHOWN = re.findall(r"!\[([^\]]+)\]\(tour/([\w-]+)\.png\)", TOUR)


def test_every_page_has_a_picture_in_the_tour():
    assert set(PAGES) == {path.stem for path in (ROOT / "pages").glob("*.py")} == {name for _, name in SHOWN}


def test_every_picture_is_shown_once_and_none_is_left_over():
    assert sorted(name for _, name in SHOWN) == sorted(path.stem for path in FOLDER.iterdir())


def test_every_picture_is_small_and_as_wide_as_its_window():
    for _, name in SHOWN:
        path = FOLDER / f"{name}.png"
        assert path.stat().st_size < MOST_BYTES, name
        with Image.open(path) as picture:
            assert picture.size == (WIDTH, PAGES[name][1])


def test_every_picture_has_words_in_its_place():
    assert all(len(words.split()) >= 4 for words, _ in SHOWN)
