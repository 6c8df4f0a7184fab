"""Writing files so that nothing half-written is ever found."""

import os
import shutil
from contextlib import suppress
from pathlib import Path


def write_atomically(path: Path, content: bytes, *, make_folder: bool = True) -> None:
    """Write a file at once or not at all: a full disk or a killed process leaves the old one whole.

    Args:
        path: The file. One that is replaced passes its permissions on.
        content: All of it.
        make_folder: Make its folder if that is missing.

    Raises:
        OSError: The file cannot be written.
    """
    if make_folder:
        path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        temporary.write_bytes(content)
        with suppress(FileNotFoundError):
            shutil.copymode(path, temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
