import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from denoise.training import cutting
from denoise.training.cutting import cut
from denoise.training.datasets import Pair, PairedSet, find_pairs, read_pair
from tests.training.test_datasets import renoir, write


@pytest.fixture
def large(tmp_path: Path) -> PairedSet:
    """A pair of 50×33 pixels, named as in SIDD, and a RENOIR pair of 20×20."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "whole"
    for kind in ("noisy", "clean"):
        write(folder / kind / "0001_002_N6_00100_00060_3200_L_010.png", rng.integers(0, 256, (50, 33, 3), np.uint8))
        write(folder / kind / "kitchen_7.png", rng.integers(0, 256, (20, 20, 3), np.uint8))
    return find_pairs(folder)


def test_cut_pieces_make_up_the_photo(large: PairedSet, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert cut(large, out, 20) == 3 * 2 + 1
    pieces = find_pairs(out)
    assert pieces.problems == ()
    for whole in large.pairs:
        mine = [p for p in pieces.pairs if p.name.startswith(whole.name)]
        assert {(p.scene, p.camera, p.iso) for p in mine} == {(whole.scene, whole.camera, whole.iso)}
        for side, expected in enumerate(read_pair(whole)):
            assert expected is not None
            together = np.zeros_like(expected)
            for piece in mine:
                y, x = map(int, piece.name.split("_")[-2:])
                pixels = read_pair(piece)[side]
                assert pixels is not None
                assert all(10 <= length <= 20 for length in pixels.shape[:2])
                together[y : y + pixels.shape[0], x : x + pixels.shape[1]] += pixels
            np.testing.assert_array_equal(together, expected)


def test_cut_writes_clean_photos_straight_into_the_folder(tmp_path: Path) -> None:
    write(tmp_path / "whole" / "a.jpg", 5)
    assert cut(find_pairs(tmp_path / "whole"), tmp_path / "out", 25) == 4
    found = find_pairs(tmp_path / "out")
    assert (found.layout, {p.scene for p in found.pairs}) == ("clean", {"a"})


def test_cut_goes_on_where_it_stood(large: PairedSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(pair: Pair) -> tuple[Any, Any]:
        if pair is large.pairs[1]:
            raise KeyboardInterrupt
        return read_pair(pair)

    out = tmp_path / "out"
    with monkeypatch.context() as patched:
        patched.setattr(cutting, "read_pair", stop)
        with pytest.raises(KeyboardInterrupt):
            cut(large, out, 20)
    written = {path: path.stat().st_mtime_ns for path in out.rglob("*.png")}
    assert len(written) == 12
    lost = sorted(written)[0]
    lost.unlink()
    assert cut(large, out, 20) == 7
    assert len(list(out.rglob("*.*"))) == 14
    assert all(path.stat().st_mtime_ns == time for path, time in written.items() if path != lost)


@pytest.mark.parametrize("other", [10, 25, 40])
def test_cut_refuses_a_folder_with_pieces_of_another_size(large: PairedSet, tmp_path: Path, other: int) -> None:
    cut(large, tmp_path / "out", 20)
    with pytest.raises(ValueError, match="same photos and size"):
        cut(large, tmp_path / "out", other)


def test_cut_refuses_a_size_of_nothing(large: PairedSet, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        cut(large, tmp_path / "out", 0)


def test_cut_names_what_it_cannot_read(large: PairedSet, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    broken = large.pairs[1].clean[0]
    broken.write_bytes(broken.read_bytes()[:-30])
    assert cut(large, tmp_path / "out", 20) == 6
    assert "1 photos were skipped" in caplog.text
    assert str(broken) in caplog.text


def test_cut_of_renoir_writes_the_mean(tmp_path: Path) -> None:
    found = find_pairs(renoir(tmp_path / "whole"))
    shutil.rmtree(tmp_path / "whole" / "Mi3_Aligned" / "Batch_002")
    kept = tuple(p for p in found.pairs if p.noisy is not None and p.noisy.exists())
    cut(replace(found, pairs=kept), tmp_path / "out")
    pieces = find_pairs(tmp_path / "out").pairs
    assert len(pieces) == 4
    assert {int(value) for p in pieces for value in np.unique(read_pair(p)[1])} == {102}  # 101.5, to the even
