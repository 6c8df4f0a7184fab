"""Nothing moves while a page comes: what one is about to press stays where it is."""

import pytest

from denoise.ui import texts
from tests.e2e.conftest import DESKTOP, PHONE, visit_finished
from tests.e2e.test_growing import CLS


@pytest.mark.parametrize("options", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("name", [name for name in texts.PAGES if name != "denoise"])  # that is held by `test_growing`
def test_nothing_moves_while_the_page_comes(visit, name, options):
    page = visit_finished(visit, name, script=CLS, **options)
    assert page.evaluate("shift") < 0.1
