"""What is taken home of a batch beside its zip: a report, and each result as it was when the zip was begun."""

import csv
import errno
import io
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

from denoise.item import Item
from denoise.names import cell

_BLOCK = 1 << 18  # bytes of a result that are sent at a time
_COLUMNS = (
    *("name", "state", "reason", "width", "height", "noise_before", "noise_after", "clean"),
    *("denoiser", "strength", "best", "seconds", "result", "not_kept", "rejected"),
)


def report(items: Iterable[Item]) -> bytes:
    """Return a table of photos as a CSV file, which spreadsheets read as UTF-8."""
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, extrasaction="ignore")
    writer.writeheader()
    for item in items:
        row = asdict(item)
        if (made := item.figures) and (how := item.settings):
            row |= {"denoiser": made.model, "noise_after": made.noise_after, "clean": made.clean}
            row |= {"strength": how.strength, "best": how.best, "not_kept": ", ".join(made.not_kept)}
        writer.writerow({name: cell(value) for name, value in row.items()})
    return text.getvalue().encode("utf-8-sig")


def content(path: Path, found: os.stat_result) -> Iterator[bytes]:
    """Read a file in pieces, if it is still the one that was found there.

    Raises:
        OSError: It is not.
    """
    with path.open("rb") as file:
        opened = os.fstat(file.fileno())
        if (opened.st_ino, opened.st_mtime_ns) != (found.st_ino, found.st_mtime_ns):
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        while block := file.read(_BLOCK):
            yield block
