"""The folders that come with the program: its networks and its sample photos."""

from pathlib import Path


def folder(name: str) -> Path:
    """Return where a folder lies: at the top of the repository, or inside the package where that is installed.

    Args:
        name: "models" or "samples".
    """
    package = Path(__file__).parent
    installed = package / "bundled" / name
    return installed if installed.is_dir() else package.parent / name
