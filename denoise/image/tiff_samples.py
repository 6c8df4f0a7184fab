"""TIFFs whose samples no library here reads as they are: float, in planes, white at zero, or with further channels.

OpenCV, by libtiff, undoes every compression; only the layout is too much for it. So it gets the same strips in a plain
layout, of which the samples are then put together. (tifffile undoes LZW and JPEG only with imagecodecs, a library of
200 codecs.) Source: TIFF 6.0, and Adobe's Technical Note 3 of 2005 for float.
"""

import io
from contextlib import suppress
from itertools import accumulate
from typing import Any

import cv2
import numpy as np
from PIL import Image as PillowImage
from PIL.ExifTags import Base
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from denoise.image import tiff
from denoise.image.photo import Samples

_SAMPLE_FORMAT, _PREDICTOR = Base.SampleFormat, Base.Predictor
_BIG = b"II+\0"
_UNSIGNED, _FLOAT = 1, 3  # values of SampleFormat
_LONG = 4  # type of an entry
_PLANES = 2  # value of PlanarConfiguration
_DIFFERENCES = 2  # value of Predictor
_MULTIPLIED, _OPACITY = 1, 2  # values of ExtraSamples
_PLACES = ((Base.StripOffsets, Base.StripByteCounts), (Base.TileOffsets, Base.TileByteCounts))
_KEPT = {
    *(Base.ImageWidth, Base.ImageLength, Base.Orientation, Base.XResolution, Base.YResolution, Base.ResolutionUnit),
    *(Base.InterColorProfile, *tiff.BLOCKS),
}
_PLAIN_CHANNELS = (1, 3, 4)  # that OpenCV reads side by side


def is_unusual(data: bytes) -> bool:
    """Returns whether this module is to read the TIFF."""
    return _Layout(data).is_unusual


def header(data: bytes) -> bytes:
    """Returns an empty TIFF of the same size, channels and tags, with 8 bit: Pillow opens no float TIFF in colour."""
    layout = _Layout(data)
    tags = ImageFileDirectory_v2(prefix=layout.tags.prefix)
    for tag in set(layout.tags) & _KEPT:
        tags.tagtype[tag] = layout.tags.tagtype[tag]
        tags[tag] = layout.tags[tag]
    with suppress(Exception):  # a broken description is no reason to refuse the picture
        tags.update(tiff.describe(layout.exif))
    channels = len(layout.channels)
    tags[Base.BitsPerSample] = (8,) * channels
    tags[Base.SamplesPerPixel] = channels
    tags[Base.PhotometricInterpretation] = 2 if channels > 2 else 1
    if channels in (2, 4):
        tags[Base.ExtraSamples] = (_OPACITY,)
    tags[Base.StripOffsets], tags[Base.StripByteCounts] = 0, 0
    buffer = io.BytesIO()
    tags.save(buffer)
    return buffer.getvalue()


def read(data: bytes) -> tuple[Samples, list[str]]:
    """Returns the samples, with 8 bit or 16, not turned upright, and what of them cannot be kept.

    Raises:
        ValueError: OpenCV cannot read them.
    """
    layout = _Layout(data)
    if layout.is_planar:
        samples = np.stack([layout.decoded(plane)[..., 0] for plane in layout.channels], axis=2)
    else:
        samples = layout.decoded()[..., layout.channels]
    lost = []
    if layout.is_float:
        samples, is_cut = _to_integers(samples)
        lost = ["floating point"] + ["values beyond black and white"] * is_cut
    if layout.is_white_at_zero:
        samples[..., 0] = np.iinfo(samples.dtype).max - samples[..., 0]
    if layout.is_multiplied and len(layout.channels) in (2, 4):
        divide_by_alpha(samples)
    return samples, lost


