"""Pixels to picture files: what was read comes back."""

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import replace
from itertools import accumulate, chain
from typing import Any

import cv2
import numpy as np
from isal import isal_zlib
from PIL import Image as PillowImage
from PIL.ExifTags import Base

from denoise.image import exif, heif, jp2, jpeg, jxl, netpbm, png, tiff
from denoise.image.formats import FORMATS
from denoise.image.losses import fit, keeps_depth
from denoise.image.photo import Photo, PhotoError, Samples, bands, stretched, to_depth
from denoise.image.refusals import missing

_AVIF_SPEED = 9  # of 10: less takes several times as long
_ROWS = 64  # that are laid over white at a time
_BLOCK = 1 << 20  # bytes that are filtered and compressed at a time
_UNASSOCIATED_ALPHA = 2  # value of the TIFF tag ExtraSamples; 1 means that the colours are multiplied by alpha


def encode(photo: Photo, *, quality: int | None = None) -> bytes:
    """Writes `photo` as a file in `photo.format`, with everything that the format can hold.

    PNG, TIFF (deflate), BMP and lossless WebP are exact. JPEG has full colour resolution (4:4:4); lossy WebP always has
    half of it (4:2:0).

    HEIC has full colour resolution, too, and of 16 bit the first 10. So has AVIF of 8 bit; of 16 it has the first 12,
    and half the colour resolution unless it is lossless. JPEG 2000 and PPM are exact, and JPEG XL at a quality of 100.

    What a format cannot hold gives way, as `losses` tells: 16 bit is rounded to 8 for JPEG, WebP, BMP, and a JPEG XL
    that is not sRGB; transparency is laid over white for JPEG and PPM. A grey photo is grey in the file, except in WebP
    and, with transparency, in all but PNG and 8-bit TIFF and JPEG 2000.

    Args:
        photo: What to write.
        quality: Of a JPEG, WebP, HEIC, AVIF or JPEG XL, 1 to 100; the latter two and WebP are lossless at 100. If it is
            not given, what came lossless becomes such a file, and all else is written at `usual_quality`.

    Raises:
        PhotoError: If the photo is too large for the format, or the library for it is missing.
    """
    written = [name for name, kind in FORMATS.items() if kind.longest_side]
    if photo.format not in written:
        raise ValueError(f"`photo.format` must be one of {', '.join(written)}. Received: {photo.format!r}")
    if photo.alpha is not None and photo.alpha.dtype != photo.pixels.dtype:
        raise ValueError(f"`alpha` must have the type of `pixels`. Received: {photo.alpha.dtype}, {photo.pixels.dtype}")
    if quality is not None and not 1 <= quality <= 100:
        raise ValueError(f"`quality` must be 1 to 100. Received: {quality}")
    if not FORMATS[photo.format].holds(photo):
        raise _unfit(photo)
    photo, _ = fit(photo)
    if photo.format == "PNG":
        return _encode_png(photo)
    if photo.format == "TIFF":
        return _encode_tiff(photo)
    if photo.format == "BMP":
        return _encode_bmp(photo)

    if photo.format == "JPEG2000":
        return _encode_jp2(photo)
    if photo.format == "PPM":
        return netpbm.write(_samples(_opaque(photo)))
    if photo.format == "JXL":
        samples = _plain(photo) if keeps_depth(photo) else to_depth(_plain(photo), np.uint8)
        return jxl.write(samples, photo, quality or usual_quality(photo))
    encoders = {"JPEG": _encode_jpeg, "WEBP": _encode_webp, "HEIC": _encode_heic, "AVIF": _encode_avif}
    return encoders[photo.format](photo, quality or usual_quality(photo))


def _unfit(photo: Photo, at_least: int = 1) -> PhotoError:
    kind, least = FORMATS[photo.format], f"at least {at_least} and " if at_least > 1 else ""
    return PhotoError(
        f"The photo is {photo.width} × {photo.height} pixels, but a {kind.title} can be {least}at most "
        f"{kind.longest_side} pixels wide or high. Choose PNG or TIFF instead."
    )


