"""The interactive page of the service: all of it comes from this server, and a photo can be tried on it."""

import numpy as np

from denoise.image import Photo, encode


def test_photo_is_denoised_on_the_interactive_page(visit):
    page = visit("api/v1/docs")
    page.locator("#operations-photos-denoise_photo_denoise_post").get_by_role("button").first.click()
    page.get_by_role("button", name="Try it out").click()
    page.locator("select[aria-label='Request content type']").select_option("multipart/form-data")
    photo = encode(Photo(np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)))
    file = {"name": "photo.png", "mimeType": "image/png", "buffer": photo}
    page.locator("input[type=file]").set_input_files(file)
    with page.expect_response("**/api/v1/denoise*") as answered:
        page.get_by_role("button", name="Execute").click()
    assert answered.value.status == 200
    shown = page.locator(".responses-inner img")
    shown.wait_for()
    assert shown.evaluate("image => image.complete && image.naturalWidth") == 40
