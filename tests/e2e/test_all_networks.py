"""What takes all bundled networks, in a browser."""

import re

import pytest

from denoise.ui import texts
from tests.e2e.conftest import RESULT_TIMEOUT, serve
from tests.e2e.test_compare import INFOS, wait_for_all


@pytest.fixture(scope="module")
def server_url():
    """In place of the server with tiny networks."""
    with serve() as url:
        yield url


@pytest.mark.long
def test_cancel_keeps_what_is_finished_and_goes_on_later(visit):
    page = visit("compare?part=384&picture=Coffee")
    page.get_by_text(re.compile(rf"denoiser [2-9] of {len(INFOS)}")).wait_for(timeout=RESULT_TIMEOUT)
    page.get_by_role("button", name=texts.CANCEL).click()
    page.get_by_text(texts.WORK_CANCELLED).wait_for(timeout=RESULT_TIMEOUT)
    finished = page.locator(".comparison li img").count() - 2
    assert 1 <= finished < len(INFOS)
    page.get_by_role("button", name=texts.REPEAT).click()
    wait_for_all(page)
    assert page.locator(".comparison li img").count() == len(INFOS) + 2
