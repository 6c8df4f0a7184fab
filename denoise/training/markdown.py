"""Reports in Markdown, which GitHub and editors show as they are."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from denoise.files import write_atomically
from denoise.results import Example
from denoise.training import plots

REPORT = "README.md"
"""What a report is called in its folder."""


def table(header: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    """Return a table; its first column holds names, the others numbers."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def bullets(sentences: Iterable[str]) -> str:
    """Return sentences as a list."""
    return "\n".join(f"- {sentence}" for sentence in sentences)


def pictures(captions: Mapping[str, str]) -> str:
    """Return pictures, from their captions by file name, with the captions below them."""
    return "\n\n".join(f"![{caption}]({file})\n\n{caption}" for file, caption in captions.items())


def example(found: Example) -> str:
    """Return the caption of a picture of squares, which has no letters."""
    squares = [f"{title} ({said})" if said else title for title, said in found["squares"]]
    return f"{found['name']}, from left to right: {', '.join(squares)}."


def write(path: Path, title: str, *blocks: str) -> None:
    """Write a report, at once or not at all; blocks that are empty are left out."""
    write_atomically(path, ("\n\n".join([f"# {title}", *filter(None, blocks)]) + "\n").encode())


def publish(
    result: dict[str, Any],
    drawn: plots.Drawn,
    out: Path,
    file: str,
    title: str,
    *blocks: str,
    problems: Sequence[str],
    note: str,
) -> None:
    """Write a report, its plots, and a JSON file with all the numbers, `result`; and print what they say.

    `result` holds that, `sentences`, and gets the captions of the plots by file name, `plots`. In the report, blocks
    stand between the sentences and the plots, what was skipped and why, and the note, at the end.
    """
    result["plots"] = plots.save_all(drawn, out)
    write_atomically(out / file, (json.dumps(result, ensure_ascii=False, allow_nan=False) + "\n").encode())
    skipped = ("## What was skipped", bullets(problems)) if problems else ()
    shown = (bullets(result["sentences"]), *blocks, pictures(result["plots"]), *skipped)
    write(out / REPORT, title, *shown, f"{note} All numbers: {file}.")
    print(f"{bullets(result['sentences'])}\nReport: {out / REPORT}")
