import numpy as np
import pytest

from denoise.image import Photo
from denoise.mixing import Mix, blend, detail_map
from denoise.tone import LUMA


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("strength", [0.0, 0.3, 0.5, 1.0])
def test_blend_is_rounded_linear_interpolation(dtype, strength):
    before, after = np.random.default_rng(0).integers(0, np.iinfo(dtype).max + 1, (2, 9, 7, 3), dtype=dtype)
    exact = strength * after + (1 - strength) * before
    mixed = blend(Photo(before), Photo(after), Mix(strength, strength)).pixels
    assert mixed.dtype == dtype
    assert np.abs(mixed - exact).max() <= 0.5 + 1e-6


def test_blend_splits_luminance_from_colour():
    before, after = np.random.default_rng(0).integers(110, 146, (2, 90, 70, 3), dtype=np.uint8)
    luma = np.array(LUMA) / 256

    def luminance(pixels):
        return pixels @ luma

    no_colour = blend(Photo(before), Photo(after), Mix(colour=0)).pixels.astype(float)
    no_luminance = blend(Photo(before), Photo(after), Mix(luminance=0)).pixels.astype(float)
    np.testing.assert_allclose(luminance(no_colour), luminance(after), atol=0.51)
    np.testing.assert_allclose(luminance(no_luminance), luminance(before), atol=0.51)
    # What the one leaves of the noise is what the other removes.
    np.testing.assert_allclose(no_colour + no_luminance, before.astype(float) + after, atol=1.01)


def test_blend_keeps_detail_in_texture_alone():
    rng = np.random.default_rng(0)
    clean = np.full((64, 128, 3), 120, np.uint8)
    clean[:, 64:] = rng.integers(0, 2, (64, 64, 1), dtype=np.uint8) * 200 + 20
    noisy = np.clip(clean + rng.normal(0, 8, clean.shape), 0, 255).astype(np.uint8)
    mixed = blend(Photo(noisy), Photo(clean), Mix(detail=1)).pixels.astype(float)
    grey = np.array(LUMA) / 256
    removed = np.abs((mixed - noisy) @ grey)
    assert removed[8:-8, 8:48].mean() > 0.95 * np.abs((clean.astype(float) - noisy) @ grey)[8:-8, 8:48].mean()
    assert removed[8:-8, 80:-8].mean() < 0.5
    details = detail_map(Photo(noisy), Photo(clean))
    assert details[:, :50].max() < 10
    assert details[:, 80:].min() > 200


@pytest.mark.parametrize("name", ["luminance", "colour", "detail"])
def test_blend_refuses_other_shares(name):
    photo = Photo(np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(ValueError, match=f"`{name}` must be between 0 and 1. Received: 1.5"):
        blend(photo, photo, Mix(**{name: 1.5}))