def divide_by_alpha(samples: Samples) -> None:
    """Undoes, in place, the multiplication of the others by the last channel; (2**16 - 1)**2 still fits into uint32."""
    alpha, top = samples[..., -1].astype(np.uint32), np.iinfo(samples.dtype).max
    for channel in range(samples.shape[2] - 1):
        numerator = samples[..., channel] * np.uint32(top) + alpha // 2
        samples[..., channel] = np.minimum(numerator // np.maximum(alpha, 1), top)


class _Layout:
    """How a TIFF's samples lie in its file."""

    def __init__(self, data: bytes) -> None:
        exif = PillowImage.Exif()
        if data.startswith(_BIG):
            exif.bigtiff, exif.endian = True, "<"
            exif.load_from_fp(io.BytesIO(data), int.from_bytes(data[8:16], "little"))
        else:
            exif.load(data)
        assert exif._info is not None
        self.data, self.exif, self.tags = data, exif, exif._info
        self.count = int(self._first(Base.SamplesPerPixel, 1))
        self.bits = max(self.tags.get(Base.BitsPerSample, (1,)))
        self.is_float = self._first(_SAMPLE_FORMAT, _UNSIGNED) == _FLOAT
        self.is_planar = self.count > 1 and self._first(Base.PlanarConfiguration, 1) == _PLANES
        self.photometric = self._first(Base.PhotometricInterpretation, 1)
        self.is_white_at_zero = self.photometric == 0
        colours = 3 if self.photometric == 2 else 1
        extra = self._first(Base.ExtraSamples, 0)
        self.is_multiplied = extra == _MULTIPLIED
        self.channels = list(range(min(self.count, colours + (extra in (_MULTIPLIED, _OPACITY)))))
        """Those that are the photo's; others, such as selections, follow."""

    @property
    def is_unusual(self) -> bool:
        is_deep = self.bits == 16
        is_odd = self.is_planar or self.is_white_at_zero or self.count not in _PLAIN_CHANNELS
        return self.photometric in (0, 1, 2) and (self.is_float or (is_deep and is_odd))

    def _first(self, tag: int, default: Any) -> Any:
        value = self.tags.get(tag, default)
        return value[0] if isinstance(value, tuple) else value

    def decoded(self, plane: int | None = None) -> Samples:
        """Returns all channels, (H, W, C), or one plane, (H, W, 1)."""
        together = 1 if plane is not None or self.count in _PLAIN_CHANNELS else self.count  # as if it were that wide
        channels = 1 if plane is not None or together > 1 else self.count
        is_half = self.is_float and self.bits == 16
        predictor = self._first(_PREDICTOR, 1)
        tags = ImageFileDirectory_v2(prefix=self.tags.prefix)
        tags[Base.ImageWidth] = self.tags[Base.ImageWidth] * together
        tags[Base.ImageLength] = self.tags[Base.ImageLength]
        tags[Base.BitsPerSample] = (self.bits,) * channels
        tags[Base.SamplesPerPixel] = channels
        tags[_SAMPLE_FORMAT] = (_UNSIGNED if is_half or not self.is_float else _FLOAT,) * channels
        tags[Base.PhotometricInterpretation] = 1 if channels == 1 else 2
        if channels == 4:
            tags[Base.ExtraSamples] = (_OPACITY,)
        tags[Base.Compression] = self._first(Base.Compression, 1)
        tags[_PREDICTOR] = 1 if together > 1 else predictor
        for tag in (Base.RowsPerStrip, Base.TileLength, Base.FillOrder):
            if tag in self.tags:
                tags[tag] = self.tags[tag]
        if Base.TileWidth in self.tags:
            tags[Base.TileWidth] = self.tags[Base.TileWidth] * together
        pieces = self._pieces(plane)
        offsets, sizes = next(pair for pair in _PLACES if pair[0] in self.tags)
        tags[sizes] = tuple(map(len, pieces))
        places = tuple(accumulate(map(len, pieces[:-1]), initial=0))
        tags.tagtype[offsets], tags[offsets] = _LONG, places
        file = io.BytesIO()
        tags.save(file)
        if offsets == Base.TileOffsets:  # to others, Pillow adds where the pixels begin
            tags[offsets] = tuple(place + file.tell() for place in places)
            file = io.BytesIO()
            tags.save(file)
        file.writelines(pieces)

        decoded = cv2.imdecode(np.frombuffer(file.getbuffer(), np.uint8), cv2.IMREAD_UNCHANGED)
        shape = self.tags[Base.ImageLength], self.tags[Base.ImageWidth], together * channels
        if decoded is None or decoded.size != np.prod(shape):
            raise ValueError("OpenCV cannot decode the file")
        if channels > 1:
            decoded = cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB if channels == 3 else cv2.COLOR_BGRA2RGBA)
        samples: Samples = decoded.reshape(shape)
        if together > 1 and predictor == _DIFFERENCES:
            width = self._first(Base.TileWidth, 0) or samples.shape[1]
            for left in range(0, samples.shape[1], width):
                part = samples[:, left : left + width]
                np.cumsum(part, axis=1, dtype=part.dtype, out=part)
        return samples.view(np.float16) if is_half else samples

    def _pieces(self, plane: int | None) -> list[bytes]:
        offsets, sizes = next(pair for pair in _PLACES if pair[0] in self.tags)
        places = list(zip(self.tags[offsets], self.tags[sizes], strict=False))
        if plane is not None:
            each = len(places) // self.count
            places = places[plane * each : (plane + 1) * each]
        return [self.data[start : start + size] for start, size in places]


def _to_integers(samples: Samples) -> tuple[Samples, bool]:
    """Returns values from 0 to 1 as 16-bit integers, and whether there were others."""
    samples = np.nan_to_num(samples.astype(np.float32), copy=False)
    is_cut = bool(samples.min() < -1e-3 or samples.max() > 1 + 1e-3)
    np.clip(samples, 0, 1, out=samples)
    return np.rint(np.multiply(samples, 65535, out=samples), out=samples).astype(np.uint16), is_cut
