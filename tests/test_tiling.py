import tracemalloc

import numpy as np
import pytest

from denoise.tiling import Box, denoise_tiled, tile_offsets

SIZES = [(1, 1), (1, 300), (7, 3), (63, 64), (64, 64), (65, 64), (64, 127), (128, 129), (200, 333)]
OVERLAPS = [0, 1, 7, 16, 31, 32]


def identity(tile, level):
    return tile


def photo(height, width, dtype=np.uint8):
    generator = np.random.default_rng(height * 1000 + width)
    if dtype == np.float32:
        return generator.random((height, width, 3), np.float32)
    return generator.integers(0, np.iinfo(dtype).max, (height, width, 3), dtype, endpoint=True)


@pytest.mark.parametrize(
    ("length", "overlap", "expected"),
    [
        pytest.param(1, 64, [0], id="one pixel"),
        pytest.param(256, 64, [0], id="exactly one tile"),
        pytest.param(257, 64, [0, 1], id="one pixel more than a tile"),
        pytest.param(448, 64, [0, 192], id="exactly two tiles"),
        pytest.param(449, 64, [0, 96, 193], id="one pixel more than two tiles"),
        pytest.param(1024, 64, [0, 192, 384, 576, 768], id="four strides"),
        pytest.param(512, 0, [0, 256], id="no overlap"),
        pytest.param(385, 128, [0, 64, 129], id="greatest overlap"),
    ],
)
def test_tile_offsets_cover_the_axis_with_the_fewest_tiles(length, overlap, expected):
    assert tile_offsets(length, 256, overlap) == expected


@pytest.mark.parametrize("overlap", OVERLAPS)
@pytest.mark.parametrize("length", [64, 65, 100, 127, 128, 500, 4001])
def test_tile_offsets_are_even_and_share_at_least_the_overlap(length, overlap):
    offsets = tile_offsets(length, 64, overlap)
    steps = np.diff(offsets)
    assert offsets[0] == 0
    assert offsets[-1] + 64 == length
    assert np.all(64 - steps >= overlap)
    assert len(steps) == 0 or np.ptp(steps) <= 1


@pytest.mark.parametrize(
    ("length", "tile_size", "overlap", "rule"),
    [
        (
            100,
            64,
            33,
            "`overlap` must be at least 0 and at most half of `tile_size`. Received: overlap=33, tile_size=64",
        ),
        (100, 64, -1, "Received: overlap=-1"),
        (0, 64, 0, "`length` and `tile_size` must be at least 1. Received: length=0"),
        (100, 0, 0, "tile_size=0"),
    ],
)
def test_tile_offsets_refuses_bad_geometry(length, tile_size, overlap, rule):
    with pytest.raises(ValueError, match=rule):
        tile_offsets(length, tile_size, overlap)


@pytest.mark.parametrize("overlap", OVERLAPS)
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_denoise_tiled_returns_the_photo_under_identity(size, overlap):
    for dtype in (np.uint8, np.uint16, np.float32):
        pixels = photo(*size, dtype)
        output = denoise_tiled(pixels, identity, tile_size=64, overlap=overlap)
        assert output.dtype == dtype
        if dtype == np.float32:
            np.testing.assert_allclose(output, pixels, rtol=0, atol=1e-6)
        else:
            np.testing.assert_array_equal(output, pixels)


@pytest.mark.parametrize("overlap", OVERLAPS)
def test_denoise_tiled_weights_tiles_by_a_convex_blend(overlap):
    levels = iter(np.random.default_rng(0).permutation(np.linspace(0.2, 0.8, 2000, dtype=np.float32)))
    output = denoise_tiled(
        photo(150, 170, np.float32), lambda tile, _: np.full_like(tile, next(levels)), tile_size=64, overlap=overlap
    )
    assert output.min() >= 0.2 - 1e-6
    assert output.max() <= 0.8 + 1e-6


def test_denoise_tiled_keeps_a_single_tile_as_the_denoiser_returned_it():
    pixels = photo(64, 64, np.float32)
    output = denoise_tiled(pixels, lambda tile, _: tile**2, tile_size=64, overlap=16)
    np.testing.assert_array_equal(output, pixels**2)


@pytest.mark.parametrize(("overlap", "greatest_step"), [(0, 0.45), (16, 0.05), (32, 0.03)])
def test_denoise_tiled_blends_seams_smoothly(overlap, greatest_step):
    position = np.linspace(-0.2, 0.2, 64, dtype=np.float32)

    def brighter_to_the_bottom_right(tile, _):
        return tile + (position[:, None] + position)[..., None]

    grey = np.full((320, 320, 3), 0.5, np.float32)
    output = denoise_tiled(grey, brighter_to_the_bottom_right, tile_size=64, overlap=overlap)
    steps = max(np.abs(np.diff(output, axis=axis)).max() for axis in (0, 1))
    assert steps <= greatest_step
    if overlap == 0:
        assert steps > 0.3  # the seam that blending removes


