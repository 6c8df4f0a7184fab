"""How much noise there is in a photo, and of which kind.

People, and non-local means, are told of the noise where the scene is flat (`estimate_noise`). A network that removes
as much as it is told needs to know what it would remove (`estimate_level`); that takes a network. Which network serves
a large photo is decided at once, by what is never texture (`noise_everywhere`); which one a small photo, and how much
more noise there is than a network finds, by how coarse the grain is in the quietest places (`smoothed_grain`), and by
whether it differs from channel to channel there (`quiet_grain`).
"""

import math
from collections.abc import Sequence
from typing import NamedTuple
from weakref import WeakKeyDictionary

import cv2
import numpy as np
from numpy.typing import NDArray

from denoise import Denoiser, Image, Level
from denoise.clean import DRAWN, clean_mask, mended
from denoise.image import Photo, Pixels, to_float
from denoise.tiling import OVERLAP, TILE_SIZE, denoise_tiled, tile_offsets, windows

UNKNOWN = -0.1
"""What a network is told where nobody knows the level: as far below zero as strong noise is above it."""

GRAIN = 4
"""Size of coarse grain, in pixels: a network is told as much noise as there is in squares of this size."""

_BLOCK_SIZE = 16  # pixels
_FLAT_BLOCKS = 1  # percent of the blocks that are taken for flat
_ENOUGH = 2_000_000  # pixels, of which the flattest blocks are found

_QUIETEST = 0.005  # share of a photo
_STILL = 0.02 / 255  # standard deviation; of what was drawn, nearly zero
_FEWEST = 16  # places of which that can be told

_ENOUGH_PLACES = 8000  # of all, from which white noise is measured
_AROUND_QUIET = 1.25  # times the variance in the quietest places; what it is of is told from some more of them
_MOST_ALIKE = 2.0  # all of it to what differs between channels: of a sensor's noise 1.1 to 2.6, of texture more
# Shares of white noise that differ, 0.80 to 0.93, and are fine, 0.86 to 0.92; a camera's has both only if the photo was
# made smaller, and is 0.75 fine then at most.
_WHITE_DIFFERS, _WHITE_IS_FINE = 0.75, 0.81
_SURE = (2 / 255, 3 / 255)  # such noise: below the former, clean photos have as much
_FOUND = 2 / 3  # share of it; on plain ground, a careful denoiser removes more

_QUIET = 0.01  # share of a photo
# Coarse grain to fine: of sensors and film, below the former; of cameras' JPEGs, above the latter.
_COLOURS = (0.65, 0.9)

_FAINT = (1 / 255, 1.6 / 255)  # noise in the quietest places: that of clean photos, and that of noisy ones
_SMOOTHED = (0, 1 / 3)  # how smoothed the grain is: of clean photos, and of cameras' and other JPEGs
_MUCH = (1 / 255, 2 / 255)  # that is removed; of most clean photos, less than the former

_TILES_A_LOOK = 8  # of so many tiles, one is looked at
_MOST_LOOKS = 5


