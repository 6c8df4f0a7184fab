"""Reports in Markdown, which GitHub and editors show as they are."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from denoise.files import write_atomically


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


def write(path: Path, title: str, *blocks: str) -> None:
    """Write a report, at once or not at all; blocks that are empty are left out.

    Raises:
        OSError: The file cannot be written.
    """
    write_atomically(path, ("\n\n".join([f"# {title}", *filter(None, blocks)]) + "\n").encode())
