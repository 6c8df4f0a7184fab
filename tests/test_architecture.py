"""The picture and the list in `docs/architecture.md` say what the code says."""

import re
from xml.etree import ElementTree

from tests.architecture import DOCUMENT, MODULES, PICTURE, draw, listed, part_of

STALE = "run `python -m tests.architecture`"


def test_picture_is_drawn_from_the_code_as_it_is():
    drawn, committed = draw(), PICTURE.read_text("utf-8")
    texts = {text.text for text in ElementTree.fromstring(drawn).iter("{http://www.w3.org/2000/svg}text")}
    parts = {part_of(module).removeprefix("denoise.") for module in MODULES} - {"denoise"}
    assert {part for part in parts if not {part, f"{part}/"} & texts} == set()
    # Its places may differ by a pixel from one version of SciPy to the next.
    assert re.sub(r"\d+", "#", committed) == re.sub(r"\d+", "#", drawn), STALE


def test_rooms_of_the_page_are_listed_as_they_are():
    document = DOCUMENT.read_text("utf-8")
    assert "| `denoise/ui/session.py` | What one visitor" in document
    assert listed(document) == document, STALE
