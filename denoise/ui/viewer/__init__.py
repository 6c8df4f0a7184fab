"""The comparison viewer: noisy and denoised photo under one shared zoom and position, in their true pixels."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass

import streamlit as st

from denoise.brush import Mask
from denoise.mixing import Mix
from denoise.ui.component import component

_component = component("viewer")


@dataclass(frozen=True)
class Picture:
    """A picture in the viewer.

    `id` tells pictures apart: one that the browser has already is not fetched again. `url` is where the PNG file is,
    see `addresses.picture`: a component's own data would be copied several times on the way, which for a photo of 12
    megapixels takes 200 MB more. Of one that is being made, `id` is that of the picture which takes its place, `label`
    says what is at work, and `url` is one of `addresses.window`. While one is being made, of the large photo what is
    looked at is fetched first: by `part`, see `addresses.part`; `size` is its height and width.
    """

    id: str
    label: str
    url: str
    part: str = ""
    size: tuple[int, int] = (0, 0)


def show(
    pictures: Sequence[Picture],
    *,
    subject: str,
    spot: tuple[int, int] | None = None,
    growing: Picture | None = None,
    clean: Picture | None = None,
    details: Picture | None = None,
    mix: Mix | None = None,
    mixed: int = 0,
    on_mix: Callable[[Mix], None] | None = None,
    on_paint: Callable[[str, Mask | None], None] | None = None,
    link: Mapping[str, str] | None = None,
    on_back: Callable[[Mapping[str, str]], None] | None = None,
    key: str = "viewer",
) -> None:
    """Place the viewer in the page.

    With `mix` it has sliders and mixes the two pictures by itself, at once, as `denoise.blend` does.

    Args:
        pictures: The noisy one, and the denoised one (at full strength) if it is there.
        subject: What they all show, in one size; as long as it stays the same, so do zoom and position.
        spot: Row and column to look at first, in true pixels; without it, or where it fits, all of the photo is shown.
        growing: What is being made; it is shown over the denoised picture that is there, or over the noisy one.
        clean: The clean reference; with it the viewer shows where the others differ from it.
        details: The map of `denoise.detail_map`, for the slider that keeps details.
        mix: Where the sliders stand at first; without it there are none.
        mixed: Another number has them stand there once more, wherever the visitor has moved them.
        on_mix: Called when the visitor has moved a slider.
        on_paint: Called with the subject, and what was painted on it with the brush; without it there is no brush. Of
            `mix`, the mask is taken once for each subject: from then on it is the browser's.
        link: What the page's address is to say besides the view; what is empty goes from it. Streamlit's own way would
            add a step to the browser's history for each touch of a slider too. All other choices are such steps.
        on_back: Called with what an earlier address said, when the visitor went back or forth to it.
        key: Tells several viewers in a page apart.
    """
    roles = dict(zip(("noisy", "denoised"), pictures, strict=False)) | {"clean": clean, "details": details}
    shown = [{"role": role, **asdict(each)} for role, each in roles.items() if each]

    def changed() -> None:
        if on_mix:
            on_mix(Mix(*(percent / 100 for percent in st.session_state[key]["mix"])))

    def painted() -> None:
        said = st.session_state[key]["painted"]
        with suppress(ValueError):  # no viewer of ours has sent it
            if on_paint:
                on_paint(str(said["subject"]), Mask.read(said["mask"]) if said["mask"] else None)

    percents = [round(100 * share) for share in mix.shares] if mix else None
    mask = mix.mask.write() if mix and mix.mask else ""
    _component(
        data={
            "subject": subject,
            "spot": spot,
            "wanted": shown,
            "growing": asdict(growing) if growing else None,
            "mix": percents,
            "mixed": mixed,
            "link": dict(link or {}),
            "mask": mask if on_paint else None,
        },
        key=key,
        on_mix_change=changed,
        on_painted_change=painted,
        on_back_change=lambda: on_back(st.session_state[key]["back"]) if on_back else None,
    )
