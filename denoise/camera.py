"""Camera noise: undo what a camera does to a photo, add sensor noise to the raw data, process it again.

Adding noise to the finished sRGB photo does not look like a camera's: demosaicing correlates it between neighbouring
pixels, white balance and colour matrix between channels, the tone curve makes it strong in the shadows, and JPEG
quantises it. So: sRGB -> inverse tone curve -> inverse colour matrix and white balance -> raw, + shot and read noise,
-> Bayer mosaic -> demosaic -> white balance, colour matrix, tone curve -> smoothing -> noise reduction -> JPEG (after
Brooks et al., "Unprocessing Images for Learned Raw Denoising", arXiv:1811.11127, and CBDNet's noise model,
arXiv:1807.04686).

One implementation serves the page (numpy) and the training step (`keras.ops` on the device): functions take the array
module as `xp` and use only what both have. Chance stays outside: parameters are drawn by `sample_parameters` or
`iso_parameters`, the normal deviates by the caller.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Parameters = Mapping[str, NDArray[np.float32]]
"""What one simulated camera does, for N pictures: arrays whose first axis is N.

`shot`, `read`: noise variance in raw = shot · signal + read, signal in [0, 1].
`raw_floor`: lower clip of the noisy raw data. `exposure`: digital gain >= 1 after raw. `white_balance` (N, 3): gains.
`to_camera`, `from_camera` (N, 3, 3): linear sRGB to camera colours and back. `gamma`, `toe`, `contrast`: tone curve.
`mosaic`, `edge_aware`, `monochrome`, `jpeg`, `subsample`: switches, 0 or 1. `luma_smoothing`, `chroma_smoothing`: the
weight of each neighbour in a 3-tap filter, negative sharpens. `luma_reduction`, `chroma_reduction`: the same for what
the camera's own noise reduction leaves of the noise, which it makes coarse and grey. `quality`: JPEG quality, 1 to 100.
"""

MULTIPLE = 16
"""Height and width of a picture must be multiples of this: one 4:2:0 JPEG block."""

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_RGB_TO_YCC = np.array([_LUMA, [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32)
_YCC_TO_RGB = np.linalg.inv(_RGB_TO_YCC).astype(np.float32)

# ITU-T T.81, Annex K: the tables nearly every camera scales its own from.
_LUMA_TABLE = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ],
    np.float32,
)
_CHROMA_TABLE = np.full((8, 8), 99, np.float32)
_CHROMA_TABLE[:4, :4] = [[17, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]]
_FREQUENCY, _POSITION = np.mgrid[0:8, 0:8]
_DCT = (np.cos((2 * _POSITION + 1) * _FREQUENCY * np.pi / 16) * np.where(_FREQUENCY == 0, 8**-0.5, 0.5)).astype(
    np.float32
)


def sample_parameters(rng: np.random.Generator, count: int) -> dict[str, NDArray[np.float32]]:
    """Draw `count` cameras, from phones at ISO 12800 to a studio camera without visible noise.

    Args:
        rng: Source of chance.
        count: How many pictures, N.

    Returns:
        `Parameters` for N pictures.
    """
    shot = 10 ** rng.uniform(-4.7, -1.6, count)
    # Read noise lies about a line in log-log (Brooks et al., section 3.1); phones scatter widely about it.
    read = np.exp(2.18 * np.log(shot) + 1.20 + rng.normal(0, 0.8, count))
    noisy = rng.random(count) > 0.08
    to_camera = np.stack([_camera_matrix(rng) for _ in range(count)])
    smoothed = rng.random(count)
    reduced = rng.random(count) < 0.6
    parameters = {
        "shot": shot * noisy,
        "read": np.minimum(read, 4e-3) * noisy,
        "raw_floor": -(rng.random(count) < 0.3).astype(float),
        "exposure": np.exp(rng.uniform(0, np.log(2.0), count)),
        "white_balance": np.stack(
            [rng.uniform(1.2, 2.5, count), np.ones(count), rng.uniform(1.2, 2.5, count)], axis=-1
        ),
        "to_camera": to_camera,
        "from_camera": np.linalg.inv(to_camera),
        "gamma": rng.uniform(1.8, 2.4, count),
        "toe": np.exp(rng.uniform(np.log(0.002), np.log(0.02), count)),
        "contrast": rng.uniform(1.0, 1.4, count),
        "mosaic": rng.random(count) < 0.8,
        "edge_aware": rng.random(count) < 0.5,
        "luma_smoothing": np.select(
            [smoothed < 0.35, smoothed < 0.5], [rng.uniform(0, 0.28, count), rng.uniform(-0.08, 0, count)], 0
        ),
        "chroma_smoothing": rng.uniform(0, 0.33, count) * (rng.random(count) < 0.5),
        "luma_reduction": reduced * rng.uniform(0, 0.25, count),
        "chroma_reduction": reduced * rng.uniform(0.1, 0.33, count),
        "jpeg": rng.random(count) < 0.65,
        "subsample": rng.random(count) < 0.5,
        "quality": 100 - 40 * rng.random(count) ** 1.5,
        "monochrome": rng.random(count) < 0.12,
    }
    return {name: np.asarray(value, np.float32) for name, value in parameters.items()}


def iso_parameters(iso: float, quality: int = 95, monochrome: bool = False) -> dict[str, NDArray[np.float32]]:
    """Describe one phone-like camera at an ISO speed, without chance.

    Args:
        iso: ISO speed; the noise of a small sensor, shot noise 2e-6 · ISO.
        quality: JPEG quality, 1 to 100; 100 leaves JPEG out.
        monochrome: Set the camera to black and white.

    Returns:
        `Parameters` for one picture.
    """
    shot = 2e-6 * iso
    to_camera = np.array([[[0.66, 0.28, 0.06], [0.15, 0.74, 0.11], [0.04, 0.30, 0.66]]])
    parameters: dict[str, Any] = {
        "shot": [shot],
        "read": [np.exp(2.18 * np.log(shot) + 1.20)],
        "raw_floor": [0.0],
        "exposure": [1.2],
        "white_balance": [[2.0, 1.0, 1.7]],
        "to_camera": to_camera,
        "from_camera": np.linalg.inv(to_camera),
        "gamma": [2.2],
        "toe": [0.004],
        "contrast": [1.15],
        "mosaic": [1.0],
        "edge_aware": [1.0],
        "luma_smoothing": [0.06],
        "chroma_smoothing": [0.2],
        "luma_reduction": [0.0],
        "chroma_reduction": [0.0],
        "jpeg": [float(quality < 100)],
        "subsample": [1.0],
        "quality": [float(quality)],
        "monochrome": [float(monochrome)],
    }
    return {name: np.asarray(value, np.float32) for name, value in parameters.items()}


def simulate(clean: Any, parameters: Mapping[str, Any], normal: Any, xp: Any = np) -> tuple[Any, Any]:
    """Photograph clean pictures again with noisy cameras.

    Args:
        clean: (N, H, W, 3) sRGB in [0, 1]; H and W multiples of `MULTIPLE`.
        parameters: The cameras, see `Parameters`.
        normal: (N, H, W, 3) standard normal deviates.
        xp: The array module: `numpy` or `keras.ops`.

    Returns:
        The noisy pictures, rounded to 8 bit, and the clean ones as the same camera would render them without noise
        and without JPEG: both (N, H, W, 3) sRGB in [0, 1].
    """
    p = {name: xp.reshape(value, (-1, 1, 1, *value.shape[1:])) for name, value in parameters.items()}
    p = {name: value[..., None] if len(value.shape) == 3 else value for name, value in p.items()}
    raw = _matrix(_inverse_tone(clean, p, xp), p["to_camera"], xp) / (p["white_balance"] * p["exposure"])
    deviation = xp.sqrt(p["shot"] * xp.maximum(raw, 0.0) + p["read"])
    noisy_raw = xp.minimum(xp.maximum(raw + deviation * normal, p["raw_floor"]), 1.0)
    noisy, clean = _develop(noisy_raw, p, xp), _develop(raw, p, xp)
    noisy = _round_to_8_bit(_reduce_noise(noisy, noisy - clean, p, xp), xp)
    noisy = xp.where(p["jpeg"] > 0.5, jpeg(noisy, p["quality"], p["subsample"], xp), noisy)
    return noisy, clean


def jpeg(picture: Any, quality: Any, subsample: Any, xp: Any = np) -> Any:
    """Compress and decompress as JPEG does: YCbCr, 8x8 cosine transform, scaled tables of ITU-T T.81 Annex K.

    Args:
        picture: (N, H, W, 3) sRGB in [0, 1]; H and W multiples of `MULTIPLE`.
        quality: (N, 1, 1, 1), 1 to 100, in the scale of libjpeg.
        subsample: (N, 1, 1, 1), above 0.5 for 4:2:0 colour, else 4:4:4.
        xp: The array module.

    Returns:
        (N, H, W, 3) sRGB in [0, 1], rounded to 8 bit.
    """
    ycc = _matrix(picture * 255.0, _RGB_TO_YCC, xp) - np.array([128.0, 0.0, 0.0], np.float32)
    luma, chroma = ycc[..., :1], ycc[..., 1:]
    scale = xp.where(quality < 50.0, 50.0 / quality, 2.0 - quality / 50.0)
    luma = _quantise_blocks(luma, _LUMA_TABLE, scale, xp)
    full = _quantise_blocks(chroma, _CHROMA_TABLE, scale, xp)
    _, height, width, _ = picture.shape
    halved = xp.mean(xp.reshape(chroma, (-1, height // 2, 2, width // 2, 2, 2)), axis=(2, 4))
    halved = _quantise_blocks(halved, _CHROMA_TABLE, scale, xp)
    # Repeating and then filtering by (1, 2, 1) / 4 is the triangle filter of libjpeg's "fancy upsampling".
    doubled = _smooth(xp.repeat(xp.repeat(halved, 2, axis=1), 2, axis=2), 0.25, xp)
    chroma = xp.where(subsample > 0.5, doubled, full)
    ycc = xp.concatenate([luma + 128.0, chroma], axis=-1)
    return _round_to_8_bit(_matrix(ycc, _YCC_TO_RGB, xp) / 255.0, xp)


def _camera_matrix(rng: np.random.Generator) -> NDArray[np.float64]:
    """A matrix from linear sRGB to camera colours: rows sum to one, so grey stays grey."""
    own = rng.uniform(0.6, 0.95, 3)
    share = rng.uniform(0.1, 0.9, 3)
    matrix = np.zeros((3, 3))
    for row, (first, second) in enumerate(((1, 2), (0, 2), (1, 0))):
        matrix[row, row] = own[row]
        matrix[row, first] = (1 - own[row]) * share[row]
        matrix[row, second] = (1 - own[row]) * (1 - share[row])
    return matrix


def _develop(raw: Any, p: Mapping[str, Any], xp: Any) -> Any:
    """Raw camera colours (N, H, W, 3) to sRGB: demosaic, white balance, colour matrix, tone curve, smoothing."""
    camera = xp.where(p["mosaic"] > 0.5, _demosaic(raw, p["edge_aware"], xp), raw)
    camera = xp.clip(camera * p["white_balance"] * p["exposure"], 0.0, 1.0)
    return xp.clip(_smooth_ycc(_tone(_matrix(camera, p["from_camera"], xp), p, xp), p, xp), 0.0, 1.0)


def _demosaic(raw: Any, edge_aware: Any, xp: Any) -> Any:
    """Keep one colour a pixel (RGGB) and interpolate the others.

    Bilinear, or edge-aware after Hamilton and Adams (US patent 5629734, expired): green along the direction of the
    smaller gradient, then red and blue through their differences from green.
    """
    height, width = raw.shape[1:3]
    mask = np.zeros((1, height, width, 3), np.float32)
    mask[:, 0::2, 0::2, 0] = mask[:, 0::2, 1::2, 1] = mask[:, 1::2, 0::2, 1] = mask[:, 1::2, 1::2, 2] = 1
    is_green = mask[..., 1:2]
    mosaic = xp.sum(raw * mask, axis=-1, keepdims=True)
    around = _shifts(mosaic, 2, xp)
    west, east, north, south = around(0, -1), around(0, 1), around(-1, 0), around(1, 0)
    bend_x = 2.0 * mosaic - around(0, -2) - around(0, 2)
    bend_y = 2.0 * mosaic - around(-2, 0) - around(2, 0)
    along_x = xp.abs(west - east) + xp.abs(bend_x) < xp.abs(north - south) + xp.abs(bend_y)
    directed = xp.where(along_x, (west + east) / 2.0 + bend_x / 4.0, (north + south) / 2.0 + bend_y / 4.0)
    green = is_green * mosaic + (1.0 - is_green) * xp.where(
        edge_aware > 0.5, directed, (west + east + north + south) / 4.0
    )
    # Bilinear interpolation of red and blue, as they are or as differences from green.
    base = xp.where(edge_aware > 0.5, green, xp.zeros_like(green))
    red_blue = (mosaic - base) * np.concatenate([mask[..., :1], mask[..., 2:]], axis=-1)
    red_blue = _smooth(red_blue, 0.25, xp) * 4.0 + base
    return xp.concatenate([red_blue[..., :1], green, red_blue[..., 1:]], axis=-1)


def _smooth_ycc(picture: Any, p: Mapping[str, Any], xp: Any) -> Any:
    ycc = _matrix(picture, _RGB_TO_YCC, xp)
    luma = _smooth(ycc[..., :1], p["luma_smoothing"], xp)
    chroma = _smooth(_smooth(ycc[..., 1:], p["chroma_smoothing"], xp), p["chroma_smoothing"], xp)
    chroma = chroma * (1.0 - p["monochrome"])
    return _matrix(xp.concatenate([luma, chroma], axis=-1), _YCC_TO_RGB, xp)


def _reduce_noise(noisy: Any, noise: Any, p: Mapping[str, Any], xp: Any) -> Any:
    """The camera's own noise reduction, idealised: it smooths the noise, colour most, and leaves the picture sharp.

    A real one tells noise from edges by guessing; what it leaves is what matters here: noise without fine grain.
    """
    ycc = _matrix(noise, _RGB_TO_YCC, xp)
    luma, chroma = ycc[..., :1], ycc[..., 1:]
    for distance in (1, 2):
        luma = _smooth(luma, p["luma_reduction"], xp, distance)
    for distance in (1, 2, 4):
        chroma = _smooth(chroma, p["chroma_reduction"], xp, distance)
    return noisy + _matrix(xp.concatenate([luma, chroma], axis=-1) - ycc, _YCC_TO_RGB, xp)


def _tone(linear: Any, p: Mapping[str, Any], xp: Any) -> Any:
    """Linear [0, 1] to display [0, 1]: gamma with a toe of finite slope, then a contrast curve."""
    exponent = 1.0 / p["gamma"]
    black, white = p["toe"] ** exponent, (1.0 + p["toe"]) ** exponent
    display = ((xp.clip(linear, 0.0, 1.0) + p["toe"]) ** exponent - black) / (white - black)
    return _contrast(display, p["contrast"], xp)


def _inverse_tone(display: Any, p: Mapping[str, Any], xp: Any) -> Any:
    exponent = 1.0 / p["gamma"]
    black, white = p["toe"] ** exponent, (1.0 + p["toe"]) ** exponent
    display = _contrast(xp.clip(display, 0.0, 1.0), 1.0 / p["contrast"], xp)
    return xp.maximum((display * (white - black) + black) ** p["gamma"] - p["toe"], 0.0)


def _contrast(x: Any, strength: Any, xp: Any) -> Any:
    """x^s / (x^s + (1 - x)^s): an S curve on [0, 1] whose inverse has the strength 1 / s."""
    x = xp.clip(x, 0.0, 1.0)
    high = x**strength
    return high / (high + (1.0 - x) ** strength)


def _matrix(picture: Any, matrix: Any, xp: Any) -> Any:
    """Multiply every pixel by a 3x3 matrix: one for all, or (N, 1, 1, 3, 3)."""
    return xp.sum(picture[..., None, :] * matrix, axis=-1)


def _smooth(picture: Any, weight: Any, xp: Any, distance: int = 1) -> Any:
    """Filter rows and columns by (weight, 1 - 2 · weight, weight), the neighbours being `distance` pixels away."""
    around = _shifts(picture, distance, xp)
    picture = picture + weight * (around(-distance, 0) + around(distance, 0) - 2.0 * picture)
    around = _shifts(picture, distance, xp)
    return picture + weight * (around(0, -distance) + around(0, distance) - 2.0 * picture)


def _shifts(picture: Any, reach: int, xp: Any) -> Any:
    """Pad by reflection, which keeps the Bayer pattern, and return a function (dy, dx) -> shifted picture."""
    height, width = picture.shape[1:3]
    padded = xp.pad(picture, ((0, 0), (reach, reach), (reach, reach), (0, 0)), mode="reflect")
    return lambda dy, dx: padded[:, reach + dy : reach + dy + height, reach + dx : reach + dx + width]


def _quantise_blocks(plane: Any, table: NDArray[np.float32], scale: Any, xp: Any) -> Any:
    _, height, width, channels = plane.shape
    blocks = xp.reshape(plane, (-1, height // 8, 8, width // 8, 8, channels))
    coefficients = xp.einsum("nykxjc,lj->nyxckl", xp.einsum("nyixjc,ki->nykxjc", blocks, _DCT), _DCT)
    steps = xp.clip(xp.floor(table[None, None, None, None] * scale[..., None, None] + 0.5), 1.0, 255.0)
    coefficients = xp.round(coefficients / steps) * steps
    blocks = xp.einsum("nyxckj,ki->nyixjc", xp.einsum("nyxckl,lj->nyxckj", coefficients, _DCT), _DCT)
    return xp.reshape(blocks, (-1, height, width, channels))


def _round_to_8_bit(picture: Any, xp: Any) -> Any:
    return xp.round(xp.clip(picture, 0.0, 1.0) * 255.0) / 255.0