def usual_quality(photo: Photo) -> int:
    """Returns the quality of a file that keeps what came: 100 is lossless in WebP, AVIF and JPEG XL."""
    return 100 if photo.format in ("WEBP", "AVIF", "JXL") and photo.lossless else 95


def _encode_jpeg(photo: Photo, quality: int) -> bytes:
    return _saved(
        to_depth(_samples(_opaque(photo)), np.uint8),
        photo,
        quality=quality,
        subsampling=0,
        xmp=b"",  # which is among the segments
        extra=jpeg.segments(photo.metadata) or b"",
        dpi=photo.dpi or (0, 0),
    )


def _encode_webp(photo: Photo, quality: int) -> bytes:
    # Lossless with the least effort: more takes half as much memory again for files a sixth smaller.
    effort = {"lossless": True, "method": 0, "quality": 0} if quality == 100 else {"quality": quality}
    return _saved(_to_colour(to_depth(_samples(photo), np.uint8)), photo, exact=True, **effort)


def _encode_avif(photo: Photo, quality: int) -> bytes:
    """Writes in full colour resolution by Pillow; by OpenCV what Pillow cannot: without loss, and 12 bit.

    Of the latter, what is not without loss has half the colour resolution (4:2:0).
    """
    is_deep, samples = photo.bit_depth == 16, _plain(photo)
    if quality < 100 and not is_deep:
        subsampling = "4:0:0" if samples.shape[2] == 1 else "4:4:4"
        file = _saved(samples, photo, quality=quality, subsampling=subsampling, speed=_AVIF_SPEED)
        return heif.with_colour(file, _codes(photo))
    samples = _to_bgr(samples)
    if is_deep:
        samples = stretched(samples, 65535, 2**12 - 1)
    notes = {
        cv2.IMAGE_METADATA_EXIF: photo.metadata.exif.removeprefix(exif.PREFIX),
        cv2.IMAGE_METADATA_XMP: photo.metadata.xmp,
        cv2.IMAGE_METADATA_ICCP: photo.icc_profile,
    }
    notes = {kind: note for kind, note in notes.items() if note}
    blocks = [np.frombuffer(note, np.uint8) for note in notes.values()]
    settings = {
        cv2.IMWRITE_AVIF_SPEED: _AVIF_SPEED,
        cv2.IMWRITE_AVIF_QUALITY: quality,
        cv2.IMWRITE_AVIF_DEPTH: 12 if is_deep else 8,
    }
    _, data = cv2.imencodeWithMetadata(".avif", samples, list(notes), blocks, list(chain(*settings.items())))
    return heif.with_colour(bytes(data), _codes(photo))


def _encode_heic(photo: Photo, quality: int) -> bytes:
    """Writes 8 bit or 10, in full colour resolution."""
    try:
        import pillow_heif
    except ImportError as error:
        raise missing(photo.format) from error
    samples = _plain(photo)
    mode = {1: "L", 3: "RGB", 4: "RGBA"}[samples.shape[2]] + (";16" if photo.bit_depth == 16 else "")
    file = pillow_heif.from_bytes(mode, (photo.width, photo.height), samples.tobytes())
    buffer = io.BytesIO()
    try:
        file.save(
            buffer,
            quality=quality,
            chroma=444,
            enc_params={"preset": "ultrafast"},  # an eighth of the time of the usual, for files a tenth larger
            exif=photo.metadata.exif or None,
            xmp=photo.metadata.xmp or None,
            icc_profile=photo.icc_profile or None,
        )
    except RuntimeError as error:  # a strip of a few rows
        raise _unfit(photo) from error
    return heif.with_colour(buffer.getvalue(), _codes(photo))


def _codes(photo: Photo) -> bytes:
    """Returns what the colours are by ITU-T H.273; empty if that is not told."""
    return dict(photo.colour_chunks).get(b"cICP", b"")


