"""A page with nothing but the viewer, on made-up pictures: `?width=…&height=…`, `&denoised=0` for the noisy
alone, `&equal=1` for the noisy twice, `&mix=1` for the sliders and a clean reference, `&profile=…` for one of
`PROFILES`, `&spot=…,…` to begin there, `&growing=1` for a denoised picture that is being made, and `&part=1` for a
noisy one of which parts can be fetched.
"""

from dataclasses import replace

import cv2
import numpy as np
import streamlit as st

from denoise.image import Photo
from denoise.mixing import Mix, detail_map
from denoise.ui import addresses, pictures, session, texts, viewer
from tests.e2e import profiles

PROFILES = {"": b"", "p3": profiles.display_p3(), "grey": profiles.grey()}


def make_clean(width: int, height: int) -> np.ndarray:
    """Return the clean reference."""
    return np.tile(np.linspace(20, 235, width).astype(np.uint8)[None, :, None], (height, 1, 3))


def make_pair(width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a noisy photo and a denoised one, the same for the same size."""
    ramp = make_clean(width, 1).astype(np.int16)
    noise = np.random.default_rng(width).normal(0, 25, (min(height, 512), min(width, 512), 3)).astype(np.int16)
    tiled = np.tile(noise, (-(-height // 512), -(-width // 512), 1))[:height, :width]
    noisy = np.clip(ramp + tiled, 0, 255).astype(np.uint8)
    return noisy, cv2.blur(noisy, (5, 5))


def make_photos(width: int, height: int, profile: str) -> list[Photo]:
    """Return the pair with a profile, one of `PROFILES`; "grey" takes the colours from it."""
    pair = make_pair(width, height)
    if profile == "grey":
        pair = tuple(np.repeat(pixels[..., :1], 3, axis=2) for pixels in pair)
    return [Photo(pixels, grey=profile == "grey", icc_profile=PROFILES[profile]) for pixels in pair]


@st.cache_data
def make_files(width: int, height: int, profile: str) -> list[bytes]:
    """Return the pair as PNG files."""
    return [pictures.to_png(photo) for photo in make_photos(width, height, profile)]


def picture(name: str, label: str, png: bytes) -> viewer.Picture:
    """Let the viewer fetch a PNG file."""
    return viewer.Picture(name, label, addresses.picture(session.current(), name, png))


def show() -> None:
    """Make the page; its button brings another denoised picture, in which nothing has changed."""
    st.set_page_config(layout="wide")
    wanted = st.query_params
    size = int(wanted.get("width", 600)), int(wanted.get("height", 400))
    profile = wanted.get("profile", "")
    noisy, denoised = make_files(*size, profile)
    shown = [picture("noisy", texts.NOISY, noisy)]
    if wanted.get("part"):
        shown = [replace(shown[0], part="/parts/made-up?", size=size[::-1])]
    suffix = "-again" if st.button("Again") else ""
    if wanted.get("denoised") != "0":
        file = noisy if wanted.get("equal") else denoised
        shown.append(picture(f"denoised{suffix}", texts.DENOISED, file))
    spot = wanted.get("spot")
    begin = tuple(map(int, spot.split(","))) if spot else None
    growing = viewer.Picture("denoised-new", "New", "/windows/made-up?") if wanted.get("growing") else None
    if st.button("Other"):
        growing = viewer.Picture("denoised-other", "Other", "/windows/made-up?")
    if st.button("Finished"):
        growing, shown[1:] = None, [picture("denoised-new", texts.DENOISED, denoised)]
    if not wanted.get("mix"):
        viewer.show(shown, subject="", spot=begin, growing=growing)
        return
    details = detail_map(*make_photos(*size, profile))
    viewer.show(
        shown,
        subject="",
        clean=picture("clean", texts.CLEAN, pictures.to_png(Photo(make_clean(*size)))),
        details=picture("details", "", pictures.to_grey_png(details)),
        mix=Mix(),
        on_paint=lambda subject, mask: st.session_state.update(mask=mask),
        on_mix=lambda mix: st.session_state.update(mixed=mix),
    )
    st.text(f"Mix: {tuple(st.session_state.get('mixed', ())[:3])}")


if __name__ == "__main__":
    show()