def test_denoise_tiled_gives_every_denoiser_call_a_full_float_tile():
    tiles = []
    denoise_tiled(photo(100, 30, np.uint16), lambda tile, _: tiles.append(tile) or tile, tile_size=64, overlap=16)
    assert [(tile.shape, tile.dtype) for tile in tiles] == [((64, 64, 3), np.float32)] * 2
    assert min(tile.min() for tile in tiles) >= 0
    assert 0.99 < max(tile.max() for tile in tiles) <= 1


def test_denoise_tiled_pads_small_photos_by_reflection():
    pixels = photo(3, 5, np.float32)
    tiles = []
    denoise_tiled(pixels, lambda tile, _: tiles.append(tile) or tile, tile_size=8, overlap=2)
    np.testing.assert_array_equal(tiles[0], np.pad(pixels, ((2, 3), (1, 2), (0, 0)), mode="reflect"))


@pytest.mark.parametrize("size", [(3, 5), (64, 64), (100, 150)], ids=str)
def test_denoise_tiled_hands_out_the_level_of_each_tile_as_it_hands_out_the_tile(size):
    pixels = photo(*size, np.float32)

    def check(tile, level):
        assert level.dtype == np.float32
        np.testing.assert_array_equal(level[..., 0], tile[..., 0])
        return tile

    denoise_tiled(pixels, check, tile_size=64, overlap=16, level=pixels[..., 0])


@pytest.mark.parametrize("size", [(3, 5), (100, 150)], ids=str)
def test_denoise_tiled_takes_one_level_for_the_whole_photo(size):
    seen = []
    denoise_tiled(photo(*size), lambda tile, level: seen.append(level) or tile, tile_size=64, overlap=16, level=0.25)
    denoise_tiled(photo(*size), lambda tile, level: seen.append(level + 0.25) or tile, tile_size=64, overlap=16)
    assert {level.shape for level in seen} == {(64, 64, 1)}
    assert all((level == 0.25).all() for level in seen)


def test_denoise_tiled_leaves_no_seams_where_the_level_varies():
    level = np.broadcast_to(np.linspace(0, 1, 320, dtype=np.float32), (320, 320))
    grey = np.full((320, 320, 3), 0.25, np.float32)
    output = denoise_tiled(grey, lambda tile, level: tile + level / 2, tile_size=64, overlap=16, level=level)
    np.testing.assert_allclose(output, grey + level[..., None] / 2, atol=1e-6)


@pytest.mark.parametrize("shape", [(64,), (64, 63), (64, 64, 1)], ids=str)
def test_denoise_tiled_refuses_a_level_of_another_size(shape):
    with pytest.raises(ValueError, match=r"`level` must be a number or of shape \(64, 64\)"):
        denoise_tiled(photo(64, 64), identity, level=np.zeros(shape, np.float32))


def test_denoise_tiled_leaves_the_photo_alone_when_the_denoiser_writes_into_its_tile():
    pixels = photo(100, 100, np.float32)
    before = pixels.copy()
    denoise_tiled(pixels, lambda tile, _: np.multiply(tile, 0, out=tile), tile_size=64, overlap=16)
    np.testing.assert_array_equal(pixels, before)


def test_denoise_tiled_rounds_to_the_nearest_and_clips():
    pixels = np.full((40, 40, 3), 100, np.uint8)
    for change, expected in ((0.4, 100), (0.6, 101), (-0.6, 99), (500, 255), (-500, 0)):
        output = denoise_tiled(pixels, lambda tile, _, c=change: tile + np.float32(c / 255), tile_size=32, overlap=8)
        assert np.all(output == expected)


def test_denoise_tiled_accepts_views_that_are_not_contiguous():
    pixels = photo(90, 80)[::-1, ::2, ::-1]
    np.testing.assert_array_equal(denoise_tiled(pixels, identity, tile_size=32, overlap=8), pixels)


def test_denoise_tiled_reports_progress_after_each_tile():
    reports = []
    denoise_tiled(photo(100, 150), identity, tile_size=64, overlap=16, progress=lambda *report: reports.append(report))
    assert reports == [(done, 6) for done in range(7)]


@pytest.mark.parametrize("last", [0, 1, 4])
def test_denoise_tiled_stops_at_once_when_progress_raises(last):
    calls = []

    def stop(done, total):
        if done == last:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        denoise_tiled(photo(100, 150), lambda tile, _: calls.append(1) or tile, tile_size=64, overlap=16, progress=stop)
    assert len(calls) == last


@pytest.mark.parametrize(
    ("denoiser", "message"),
    [
        pytest.param(lambda tile, _: tile[1:], r"keep the shape \(64, 64, 3\).*\(63, 64, 3\)", id="shape"),
        pytest.param(lambda tile, _: tile * np.float32(np.nan), "finite", id="NaN"),
        pytest.param(lambda tile, _: tile + np.float32(np.inf), "finite", id="infinity"),
    ],
)
def test_denoise_tiled_never_pastes_a_broken_tile(denoiser, message):
    with pytest.raises(RuntimeError, match=message):
        denoise_tiled(photo(100, 100), denoiser, tile_size=64, overlap=16)


