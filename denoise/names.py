"""Names of files as strangers give them, made harmless for file systems and spreadsheets."""

import re
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any

_LONGEST_NAME = 200  # bytes; file systems take 255, and the result's name is longer
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # that Windows gives to no file
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def tidy(name: str) -> str:
    """Return a file name with its folders that leads nowhere else and can be written on any system."""
    printable = "".join(letter if letter.isprintable() and letter not in '<>:"|?*' else "_" for letter in name)
    parts = [part.strip() for part in printable.replace("\\", "/").split("/")]
    # The end is kept: it has the suffix. What is left of a letter of several bytes is not.
    kept = [part.encode()[-_LONGEST_NAME:].decode(errors="ignore") for part in parts if part.strip(".")]
    return "/".join(f"_{part}" if _RESERVED.fullmatch(part) else part for part in kept[-8:]) or "photo"


def cell(value: Any) -> Any:
    """Return what stands in the table; a spreadsheet must take no name for a formula (OWASP, "CSV Injection")."""
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return round(value, 2) if isinstance(value, float) else value


def free(wanted: PurePosixPath, taken: Iterable[str]) -> str:
    """Return a name, with a number if it is taken, also in capitals."""
    others = {name.lower() for name in taken}
    name, number = wanted, 1
    while str(name).lower() in others:
        number += 1
        name = wanted.with_name(f"{wanted.stem} ({number}){wanted.suffix}")
    return str(name)
