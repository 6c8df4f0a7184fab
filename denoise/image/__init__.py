"""Picture files to pixels and back: what the user gave comes back, and a bad file gets a sentence."""

from denoise.image.colour import Space, space_of
from denoise.image.decoding import decode, unpacked_size
from denoise.image.encoding import encode, usual_quality
from denoise.image.formats import (
    FORMATS,
    SUFFIXES,
    WRITTEN_SUFFIXES,
    denoised_name,
    format_for,
    formats_for,
    has_quality,
)
from denoise.image.jpeg import reduced
from denoise.image.losses import losses
from denoise.image.photo import (
    Metadata,
    Photo,
    PhotoError,
    Pixels,
    TooLargeError,
    bands,
    crop,
    outline,
    shrink,
    to_depth,
    to_float,
    to_pixels,
    with_depth,
    without_metadata,
)
from denoise.image.raw import MOST_STOPS, Development, Highlights, WhiteBalance, preview
from denoise.image.structure import identify
