"""RAW files as cameras write them: uncompressed DNGs, which are TIFFs with one colour for each pixel."""

import io
import struct

import numpy as np
from PIL.ExifTags import IFD, Base
from PIL.TiffImagePlugin import IFDRational, ImageFileDirectory_v2

NEUTRAL = (0.5, 1.0, 0.625)
"""What the sensor records of a white wall, in shares of green."""

_XYZ_TO_SRGB = (3.2404542, -1.5371385, -0.4985314, -0.9692660, 1.8760108, 0.0415560, 0.0556434, -0.2040259, 1.0572252)
_BYTE, _SHORT, _RATIONAL, _SIGNED_RATIONAL = 1, 3, 5, 10
_WHITE = 65535


def dng(scene, *, orientation=1, neutral=NEUTRAL, xmp=b"", make="Maker", noise=0.0, full=1.0, preview=b"", hot=()):
    """Return the DNG of a camera that sees the primaries of sRGB.

    Args:
        scene: (H, W, 3), linear light in [0, 1], white balanced.
        orientation: How the camera was held, as in EXIF.
        neutral: What the camera says that a white wall was.
        xmp: A packet.
        make: Of the camera.
        noise: Standard deviation, in [0, 1].
        preview: The JPEG that it brings.
        full: What its photosites can hold, in shares of what it says.
        hot: Rows, columns and values of photosites that shine by themselves.
    """
    height, width = scene.shape[:2]
    seen = scene * np.array(NEUTRAL)
    mosaic = np.empty((height, width))
    for row, column, channel in ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 2)):
        mosaic[row::2, column::2] = seen[row::2, column::2, channel]
    mosaic += np.random.default_rng(5).normal(0, noise, mosaic.shape)
    for row, column, value in hot:
        mosaic[row, column] = value
    samples = np.rint(mosaic.clip(0, full) * _WHITE).astype("<u2").tobytes()

    tags = ImageFileDirectory_v2(prefix=b"II")
    kinds = {
        **dict.fromkeys((33422, 50706), _BYTE),
        **dict.fromkeys((33421, 50714, 50717, 50778), _SHORT),
        **{50721: _SIGNED_RATIONAL, 50728: _RATIONAL},
    }
    tags.tagtype.update(kinds)
    tags[Base.NewSubfileType] = 0
    tags[Base.ImageWidth], tags[Base.ImageLength] = width, height
    tags[Base.BitsPerSample], tags[Base.SamplesPerPixel], tags[Base.Compression] = 16, 1, 1
    tags[Base.PhotometricInterpretation] = 32803  # colour filter array
    tags[Base.Make], tags[Base.Model], tags[Base.Orientation] = make, "Model", orientation
    tags[Base.RowsPerStrip], tags[Base.StripByteCounts], tags[Base.StripOffsets] = height, len(samples), 0
    tags[33421], tags[33422] = (2, 2), bytes([0, 1, 1, 2])
    tags[50706], tags[50708] = bytes([1, 4, 0, 0]), f"{make} Model"
    tags[50714], tags[50717], tags[50778] = 0, _WHITE, 21  # black, white, daylight
    matrix = np.reshape(_XYZ_TO_SRGB, (3, 3)) * np.array(NEUTRAL)[:, None]
    tags[50721] = tuple(IFDRational(round(value * 10_000), 10_000) for value in matrix.flat)
    tags[50728] = tuple(IFDRational(round(value * 10_000), 10_000) for value in neutral)
    tags[IFD.Exif] = {Base.ExposureTime: IFDRational(1, 4), Base.ISOSpeedRatings: 3200, Base.MakerNote: b"note" * 9}
    if xmp:
        tags[700] = xmp
    buffer = io.BytesIO()
    tags.save(buffer)
    file = buffer.getvalue() + samples
    if preview:  # in a second directory, behind all else
        file += b"\0" * (len(file) % 2)
        (count,) = struct.unpack_from("<H", file, 8)
        entries = ((254, 1), (259, 7), (262, 6), (273, len(file) + 66), (279, len(preview)))
        second = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", tag, 4, 1, n) for tag, n in entries)
        link = 10 + 12 * count
        file = file[:link] + struct.pack("<I", len(file)) + file[link + 4 :] + second + bytes(4) + preview
    return file