@pytest.mark.parametrize(
    "pixels",
    [
        pytest.param(np.zeros((8, 8), np.uint8), id="no channels"),
        pytest.param(np.zeros((8, 8, 4), np.uint8), id="alpha"),
        pytest.param(np.zeros((8, 8, 3), np.float64), id="float64"),
        pytest.param(np.zeros((8, 8, 3), np.int16), id="signed"),
    ],
)
def test_denoise_tiled_refuses_what_is_no_photo(pixels):
    with pytest.raises(ValueError, match="must be uint8, uint16 or float32"):
        denoise_tiled(pixels, identity)


def test_denoise_tiled_refuses_an_empty_photo():
    with pytest.raises(ValueError, match="length=0"):
        denoise_tiled(np.zeros((0, 8, 3), np.uint8), identity)


def test_denoise_tiled_holds_few_floats_of_a_large_photo():
    pixels = np.full((3000, 4000, 3), 100, np.uint8)
    tracemalloc.start()
    try:
        output = denoise_tiled(pixels, identity)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert output.nbytes == pixels.nbytes
    assert peak - output.nbytes < 50e6  # all pixels as floats would be 144 MB


def test_denoise_tiled_keeps_what_is_to_be_kept():
    pixels = photo(200, 333)
    keep = np.zeros((200, 333), bool)
    keep[50:90, 40:300] = True
    result = denoise_tiled(pixels, lambda tile, _: 1 - tile, tile_size=64, overlap=16, keep=keep)
    plain = denoise_tiled(pixels, lambda tile, _: 1 - tile, tile_size=64, overlap=16)
    np.testing.assert_array_equal(result, np.where(keep[..., None], pixels, plain))


def test_denoise_tiled_denoises_no_tile_that_is_kept_whole():
    pixels = photo(64, 256)
    keep = np.zeros((64, 256), bool)
    keep[:, :150] = True
    called = []
    progress = []
    denoise_tiled(
        pixels, lambda tile, _: called.append(tile) or tile, tile_size=64, overlap=0, keep=keep,
        progress=lambda done, total: progress.append((done, total)),
    )  # fmt: skip
    assert len(called) == 2  # of four
    assert progress[-1] == (4, 4)


@pytest.mark.parametrize("size", [(3, 5), (64, 65), (200, 333)], ids=str)
def test_denoise_tiled_gives_the_same_bytes_wherever_one_looks(size):
    pixels = photo(*size)
    generator = np.random.default_rng(0)

    def view():
        top, left = generator.integers(-40, 400, 2)
        return Box(top, left, top + 70, left + 90)

    plain = denoise_tiled(pixels, lambda tile, _: tile[::-1], tile_size=64, overlap=16)
    looked_at = denoise_tiled(pixels, lambda tile, _: tile[::-1], tile_size=64, overlap=16, view=view)
    np.testing.assert_array_equal(looked_at, plain)


def test_denoise_tiled_begins_where_one_looks_and_goes_on_row_by_row():
    # What the denoiser sees says where its tile lies.
    height = width = 400
    y, x = np.mgrid[:height, :width].astype(np.float32) / 1000
    seen = []
    views = iter([Box(190, 190, 210, 210)] * 4)
    denoise_tiled(
        np.stack([y, x, x], axis=2),
        lambda tile, _: seen.append(tuple(np.rint(tile[0, 0, :2] * 1000).astype(int))) or tile,
        tile_size=64,
        overlap=16,
        view=lambda: next(views, None),
    )
    offsets = tile_offsets(height, 64, 16)
    around = [offset for offset in offsets if offset < 210 and offset + 64 > 190]
    rows = [(top, left) for top in offsets for left in offsets]
    assert sorted(seen[:4]) == [(top, left) for top in around for left in around]
    assert seen[4:] == [place for place in rows if place not in seen[:4]]


def test_denoise_tiled_tells_of_each_part_once_when_it_will_not_change():
    pixels, parts = photo(150, 170), []
    keep = np.zeros((150, 170), bool)
    keep[20:60, 30:50] = True

    def finished(result, box):
        parts.append((box, result[box.top : box.bottom, box.left : box.right].copy()))

    result = denoise_tiled(pixels, lambda tile, _: 1 - tile, tile_size=64, overlap=16, keep=keep, finished=finished)
    count = np.zeros((150, 170), int)
    for box, part in parts:
        count[box.top : box.bottom, box.left : box.right] += 1
        np.testing.assert_array_equal(result[box.top : box.bottom, box.left : box.right], part)
    assert (count == 1).all()


def test_denoise_tiled_shows_something_of_its_first_tile():
    done, seen = [], []
    denoise_tiled(
        photo(300, 300),
        identity,
        tile_size=64,
        overlap=16,
        progress=lambda tiles, _: done.append(tiles),
        finished=lambda _, box: seen.append((done[-1], box)),
    )
    assert seen[0][0] == 0  # before the first was counted


def test_denoise_tiled_holds_few_floats_however_one_looks():
    pixels = np.full((3000, 4000, 3), 100, np.uint8)
    tracemalloc.start()
    try:
        output = denoise_tiled(pixels, identity, view=lambda: Box(0, 0, 3000, 4000))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak - output.nbytes < 100e6