def estimate_noise(pixels: Pixels) -> float:
    """Estimate the noise level of a photo from its flattest blocks.

    Camera noise is correlated between neighbouring pixels, so that estimators from the finest wavelets or from
    neighbours' differences report several times too little. Blocks of 16×16 pixels hold all frequencies; where the
    scene is flat, their standard deviation is that of the noise.

    Limits: it is the noise of the flat areas, lower than elsewhere by what the camera smoothed away there. A photo
    without any flat area (gravel, leaves from edge to edge) is taken for noisy. Blocks near black and white are left
    out, because there noise is clipped, and so is what is clean (`denoise.clean`): of text and drawings there is none.
    A photo smaller than a block is one block. Of a large photo, bands of rows are looked at, in a part of the time.

    Args:
        pixels: Photo, (H, W, 3).

    Returns:
        Sigma: standard deviation of the noise, in [0, 1], root mean square over the channels.
    """
    height, width = pixels.shape[:2]
    step = width * height // _ENOUGH
    if height < _BLOCK_SIZE:  # a strip, of which a part will do
        pixels = pixels[:, : _ENOUGH // height]
    elif step >= 2:
        bands = pixels[: height // _BLOCK_SIZE * _BLOCK_SIZE].reshape(-1, _BLOCK_SIZE, width, 3)[::step]
        pixels = bands.reshape(-1, width, 3)
    sigma, _ = flat_noise(pixels)
    return sigma


def noise_of_photo(pixels: Pixels) -> float:
    """Estimate the noise of a photo before it is denoised, see `estimate_noise`.

    A JPEG that was compressed hard hides some of it: where its blocks are flat, there is none. So what is more counts:
    that of the photo, or that of the photo as denoisers see it (`denoise.clean.mended`).

    Args:
        pixels: Photo, (H, W, 3).

    Returns:
        Sigma, in [0, 1].
    """
    seen = mended(pixels)
    return max(estimate_noise(each) for each in ([pixels] if seen is pixels else [pixels, seen]))


def flat_noise(pixels: Pixels) -> tuple[float, float]:
    """Sigma of the noise, and its correlation between neighbouring pixels, in [0, 1], in the flattest blocks."""
    size = min(_BLOCK_SIZE, *pixels.shape[:2])
    if size == 1:
        return 0.0, 0.0
    clean = clean_mask(pixels)
    if clean.mean() > DRAWN:  # too little is left to judge by
        return 0.0, 0.0
    statistics, is_photo = [], []
    for top in range(0, pixels.shape[0] - size + 1, size):  # a row of blocks at a time: few floats
        row = to_float(pixels[top : top + size, : pixels.shape[1] // size * size])
        blocks = row.reshape(size, -1, size, 3)  # y, block, x, channel
        steps = [np.square(np.diff(blocks, axis=axis)).mean(axis=(0, 2, 3)) for axis in (0, 2)]
        variance = blocks.var(axis=(0, 2), dtype=np.float64).mean(axis=1)
        statistics.append(np.stack([blocks.mean(axis=(0, 2, 3)), variance, np.mean(steps, axis=0)]))
        is_photo.append(~clean[top : top + size, : row.shape[1]].reshape(size, -1, size).any(axis=(0, 2)))
    mean, variance, step = np.concatenate(statistics, axis=1)
    exposed = (mean > 0.03) & (mean < 0.97) & np.concatenate(is_photo)
    if exposed.any():
        variance, step = variance[exposed], step[exposed]
    threshold = np.percentile(variance, _FLAT_BLOCKS, method="higher")  # one of them, so `flat` is not empty
    if threshold < 1e-12:  # far below the last bit of 16
        return 0.0, 0.0
    flat = variance <= threshold
    # Neighbours' differences have the variance 2 · sigma² · (1 - correlation).
    correlation = 1 - step[flat].sum() / (2 * variance[flat].sum())
    return float(np.sqrt(threshold)), float(np.clip(correlation, 0, 1))


def estimate_level(
    pixels: Pixels,
    denoiser: Denoiser,
    *,
    keep: NDArray[np.bool_] | None = None,
    grain: int = 1,
    most_looks: int = _MOST_LOOKS,
    enough: float = math.inf,
) -> float:
    """Estimate the noise of a photo by what a denoiser removes of a few of its tiles, drawn at random.

    Limits: it is as careful as the denoiser. Of what cameras have smoothed themselves it sees a third.

    Args:
        pixels: Photo, (H, W, 3), uint8 or uint16.
        denoiser: A denoiser of 256×256 tiles; it is told `UNKNOWN`.
        keep: (H, W), true where the photo is clean, as for `denoise_tiled`; tiles with the least of that are chosen.
        grain: The level is that of the white noise that is as strong in squares of this size, in pixels, if that is
            more than in single pixels: of the coarse noise of cameras twice as much.
        most_looks: How many tiles it looks at, at most.
        enough: A level. As soon as it is certain that there is as much, whatever the other tiles have, they are not
            looked at: for those who want to know no more than that.

    Returns:
        Standard deviation in [0, 1], root mean square over pixels and channels; zero if all of the photo is clean.
    """
    height, width = pixels.shape[:2]
    places = [
        (slice(top, top + TILE_SIZE), slice(left, left + TILE_SIZE))
        for top in tile_offsets(height, TILE_SIZE, OVERLAP)
        for left in tile_offsets(width, TILE_SIZE, OVERLAP)
    ]
    if keep is not None:
        kept = [keep[place].mean() for place in places]
        most = max(0.5, min(kept))
        places = [place for place, share in zip(places, kept, strict=True) if share <= most and share < 1]
    squares, count = np.zeros(2), 0
    chosen = np.random.default_rng(0).permutation(len(places))[: min(most_looks, looks(height, width))]
    of_all = sum(pixels[places[index]].size for index in chosen)
    for index in chosen:
        noisy = pixels[places[index]]
        removed = to_float(noisy) - to_float(denoise_tiled(noisy, denoiser, level=UNKNOWN))
        if keep is not None:
            removed[keep[places[index]]] = 0
            count -= 3 * int(keep[places[index]].sum())
        count += removed.size
        squares += [np.square(removed).sum(), _of_grain(removed, grain)]
        if squares.max() >= enough**2 * of_all:
            break
    return float(np.sqrt(squares.max() / count)) if count else 0.0


def _of_grain(noise: Image, size: int) -> float:
    """Sum of the squares that white noise would have which is as strong as this one, (H, W, 3), in squares."""
    height, width = (max(1, side // size) for side in noise.shape[:2])
    means = cv2.resize(noise, (width, height), interpolation=cv2.INTER_AREA)
    return float(np.square(means).mean() * noise.size * size**2)


def noise_everywhere(pixels: Pixels) -> float:
    """Estimate the fine grain that there is even in the quietest places of a photo, without any denoiser.

    It is less than the noise elsewhere, and of coarse grain it sees a fraction. In return it is hardly ever fooled:
    texture does not reach everywhere. Places near black and white do not count, because there noise is cut off; nor do
    those where nothing at all differs, as in a frame that was drawn around the photo.

    Args:
        pixels: Photo, (H, W, 3), uint8 or uint16. Of a large one, 16 windows are looked at.

    Returns:
        Standard deviation in [0, 1]; zero of a photo that is too small to tell.
    """
    pictures = map(to_float, windows(pixels))
    parts = [_variances(each, [_fine(each)], size=8, black=0.03) for each in pictures]
    variance = np.concatenate(parts, axis=1)[0].mean(axis=1)  # of the channels
    variance = variance[variance > _STILL**2]
    return float(np.sqrt(np.quantile(variance, _QUIETEST))) if variance.size >= _FEWEST else 0.0


class Grain(NamedTuple):
    """What the grain in the quietest places of a photo is like.

    Texture is alike in all channels, whatever its hue: of that, there is next to nothing in the two smaller principal
    components. Noise is in all three.

    Attributes:
        level: Standard deviation in [0, 1], see `noise_everywhere`.
        differing: Which share of it, of standard deviations, differs from channel to channel: 0 for texture, 0.3 to 0.8
            for a camera's noise, 0.9 for white noise.
        white: Standard deviation of the noise all over the photo if it is white, alike neither in neighbouring pixels
            nor in the channels; else zero.
    """

    level: float
    differing: float = 0.0
    white: float = 0.0

    @property
    def removed(self) -> float:
        """How much noise a careful denoiser would remove at least if it took none for texture, as in foliage it does.

        Zero where there is no more than clean photos have, unless it is white.
        """
        least = self.level * min(1.0, _MOST_ALIKE * self.differing)
        return _FOUND * (self.white or least * float(np.interp(least, _SURE, (0, 1))))


def quiet_grain(pixels: Pixels) -> Grain:
    """Tell what the grain in the quietest places of a photo is like.

    Args:
        pixels: Photo, (H, W, 3), uint8 or uint16. Of a large one, 16 windows are looked at.
    """
    level = noise_everywhere(pixels)
    if level <= _SURE[0]:
        return Grain(level)
    parts = []
    for picture in map(to_float, windows(pixels)):
        fine, finer = _fine(picture), picture - cv2.blur(picture, (3, 3))
        seen = [sum_ for each in (fine, finer) for sum_ in (each, each + each[..., [1, 2, 0]])]
        parts.append(_variances(picture, seen, size=8, black=0.03))
    variances = np.concatenate(parts, axis=1)
    total = variances[0].mean(axis=1)
    quiet = (total > _STILL**2) & (total <= _AROUND_QUIET * level**2)
    differing, finer_differing = (_differing(*variances[at : at + 2, quiet]).mean() for at in (0, 2))
    share = math.sqrt(differing / total[quiet].mean())
    is_white = share >= _WHITE_DIFFERS and finer_differing >= _WHITE_IS_FINE * differing
    some = slice(None, None, 1 + len(total) // _ENOUGH_PLACES)
    return Grain(level, share, math.sqrt(np.median(_differing(*variances[:2, some]))) if is_white else 0.0)


_grain: "WeakKeyDictionary[Photo, Grain]" = WeakKeyDictionary()


def grain_of(photo: Photo) -> Grain:
    """Return what `quiet_grain` tells of a photo, once: who chooses a network asks for it, and whatever that does."""
    known = _grain.get(photo)
    if known is None:
        known = _grain[photo] = quiet_grain(photo.pixels)
    return known


def _differing(variance: NDArray[np.float32], of_sums: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean variance (N,) in the two smaller principal components, from that of 3 channels and of sums of two (N, 3)."""
    shared = (of_sums - variance - np.roll(variance, -1, axis=1)) / 2  # of channels 0 and 1, 1 and 2, 2 and 0
    covariance = shared[:, [[0, 0, 2], [0, 0, 1], [2, 1, 0]]]
    covariance[:, range(3), range(3)] = variance
    smaller: NDArray[np.float32] = np.maximum(np.linalg.eigvalsh(covariance)[:, :2].mean(axis=1), 0)
    return smaller


def _fine(picture: Image) -> Image:
    """What of a picture, (h, w, 3), is finer than 5 pixels."""
    fine: Image = picture - cv2.blur(picture, (5, 5))
    return fine


def smoothed_grain(pixels: Pixels) -> float:
    """Tell how much the grain of a photo looks like what a camera's own noise reduction leaves.

    That smooths what is as fine as a pixel or two, and leaves the rest, of which a denoiser finds a part only: what is
    left of the grain is coarse. It is told where there is least of all, because that is no texture.

    Args:
        pixels: Photo, (H, W, 3), uint8 or uint16. Of a large one, 16 windows are looked at.

    Returns:
        0 for grain as fine as a sensor's, after a demosaic, or finer, up to 1; 0.5 if the photo is too small to tell.
    """
    parts = []
    for picture in map(to_float, windows(pixels)):
        luminance = picture @ np.array([0.299, 0.587, 0.114], np.float32)
        less, least = (cv2.blur(luminance, (size, size)) for size in (3, 9))
        parts.append(_variances(picture, [luminance - less, less - least], size=16, black=10 / 255))
    fine, coarse = np.concatenate(parts, axis=1)
    if len(fine) < _FEWEST:
        return 0.5
    quiet = np.argsort(fine + coarse)[: max(_FEWEST // 2, int(_QUIET * len(fine)))]
    colour = np.sqrt(coarse[quiet].sum() / max(fine[quiet].sum(), 1e-12))
    return float(np.interp(colour, _COLOURS, (0, 1)))


def certainty(everywhere: float, smoothed: float, removed: float) -> float:
    """Tell how certain it is that what a careful denoiser removes is noise, and not the fine texture of a clean photo.

    Noise is everywhere, texture is not. So where there is hardly any in the quietest places, there is none, unless a
    camera has smoothed it away there, or the denoiser finds much of it.

    Args:
        everywhere: What `noise_everywhere` says; that of scanned film is around 1 level of 255.
        smoothed: What `smoothed_grain` says.
        removed: How much the denoiser removes, in [0, 1].

    Returns:
        0 for texture, up to 1.
    """
    told = ((everywhere, _FAINT), (smoothed, _SMOOTHED), (removed, _MUCH))
    return max(float(np.interp(value, least_and_most, (0, 1))) for value, least_and_most in told)


def _variances(picture: Image, parts: Sequence[Image], *, size: int, black: float) -> NDArray[np.float32]:
    """Variance of parts of a picture in places of so many pixels squared, but where it is nearly black or white."""
    inside = slice(size // 2, -(size // 2), 4)
    mean, *variances = (cv2.blur(each, (size, size))[inside, inside] for each in (picture, *map(np.square, parts)))
    is_exposed = ((mean > black) & (mean < 1 - black)).all(axis=2)
    return np.maximum([variance[is_exposed] for variance in variances], 0)  # which rounding makes negative


def looks(height: int, width: int) -> int:
    """Return how many tiles are looked at, at most, of a photo of this size."""
    tiles = len(tile_offsets(height, TILE_SIZE, OVERLAP)) * len(tile_offsets(width, TILE_SIZE, OVERLAP))
    return min(_MOST_LOOKS, -(-tiles // _TILES_A_LOOK))


def told(level: Level, multiple: float) -> Level:
    """Return what a network is told of a level: the multiple that its card says, 1 at most; `UNKNOWN` stays."""
    return np.where(level < 0, np.float32(UNKNOWN), np.minimum(np.float32(multiple) * level, np.float32(1)))
