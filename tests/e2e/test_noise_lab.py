import io
import re

import numpy as np
import pytest
from PIL import Image

from denoise.ui import samples, texts
from denoise.ui.pages import noise_lab
from tests.e2e.conftest import (
    DESKTOP,
    PHONE,
    RESULT_TIMEOUT,
    assert_on_its_way,
    pictures_held,
    wait_for_result,
    wait_until_it_fits,
)

SAMPLE = next(iter(samples.list_samples().values()))


def figures(page):
    return [
        float(number)
        for metric in page.get_by_test_id("stMetricValue").all_inner_texts()
        for number in re.findall(r"[\d.]+", metric)
    ]


@pytest.mark.parametrize(
    ("size", "scheme", "query"),
    [
        pytest.param(DESKTOP, "dark", "?curves=Autoencoder", id="desktop"),
        pytest.param(PHONE, "light", "?cleaner=Fast U-Net&curves=Fast U-Net", id="phone"),
    ],
)
def test_photo_is_made_noisy_and_cleaned_without_moving_and_the_curves_are_drawn(visit, size, scheme, query):
    page = visit(f"noise_lab{query}", **size, color_scheme=scheme)
    wait_for_result(page)
    page.get_by_test_id("stMetricValue").nth(1).wait_for()
    before, after, similar_before, similar_after = figures(page)
    assert after > before + 2
    assert 1 > similar_after > similar_before
    assert page.evaluate("shift") < 0.1
    assert page.locator(".viewer").get_attribute("data-clean") is not None  # what the error is told from
    page.get_by_role("button", name=noise_lab.CURVE_BUTTON).click()
    chart = page.locator(".stVegaLiteChart[aria-label*='PSNR']")
    chart.wait_for(timeout=RESULT_TIMEOUT)
    assert texts.NOISY in chart.get_attribute("aria-label")
    wait_until_it_fits(page)


# A script for which a component waits that is about to be loaded, until the test says `load`.
HOLD_BACK = """
    const Plain = Blob; // what Streamlit puts a component's script into
    window.Blob = class extends Plain {
        constructor(parts, options) {
            const isViewer = String(parts?.[0]).includes("createViewer");
            super(isViewer ? ["await new Promise((load) => (window.load = load));", ...parts] : parts, options);
        }
    };
"""


def test_setting_is_in_the_link_and_own_photo_is_seen_by_nobody_else_and_a_bad_one_leaves_it(visit, server_url):
    page = visit("noise_lab?cleaner=Autoencoder")
    wait_for_result(page)
    with pictures_held(page):  # until they are there, those of another ISO speed are not shown either
        page.get_by_role("slider", name=noise_lab.ISO).press("ArrowRight")
        page.get_by_text(re.compile(r"at ISO\s6400")).wait_for(timeout=RESULT_TIMEOUT)
        assert_on_its_way(page, texts.NOISY)
    wait_for_result(page)
    page.get_by_test_id("stMetricValue").nth(1).wait_for()
    assert "iso=6400" in page.url

    # Another visitor follows the link, whose result comes while the viewer is still being loaded.
    other = visit("noise_lab" + page.url.partition("/noise_lab")[2], script=HOLD_BACK)
    other.get_by_test_id("stMetricValue").nth(1).wait_for(timeout=RESULT_TIMEOUT)
    other.evaluate("load()")
    wait_for_result(other)
    assert figures(other) == figures(page)

    sample = page.locator(".viewer").get_attribute("data-shown")
    buffer = io.BytesIO()
    ramp = np.linspace(40, 210, 900)[None, :, None] * np.ones((700, 1, 3))
    Image.fromarray(ramp.astype(np.uint8)).save(buffer, "PNG")
    upload = page.locator("input[type=file]")
    upload.set_input_files({"name": "mine.png", "mimeType": "image/png", "buffer": buffer.getvalue()})
    page.get_by_text(noise_lab.PHOTOGRAPHED.format(640, 640, 6400)).wait_for(timeout=RESULT_TIMEOUT)
    wait_for_result(page)
    shown = page.locator(".viewer").get_attribute("data-shown")
    assert shown != sample
    upload.set_input_files({"name": "notes.txt", "mimeType": "text/plain", "buffer": b"These are no pixels."})
    page.get_by_text("This is not a picture").wait_for()
    assert page.locator(".viewer").get_attribute("data-shown") == shown
    other.goto(f"{server_url}/noise_lab?cleaner=Autoencoder&scene=Your photo")
    other.get_by_test_id("stMetricValue").nth(1).wait_for(timeout=RESULT_TIMEOUT)
    assert other.get_by_role("combobox").first.input_value() == SAMPLE.title