def _encode_jp2(photo: Photo) -> bytes:
    """Writes what comes back exactly, by Pillow or, with 16 bit, by OpenCV, and adds what these leave out."""
    if photo.bit_depth == 8:
        data = _saved(_samples(photo), photo)
    else:
        data = bytes(cv2.imencode(".jp2", _to_bgr(_plain(photo)), [cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 1000])[1])
        if not data:  # OpenCV halves the photo five times
            raise _unfit(photo, at_least=32)
    return b"".join(jp2.with_metadata(data, photo.metadata, photo.icc_profile, photo.dpi))


def _to_bgr(samples: Samples) -> Samples:
    codes = {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}
    channels = samples.shape[2]
    return cv2.cvtColor(samples, codes[channels]) if channels in codes else samples


def _opaque(photo: Photo) -> Photo:
    """Returns the photo over white, in its depth."""
    if photo.alpha is None:
        return photo
    pixels, top = np.empty_like(photo.pixels), np.uint32(np.iinfo(photo.pixels.dtype).max)
    for rows, _, _ in bands(photo.height, _ROWS):
        alpha = photo.alpha[rows, :, np.newaxis].astype(np.uint32)  # into which 65535² still fits
        pixels[rows] = (photo.pixels[rows] * alpha + top * (top - alpha) + top // 2) // top
    return replace(photo, pixels=pixels, alpha=None)


def _samples(photo: Photo) -> Samples:
    """Returns what the file shall hold."""
    samples: Samples = np.ascontiguousarray(photo.pixels)
    if photo.grey:
        samples = cv2.cvtColor(samples, cv2.COLOR_RGB2GRAY)[..., np.newaxis]
    return samples if photo.alpha is None else np.dstack([samples, photo.alpha])


def _plain(photo: Photo) -> Samples:
    """Returns the same, but grey with alpha as RGB with alpha: hardly a format or a program knows the former."""
    samples = _samples(photo)
    return _to_colour(samples) if samples.shape[2] == 2 else samples


def _to_colour(samples: Samples) -> Samples:
    """Returns RGB, or RGB and alpha."""
    channels = samples.shape[2]
    return samples if channels > 2 else samples[..., [0, 0, 0, 1][: channels + 2]]


def _saved(samples: Samples, photo: Photo, **options: Any) -> bytes:
    """Returns the file that Pillow makes of samples of 8 bit, with what is said of the photo."""
    image, buffer = PillowImage.fromarray(samples[..., 0] if samples.shape[2] == 1 else samples), io.BytesIO()
    said = {"exif": photo.metadata.exif, "xmp": photo.metadata.xmp, "icc_profile": photo.icc_profile}
    image.save(buffer, photo.format, **said | options)
    return buffer.getvalue()


def _blocks(samples: Samples) -> Iterator[Samples]:
    """Yields the rows in blocks of about a mebibyte, so that nothing is copied as a whole."""
    rows = max(1, _BLOCK // samples[0].nbytes)
    for top in range(0, len(samples), rows):
        yield samples[top : top + rows]


def _compressor() -> "isal_zlib.Compress":
    """Returns what deflates the differences of a photo's neighbouring samples.

    ISA-L takes a third of the time of zlib's quickest way, for files that are no larger; those of zlib's usual level 6
    are 5 % smaller.
    """
    return isal_zlib.compressobj(1)


def _encode_png(photo: Photo) -> bytes:
    """Writes a block of rows at a time. Source: PNG Specification, third edition, W3C 2025.

    Pillow has no 16-bit colour, and OpenCV no grey with transparency; the latter copies the photo, with its
    channels in another order.
    """
    samples = _samples(photo)
    channels = samples.shape[2]
    colour_type = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    step = channels * samples.itemsize

    file = io.BytesIO()  # its value is handed over without a copy

    def write(kind: bytes, content: bytes) -> None:
        file.writelines(png.chunk(kind, content))

    file.write(png.SIGNATURE)
    write(b"IHDR", struct.pack(">IIBBBBB", photo.width, photo.height, photo.bit_depth, colour_type, 0, 0, 0))
    for kind, content in photo.colour_chunks:
        write(kind, content)
    if photo.icc_profile:
        write(b"iCCP", b"ICC profile\x00\x00" + zlib.compress(photo.icc_profile))
    if photo.dpi:
        write(b"pHYs", struct.pack(">IIB", *(round(value / 0.0254) for value in photo.dpi), 1))
    for kind, content in png.describing_chunks(photo.metadata):
        write(kind, content)
    compressor = _compressor()
    for block in _blocks(samples):
        raw = block.astype(block.dtype.newbyteorder(">")).view(np.uint8).reshape(len(block), -1)
        filtered = np.empty((len(block), 1 + raw.shape[1]), np.uint8)
        filtered[:, 0] = 1  # filter type Sub: each byte less the one a pixel to the left
        filtered[:, 1 : 1 + step] = raw[:, :step]
        np.subtract(raw[:, step:], raw[:, :-step], out=filtered[:, 1 + step :])
        if compressed := compressor.compress(filtered.tobytes()):
            write(b"IDAT", compressed)
    write(b"IDAT", compressor.flush())
    write(b"IEND", b"")
    return file.getvalue()


def _encode_tiff(photo: Photo) -> bytes:
    """Writes deflated strips with horizontal differences. Source: TIFF 6.0 and Adobe's Technical Notes of 2002."""
    samples = _plain(photo) if photo.bit_depth == 16 else _samples(photo)
    channels = samples.shape[2]
    little_endian, zero = samples.dtype.newbyteorder("<"), samples.dtype.type(0)
    differences = (np.diff(block, axis=1, prepend=zero) for block in _blocks(samples))
    strips = []
    for block in differences:
        compressor = _compressor()
        strips.append(compressor.compress(block.astype(little_endian).tobytes()) + compressor.flush())

    tags = tiff.description(photo.metadata)
    tags[Base.ImageWidth] = photo.width
    tags[Base.ImageLength] = photo.height
    tags[Base.BitsPerSample] = (photo.bit_depth,) * channels
    tags[Base.Compression] = 8  # deflate
    tags[Base.PhotometricInterpretation] = 1 if channels < 3 else 2  # grey or RGB
    tags[Base.SamplesPerPixel] = channels
    tags[Base.PlanarConfiguration] = 1
    tags[Base.Predictor] = 2  # horizontal differences
    tags[Base.RowsPerStrip] = len(next(_blocks(samples)))
    tags[Base.StripByteCounts] = tuple(len(strip) for strip in strips)
    tags[Base.StripOffsets] = tuple(accumulate(map(len, strips[:-1]), initial=0))  # Pillow adds where the pixels begin
    if photo.alpha is not None:
        tags[Base.ExtraSamples] = (_UNASSOCIATED_ALPHA,)
    if photo.icc_profile:
        tags[Base.InterColorProfile] = photo.icc_profile
    if photo.dpi:
        tags[Base.XResolution], tags[Base.YResolution] = photo.dpi
        tags[Base.ResolutionUnit] = 2  # inch
    buffer = io.BytesIO()
    tags.save(buffer)
    buffer.writelines(strips)
    return buffer.getvalue()


def _encode_bmp(photo: Photo) -> bytes:
    """Writes through OpenCV, because Pillow's BMP has no transparency, and adds the resolution."""
    data = bytearray(cv2.imencode(".bmp", _to_bgr(to_depth(_plain(photo), np.uint8)))[1])
    # Horizontal and vertical pixels per metre in the bitmap information header.
    struct.pack_into("<ii", data, 38, *(round(value / 0.0254) for value in photo.dpi or (0, 0)))
    return bytes(data)
