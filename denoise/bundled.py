"""The folders that come with the program: its networks and its sample photos."""

from pathlib import Path


def folder(name: str) -> Path:
    """Return where "models" or "samples" lies: at the repository's top, or in the package where that is installed."""
    package = Path(__file__).parent
    installed = package / "bundled" / name
    return installed if installed.is_dir() else package.parent / name
