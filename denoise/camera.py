"""Camera noise: undo what a camera does to a photo, add sensor noise to the raw data, process it again.

Adding noise to the finished sRGB photo does not look like a camera's: demosaicing correlates it between neighbouring
pixels, white balance and colour matrix between channels, the tone curve makes it strong in the shadows, and JPEG
quantises it. So: sRGB -> inverse tone curve -> inverse colour matrix and white balance -> raw, + shot and read noise,
+ banding -> Bayer mosaic -> demosaic -> white balance, colour matrix, tone curve -> smoothing or sharpening -> noise
reduction -> JPEG (after Brooks et al., "Unprocessing Images for Learned Raw Denoising", arXiv:1811.11127, and CBDNet's
noise model, arXiv:1807.04686). What people do to a photo afterwards is `resave`'s: resizing and another JPEG.

One implementation serves the page (numpy) and the training step (`keras.ops` on the device): functions take the array
module as `xp` and use only what both have. Chance stays outside: parameters are drawn by `sample_parameters` or
`iso_parameters`, the normal deviates by the caller.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from denoise.deblocking import quantisation_tables

Parameters = Mapping[str, NDArray[np.float32]]
"""What one simulated camera does, for N pictures: arrays whose first axis is N.

`blur`: how soft the lens is, the weight of each neighbour in 3-tap filters, 0 to 0.25 (see `_blur`). `light`: how
bright the scene is, 1 as in the clean photo. `shot`, `read`: noise variance in raw = shot · signal + read,
signal in [0, 1]. `banding`, `columns`: standard deviation of an offset that all pixels of a row or a column share, in
raw. `hot_raw`, `hot`: share of photosites, or of values of the developed photo, that shine although nothing is there.
`white`: standard deviation of white Gaussian noise on the developed photo. `raw_floor`: lower clip of the noisy raw
data. `averaged`: switch, whether the clean photo is the mean of many such frames, as that of real pairs is, rather than
the scene. `exposure`: digital gain >= 1 after raw. `white_balance` (N, 3): gains. `to_camera`, `from_camera` (N, 3, 3):
linear sRGB to camera colours and back. `gamma`, `toe`, `contrast`: tone curve. `mosaic`, `edge_aware`,
`gradient_corrected`, `monochrome`, `jpeg`, `subsample`, `jpeg_again`: switches, 0 or 1. `luma_smoothing`,
`chroma_smoothing`: the weight of each neighbour in a 3-tap filter, negative sharpens. `luma_reduction`,
`luma_reduction_far`, `chroma_reduction`: the same for what the camera's own noise reduction leaves of the noise, which
it makes coarse; `chroma_kept`: the share of the colour that it leaves. `quality`, `quality_again`: JPEG quality, 1 to
100. `resize`: scale of the photo that is saved again, 0.5 to 1.
"""

MULTIPLE = 16
"""Height and width of a picture must be multiples of this: one 4:2:0 JPEG block."""

LONGEST_SIDE = 640
"""Pixels; `photograph` takes the middle of what is larger."""

# What the camera of `iso_parameters` does not have.
_ABSENT = (
    *("blur", "banding", "columns", "hot_raw", "hot", "white", "raw_floor", "averaged", "gradient_corrected"),
    *("luma_reduction", "luma_reduction_far", "chroma_reduction", "jpeg_again"),
)

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_RGB_TO_YCC = np.array([_LUMA, [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32)
_YCC_TO_RGB = np.linalg.inv(_RGB_TO_YCC).astype(np.float32)

# ITU-T T.81, Annex K: the tables nearly every camera scales its own from, as a quality of 50 has them.
_LUMA_TABLE, _CHROMA_TABLE = quantisation_tables(50)
_FREQUENCY, _POSITION = np.mgrid[0:8, 0:8]
_DCT = (np.cos((2 * _POSITION + 1) * _FREQUENCY * np.pi / 16) * np.where(_FREQUENCY == 0, 8**-0.5, 0.5)).astype(
    np.float32
)


def sample_parameters(rng: np.random.Generator, count: int) -> dict[str, NDArray[np.float32]]:
    """Draw the `Parameters` of `count` cameras, from phones at ISO 12800 to a studio camera without visible noise.

    Args:
        rng: Source of chance.
        count: How many pictures, N.

    Returns:
        `Parameters` for N pictures.
    """
    # Two kinds of photo: developed plainly from raw, and finished by a camera that filters. The latter's sensor noise
    # is stronger: cameras filter where there is noise, and what they leave of it is then called weak.
    finished = rng.random(count) < 0.5
    shot = 10 ** rng.uniform(np.where(finished, -4.2, -4.7), np.where(finished, -1.5, -1.7))
    read = np.where(rng.random(count) < 0.5, _read_of_cameras(shot, rng), _read_of_phones(shot, rng))
    noisy = rng.random(count) > 0.06
    to_camera = np.stack([_camera_matrix(rng) for _ in range(count)])
    demosaic = rng.random(count)
    filtered = rng.random(count)
    shared = rng.random(count) < 0.15
    # White noise alone, beside the camera's, or none: what it teaches holds for every camera (see FFDNet). Not of less
    # than 4 levels: the texture of sharp photos looks like that.
    white = rng.random(count)
    noisy &= white > 0.2
    # Photos at their native resolution are softer than the clean ones, which were made smaller.
    blur = rng.uniform(0.0, 0.2, count) * (rng.random(count) < 0.7)
    rows, columns = (10 ** rng.uniform(-3.5, -2, (2, count))) * (rng.random((2, count)) < ((0.05,), (0.025,)))
    is_hot = rng.random(count)
    hot = 10 ** rng.uniform(-4, -1.5, count)
    # Photos that were compressed hard come back with blocks and rings, which are noise as well.
    is_hard = rng.random(count) < 0.15
    quality = np.where(is_hard, rng.uniform(8, 60, count), 100 - 40 * rng.random(count) ** 1.5)
    parameters = {
        "blur": blur,
        "light": np.where(rng.random(count) < 0.35, np.exp(rng.uniform(np.log(0.1), 0, count)), 1.0),
        "shot": shot * noisy,
        "read": np.minimum(read, 4e-3) * noisy,
        "banding": np.sqrt(read) * rng.uniform(0.1, 1.0, count) * (rng.random(count) < 0.15) * noisy + rows,
        "columns": np.sqrt(read) * rng.uniform(0.1, 0.7, count) * (rng.random(count) < 0.07) * noisy + columns,
        "hot_raw": hot * (is_hot < 0.05),
        "hot": hot * (is_hot > 0.95),
        "white": np.exp(rng.uniform(np.log(4), np.log(50), count)) / 255 * (white < 0.3),
        "raw_floor": -(rng.random(count) < 0.4).astype(float),
        "averaged": rng.random(count) < 0.6,
        "exposure": np.exp(rng.uniform(0, np.log(2.0), count)),
        "white_balance": np.stack(
            [rng.uniform(1.2, 2.5, count), np.ones(count), rng.uniform(1.2, 2.5, count)], axis=-1
        ),
        "to_camera": to_camera,
        "from_camera": np.linalg.inv(to_camera),
        "gamma": rng.uniform(1.8, 2.4, count),
        "toe": np.exp(rng.uniform(np.log(0.0005), np.log(0.02), count)),
        "contrast": rng.uniform(1.0, 1.5, count),
        "mosaic": rng.random(count) < 0.9,
        "edge_aware": demosaic < 0.35,
        "gradient_corrected": demosaic > 0.7,
        "luma_smoothing": finished
        * np.select([filtered < 0.3, filtered < 0.65], [rng.uniform(0, 0.28, count), rng.uniform(-0.12, 0, count)], 0),
        "chroma_smoothing": finished * rng.uniform(0, 0.33, count) * (rng.random(count) < 0.6),
        "luma_reduction": finished * rng.uniform(0.05, 0.25, count) * (rng.random(count) < 0.9),
        "luma_reduction_far": finished * rng.uniform(0, 0.2, count) * (rng.random(count) < 0.3),
        "chroma_reduction": finished * rng.uniform(0.15, 0.33, count) * (rng.random(count) < 0.9),
        "chroma_kept": np.where(finished, rng.uniform(0.3, 1.0, count), 1.0),
        "jpeg": is_hard | (rng.random(count) < np.where(finished, 0.85, 0.3)),
        "subsample": rng.random(count) < 0.5,
        "quality": quality,
        "monochrome": rng.random(count) < 0.1,
        "resize": np.where(shared, rng.uniform(0.5, 1.0, count), 1.0),
        "jpeg_again": (shared & (rng.random(count) < 0.7)) | (rng.random(count) < 0.05),
        "quality_again": 100 - 40 * rng.random(count) ** 1.5,
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
    to_camera = np.array([[0.66, 0.28, 0.06], [0.15, 0.74, 0.11], [0.04, 0.30, 0.66]])
    parameters = dict.fromkeys(_ABSENT, 0.0) | {
        "light": 1.0,
        "shot": shot,
        "read": np.exp(2.18 * np.log(shot) + 1.20),
        "exposure": 1.2,
        "white_balance": (2.0, 1.0, 1.7),
        "to_camera": to_camera,
        "from_camera": np.linalg.inv(to_camera),
        "gamma": 2.2,
        "toe": 0.004,
        "contrast": 1.15,
        "mosaic": 1.0,
        "edge_aware": 1.0,
        "luma_smoothing": 0.06,
        "chroma_smoothing": 0.2,
        "chroma_kept": 1.0,
        "jpeg": quality < 100,
        "subsample": 1.0,
        "quality": quality,
        "monochrome": monochrome,
        "resize": 1.0,
        "quality_again": 100.0,
    }
    return {name: np.asarray([value], np.float32) for name, value in parameters.items()}


def photograph(
    original: NDArray[np.uint8], iso: float, seed: int, quality: int = 95
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Photograph a picture again at an ISO speed.

    Args:
        original: (H, W, 3) RGB or (H, W) grey, at least `MULTIPLE` pixels high and wide.
        iso: ISO speed.
        seed: Seed of the noise.
        quality: JPEG quality, see `iso_parameters`.

    Returns:
        Noisy and clean, cropped to multiples of `MULTIPLE` and at most `LONGEST_SIDE`; grey stays grey.
    """
    height, width = (min(side, LONGEST_SIDE) // MULTIPLE * MULTIPLE for side in original.shape[:2])
    top, left = (original.shape[0] - height) // 2, (original.shape[1] - width) // 2
    cropped = original[top : top + height, left : left + width] / np.float32(255)
    colour = cropped if cropped.ndim == 3 else np.repeat(cropped[..., None], 3, axis=2)
    normal = np.random.default_rng(seed).standard_normal((1, *colour.shape), np.float32)
    pictures = simulate(colour[None], iso_parameters(iso, quality, monochrome=cropped.ndim == 2), normal)
    noisy, clean = (np.round(picture[0] * 255).astype(np.uint8) for picture in pictures)
    return (noisy, clean) if cropped.ndim == 3 else (noisy[..., 1], clean[..., 1])


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
    p = _broadcast(parameters, xp)
    linear = _blur(_inverse_tone(clean, p, xp), p["blur"], xp) * p["light"]
    raw = _matrix(linear, p["to_camera"], xp) / (p["white_balance"] * p["exposure"])
    deviation = xp.sqrt(p["shot"] * xp.maximum(raw, 0.0) + p["read"])
    # The mean of a row's deviates, scaled to deviation 1, is a deviate for the row.
    row = xp.mean(normal, axis=(2, 3), keepdims=True) * np.float32((3 * clean.shape[2]) ** 0.5)
    column = xp.mean(normal, axis=(1, 3), keepdims=True) * np.float32((3 * clean.shape[1]) ** 0.5)
    noise = deviation * normal + p["banding"] * row + p["columns"] * column
    # Mirrored, the same deviates are as good as others.
    upside_down, mirrored = xp.flip(normal, axis=1), xp.flip(normal, axis=2)
    noisy_raw = _hot(raw + noise, p["hot_raw"], mirrored, upside_down, xp)
    noisy_raw = xp.minimum(xp.maximum(noisy_raw, p["raw_floor"]), 1.0)
    is_cut_off = (p["averaged"] > 0.5) & (p["raw_floor"] > -0.5)
    raw = xp.where(is_cut_off, _mean_of_frames(raw, deviation, xp), raw)
    noisy, clean = _develop(noisy_raw, p, xp), _develop(raw, p, xp)
    white = xp.where(p["monochrome"] > 0.5, upside_down[..., :1], upside_down)
    noisy = _reduce_noise(noisy, noisy - clean, p, xp) + p["white"] * white
    noisy = _round_to_8_bit(_hot(noisy, p["hot"], mirrored, upside_down, xp), xp)
    noisy = xp.where(p["jpeg"] > 0.5, jpeg(noisy, p["quality"], p["subsample"], xp), noisy)
    return noisy, clean


def resave(noisy: Any, clean: Any, parameters: Mapping[str, Any], xp: Any = np) -> tuple[Any, Any]:
    """Resize photos and save them as JPEG once more, as they are before they are seen on the web.

    The size of the arrays stays: a photo that was made smaller is continued by its mirror image.

    Args:
        noisy: (N, S, S, 3) sRGB in [0, 1], square; S a multiple of `MULTIPLE`.
        clean: The same without noise; it is resized too, but not compressed.
        parameters: See `Parameters`: `resize`, `jpeg_again`, `quality_again`, `subsample`.
        xp: The array module.

    Returns:
        The pictures, (N, S, S, 3).
    """
    p = _broadcast(parameters, xp)
    # Triangle filter as wide as the step between the new pixels; with no resizing it is one pixel.
    positions = np.arange(clean.shape[1], dtype=np.float32)
    there = (positions + 0.5) / p["resize"][:, :, 0] - 0.5  # (N, 1, S)
    last = float(clean.shape[1] - 1)
    there = last - xp.abs(last - there)  # reflected at the far end; at 0.5 or more, once is enough
    weights = xp.maximum(1.0 - xp.abs(xp.swapaxes(there, 1, 2) - positions) * p["resize"][:, :, 0], 0.0)
    weights = weights / xp.sum(weights, axis=2, keepdims=True)  # (N, S new, S old)

    def resize(picture: Any) -> Any:
        rows = xp.einsum("nij,njxc->nixc", weights, picture)
        return xp.einsum("nij,nyjc->nyic", weights, rows)

    noisy, clean = _round_to_8_bit(resize(noisy), xp), resize(clean)
    again = jpeg(noisy, p["quality_again"], p["subsample"], xp)
    return xp.where(p["jpeg_again"] > 0.5, again, noisy), clean


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


def _hot(picture: Any, share: Any, choice: Any, strength: Any, xp: Any) -> Any:
    """Let a share of the values shine; `choice` and `strength` are standard normal deviates."""
    # The upper tail of a normal deviate, where it is small: P(x > t) = exp(-(0.717 t + 0.416 t²)) (Bell, 2015).
    negative_log = -xp.log(xp.maximum(share, 1e-9))
    threshold = (xp.sqrt(0.717**2 + 4 * 0.416 * xp.maximum(negative_log - 0.693, 0.0)) - 0.717) / (2 * 0.416)
    shining = xp.clip(0.35 + 0.4 * xp.abs(strength), 0.0, 1.0)
    return xp.where((choice > threshold) & (share > 0.0), xp.maximum(picture, shining), picture)


def _mean_of_frames(raw: Any, deviation: Any, xp: Any) -> Any:
    """Return the mean of normal deviates that are cut off at zero.

    It is an integral of the normal distribution function, which here is a logistic one: 2 % of a deviation off at most.
    """
    width = xp.maximum(deviation, 1e-6) / 1.702
    return width * xp.logaddexp(raw / width, xp.zeros_like(raw))


def _blur(linear: Any, weight: Any, xp: Any) -> Any:
    """Let a lens blur the scene: nearly a Gaussian, whose variance is 12 · weight pixels²."""
    for distance in (1, 1, 2):
        linear = _smooth(linear, weight, xp, distance)
    return linear


def _broadcast(parameters: Mapping[str, Any], xp: Any) -> dict[str, Any]:
    """Give every parameter the axes of a picture."""
    p = {name: xp.reshape(value, (-1, 1, 1, *value.shape[1:])) for name, value in parameters.items()}
    return {name: value[..., None] if len(value.shape) == 3 else value for name, value in p.items()}


def _read_of_cameras(shot: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Read noise about a line in log-log (Brooks et al., section 3.1)."""
    return np.exp(2.18 * np.log(shot) + 1.20 + rng.normal(0, 0.8, len(shot)))


def _read_of_phones(shot: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Read noise of the five phones of SIDD: a floor, and with three of them a part that grows with the gain.

    Fitted to the noise level functions published with the data set (Abdelhamed et al., CVPR 2018).
    """
    growth = rng.choice([0.0, 0.0, 3.6, 4.4, 5.6], len(shot))
    return (2e-6 + growth * shot**2) * np.exp(rng.normal(0, 0.3, len(shot)))


def _camera_matrix(rng: np.random.Generator) -> NDArray[np.float64]:
    """A matrix from linear sRGB to camera colours: rows sum to one, so grey stays grey."""
    own = rng.uniform(0.7, 0.97, 3)
    share = rng.uniform((0.5, 0.1, 0.5), (0.95, 0.9, 0.95))  # red and blue filters leak green most
    matrix = np.zeros((3, 3))
    for row, (first, second) in enumerate(((1, 2), (0, 2), (1, 0))):
        matrix[row, row] = own[row]
        matrix[row, first] = (1 - own[row]) * share[row]
        matrix[row, second] = (1 - own[row]) * (1 - share[row])
    return matrix


def _develop(raw: Any, p: Mapping[str, Any], xp: Any) -> Any:
    """Raw camera colours (N, H, W, 3) to sRGB: demosaic, white balance, colour matrix, tone curve, smoothing."""
    camera = xp.where(p["mosaic"] > 0.5, _demosaic(raw, p, xp), raw)
    camera = xp.clip(camera * p["white_balance"] * p["exposure"], 0.0, 1.0)
    return xp.clip(_smooth_ycc(_tone(_matrix(camera, p["from_camera"], xp), p, xp), p, xp), 0.0, 1.0)


def _demosaic(raw: Any, p: Mapping[str, Any], xp: Any) -> Any:
    """Keep one colour a pixel (RGGB) and interpolate the others, in one of three ways.

    Bilinear; edge-aware after Hamilton and Adams (US patent 5629734, expired): green along the direction of the
    smaller gradient, then red and blue through their differences from green; or gradient-corrected, linear filters of
    5×5 pixels (Malvar, He and Cutler, ICASSP 2004).
    """
    height, width = raw.shape[1:3]
    sites = np.zeros((4, 1, height, width, 1), np.float32)  # red, green in red rows, green in blue rows, blue
    for site, (y, x) in enumerate(((0, 0), (0, 1), (1, 0), (1, 1))):
        sites[site, :, y::2, x::2] = 1
    red, green_1, green_2, blue = sites
    is_green = green_1 + green_2
    mosaic = red * raw[..., :1] + is_green * raw[..., 1:2] + blue * raw[..., 2:]
    around = _shifts(mosaic, 2, xp)
    west, east, north, south = around(0, -1), around(0, 1), around(-1, 0), around(1, 0)
    beside, above = around(0, -2) + around(0, 2), around(-2, 0) + around(2, 0)
    diagonal = around(-1, -1) + around(-1, 1) + around(1, -1) + around(1, 1)

    bend_x, bend_y = 2.0 * mosaic - beside, 2.0 * mosaic - above
    along_x = xp.abs(west - east) + xp.abs(bend_x) < xp.abs(north - south) + xp.abs(bend_y)
    directed = xp.where(along_x, (west + east) / 2.0 + bend_x / 4.0, (north + south) / 2.0 + bend_y / 4.0)
    mean = (west + east + north + south) / 4.0
    green = is_green * mosaic + (1.0 - is_green) * xp.where(p["edge_aware"] > 0.5, directed, mean)
    # Bilinear interpolation of red and blue, as they are or as differences from green.
    base = xp.where(p["edge_aware"] > 0.5, green, xp.zeros_like(green))
    red_blue = (mosaic - base) * np.concatenate([red, blue], axis=-1)
    red_blue = _smooth(red_blue, 0.25, xp) * 4.0 + base
    interpolated = xp.concatenate([red_blue[..., :1], green, red_blue[..., 1:]], axis=-1)

    in_row = (5.0 * mosaic + 4.0 * (west + east) - diagonal - beside + above / 2.0) / 8.0
    in_column = (5.0 * mosaic + 4.0 * (north + south) - diagonal - above + beside / 2.0) / 8.0
    across = (6.0 * mosaic + 2.0 * diagonal - 1.5 * (beside + above)) / 8.0
    corrected = [
        red * mosaic + green_1 * in_row + green_2 * in_column + blue * across,
        is_green * mosaic + (1.0 - is_green) * (mean + (4.0 * mosaic - beside - above) / 8.0),
        blue * mosaic + green_2 * in_row + green_1 * in_column + red * across,
    ]
    return xp.where(p["gradient_corrected"] > 0.5, xp.concatenate(corrected, axis=-1), interpolated)


def _smooth_ycc(picture: Any, p: Mapping[str, Any], xp: Any) -> Any:
    ycc = _matrix(picture, _RGB_TO_YCC, xp)
    luma = _smooth(ycc[..., :1], p["luma_smoothing"], xp)
    chroma = _smooth(_smooth(ycc[..., 1:], p["chroma_smoothing"], xp), p["chroma_smoothing"], xp)
    chroma = chroma * (1.0 - p["monochrome"])
    return _matrix(xp.concatenate([luma, chroma], axis=-1), _YCC_TO_RGB, xp)


def _reduce_noise(noisy: Any, noise: Any, p: Mapping[str, Any], xp: Any) -> Any:
    """The camera's own noise reduction, idealised: it smooths the noise, colour most, and leaves the picture sharp.

    A real one tells noise from edges by guessing; what it leaves is what matters here: noise without fine grain, of
    whose luminance two fifths are 3 to 6 pixels long (so nearly all of it comes from neighbours at distance 1; those at
    distance 2 would take away just that).
    """
    ycc = _matrix(noise, _RGB_TO_YCC, xp)
    luma, chroma = ycc[..., :1], ycc[..., 1:]
    for _ in range(2):
        luma = _smooth(luma, p["luma_reduction"], xp)
    luma = _smooth(luma, p["luma_reduction_far"], xp, 2)
    for distance in (1, 2, 4):
        chroma = _smooth(chroma, p["chroma_reduction"], xp, distance)
    return noisy + _matrix(xp.concatenate([luma, p["chroma_kept"] * chroma], axis=-1) - ycc, _YCC_TO_RGB, xp)


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
