import json
from pathlib import Path

import numpy as np
from PIL import Image as PillowImage

from denoise.training.samples import make_samples

BUNDLED = Path(__file__).parents[2] / "samples"


def test_make_samples_reproduces_the_bundled_ones(tmp_path: Path) -> None:
    make_samples(tmp_path)
    bundled = {p.name for p in BUNDLED.iterdir()} - {"before-after.png"}
    assert {p.name for p in tmp_path.iterdir()} == bundled
    for path in tmp_path.iterdir():
        if path.suffix == ".png":  # pixels: another version of zlib may pack the same ones differently
            with PillowImage.open(path) as made, PillowImage.open(BUNDLED / path.name) as bundled:
                difference = np.abs(np.asarray(made, np.int32) - np.asarray(bundled, np.int32))
                # Other processors round a power otherwise in its last bit, and few values, or their JPEG's, with it.
                assert difference.max() <= 4
                assert (difference > 0).mean() < 2e-3
        else:
            assert path.read_text() == (BUNDLED / path.name).read_text()


def test_bundled_samples_state_their_licences() -> None:
    entries = json.loads((BUNDLED / "samples.json").read_text())
    assert len(entries) >= 6
    for entry in entries:
        assert entry["licence"]
        assert entry["source"] in (BUNDLED / "SOURCES.md").read_text()
