"""Make the sample photos: free photographs that scikit-image brings, photographed again by a simulated camera."""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import skimage.data
from PIL import Image as PillowImage

from denoise import image, pipeline
from denoise.camera import photograph


class Source(NamedTuple):
    """A photograph in scikit-image's package and the ISO speed at which to photograph it again."""

    name: str
    title: str
    iso: int
    licence: str
    source: str


SOURCES = (
    Source("chelsea", "Cat", 3200, "CC0, by Stéfan van der Walt", "skimage.data.chelsea"),
    Source("coffee", "Coffee", 6400, "CC0, by Rachel Michetti", "skimage.data.coffee"),
    Source("astronaut", "Portrait", 1600, "public domain, by NASA", "skimage.data.astronaut"),
    Source("rocket", "Launch", 800, "public domain, by SpaceX", "skimage.data.rocket"),
    Source("hubble_deep_field", "Night sky", 1600, "public domain, by NASA and ESA", "skimage.data.hubble_deep_field"),
    Source("camera", "Black and white", 6400, "CC0, by Lav Varshney", "skimage.data.camera"),
)


def make_samples(folder: Path) -> None:
    """Write every sample (`NAME.noisy.png`, `NAME.clean.png`), `samples.json` and `SOURCES.md` into a folder.

    The clean reference is what the simulated camera would have made without noise. Chance is seeded by the name's
    place in the list: the same versions of numpy and Pillow write the same bytes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for seed, source in enumerate(SOURCES):
        original = getattr(skimage.data, source.name)()
        noisy, clean = photograph(original, source.iso, seed)
        files = {}
        for kind, pixels in (("noisy", noisy), ("clean", clean)):
            files[kind] = f"{source.name}.{kind}.png"
            PillowImage.fromarray(pixels).save(folder / files[kind], optimize=True)
        entries.append({**source._asdict(), **files})
    (folder / "samples.json").write_text(json.dumps(entries, indent=2, ensure_ascii=False) + "\n")
    (folder / "SOURCES.md").write_text(_sources(entries))


def make_picture(folder: Path) -> None:
    """Draw `before-after.png` into the folder of samples: the middle of the cat, noisy and denoised, pixels doubled."""
    noisy = image.decode((folder / "chelsea.noisy.png").read_bytes())
    halves = []
    for photo in (noisy, pipeline.denoise_photo(noisy)):
        top, left = (photo.height - 240) // 2, (photo.width - 210) // 2
        halves.append(photo.pixels[top : top + 240, left : left + 210])
    gap = np.full((240, 4, 3), 255, np.uint8)
    both = np.hstack([halves[0], gap, halves[1]]).repeat(2, axis=0).repeat(2, axis=1)
    PillowImage.fromarray(both).save(folder / "before-after.png", optimize=True)


def _sources(entries: list[dict[str, object]]) -> str:
    rows = "\n".join(f"| {e['title']} | `{e['source']}` | {e['licence']} | {e['iso']} |" for e in entries)
    return f"""# Sample photos

Made by `python -m denoise.training samples samples`: photographs that scikit-image brings with it, photographed again
by the simulated camera of `denoise/camera.py` at the given ISO speed. `NAME.clean.png` is what that camera would have
made without noise.

| sample | original | licence of the original | ISO |
|---|---|---|---|
{rows}
"""
