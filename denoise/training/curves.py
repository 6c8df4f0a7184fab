"""The log of a run: read, and drawn."""

import csv
from pathlib import Path
from typing import Any

from denoise.training import plots


def read_log(path: Path) -> list[dict[str, str]]:
    """The rows of a run's log, one an epoch; empty text where nothing was measured."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def draw_curves(run: Path) -> Path:
    """Draw the loss and the scores of a run over its steps, `curves.png` in its folder, and return the picture's path.

    Raises:
        FileNotFoundError: If the folder holds no log.
    """
    if not (run / "log.csv").is_file():
        raise FileNotFoundError(f"A run folder must hold log.csv, which training writes. Received: {run}")
    rows = read_log(run / "log.csv")

    def curve(name: str) -> tuple[list[float], list[float]]:
        points = [(float(row["steps"]), float(row[name])) for row in rows if row[name]]
        return [x for x, _ in points], [y for _, y in points]

    with plots.style():
        figure, ((losses, scores),) = plots.panels(1, 2, width=12)
        training, held_out = plots.SERIES[:2]
        losses.plot(*curve("loss"), color=training.colour, linestyle=training.line)
        losses.set(xlabel="training steps", ylabel="loss on training patches")
        scores.plot(*curve("psnr"), color=training.colour, linestyle=training.line, label="training patches")
        look: dict[str, Any] = {"color": held_out.colour, "linestyle": held_out.line, "marker": held_out.marker}
        scores.plot(*curve("val_psnr"), **look, label="held-out photos")
        scores.set(xlabel="training steps", ylabel="PSNR (dB)")
        scores.legend()
    path = run / "curves.png"
    plots.save(figure, path)
    return path
