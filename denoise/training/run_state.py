"""What a run folder holds to go on from, written after every epoch, and its log."""

import csv
import io
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from denoise.files import write_atomically
from denoise.training.configuration import Configuration
from denoise.training.curves import read_log
from denoise.training.data import Patches
from denoise.training.step import DenoisingTraining

CURVES = ("loss", "psnr", "val_psnr", "val_ssim")
_COLUMNS = ("epoch", "steps", "minutes", "learning_rate", *CURVES)


class RunState(keras.callbacks.Callback):
    """The clock of a run, its log and its checkpoint, written after every epoch."""

    def __init__(self, run: Path, training: DenoisingTraining, patches: Patches, configuration: Configuration) -> None:
        """Watch `training`; see `train`."""
        super().__init__()
        self.run, self.training, self.patches, self.configuration = run, training, patches, configuration
        self.epoch, self.seconds, self.started = 0, 0.0, time.monotonic()
        self.failed = False
        steps = configuration.steps
        self.epochs = configuration.epochs if steps is None else math.ceil(steps / len(patches))

    def elapsed(self) -> float:
        """Seconds of training, of all the parts of the run."""
        return self.seconds + time.monotonic() - self.started

    def progress(self) -> float:
        """Share of the run that is done, 0 to 1."""
        if self.epochs is not None:
            return self.epoch / self.epochs
        assert self.configuration.minutes is not None
        return min(self.elapsed() / (60 * self.configuration.minutes), 1.0)

    def learning_rate(self, epoch: int, rate: float = 0.0) -> float:
        """Linear warm-up over 2 % of the run, then constant or half a cosine down to zero."""
        done = self.progress()
        warm = min((done + 1e-3) / 0.02, 1.0)
        falling = 1.0 if self.configuration.schedule == "constant" else max(0.5 * (1 + math.cos(math.pi * done)), 1e-3)
        return self.configuration.learning_rate * warm * falling

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Save, unless the loss is not a number any more; stop when the time is up."""
        logs = logs or {}
        arrays = (np.asarray(ops.convert_to_numpy(v), np.float32) for v in self._variables()[:-1])
        # The last step may have broken the weights after its loss was taken.
        if not (np.isfinite(logs["loss"]) and all(np.isfinite(array).all() for array in arrays)):
            self.failed = self.model.stop_training = True
            return
        self.epoch = epoch + 1
        self.log(logs)
        self.save()
        self._tell(logs)
        if self.progress() >= 1.0:
            self.model.stop_training = True

    def save(self) -> None:
        """Write the checkpoint and the averaged weights; each replaces its predecessor in one move.

        Raises:
            OSError: If the disk is full; what was there before stays.
        """
        variables = self._variables()
        state: dict[str, Any] = {"epoch": self.epoch, "seconds": self.elapsed()}
        arrays: dict[str, Any] = {f"{i}": ops.convert_to_numpy(v) for i, v in enumerate(variables)}
        described = _describe(self._weights(), variables)
        trainable = [variable for network in self.training.networks for variable in network.trainable_variables]
        current = [ops.convert_to_numpy(v) for v in trainable]
        temporary = self.run / "checkpoint.tmp.npz", self.run / "tmp.weights.h5"
        try:
            np.savez(temporary[0], allow_pickle=False, variables=described, **state, **arrays)
            self.training.optimizer.finalize_variable_values(trainable)
            self.training.network.save_weights(temporary[1])
            temporary[0].replace(self.run / "checkpoint.npz")
            temporary[1].replace(self.run / f"{self.configuration.architecture}.weights.h5")
        finally:
            for path in temporary:
                path.unlink(missing_ok=True)
            for variable, value in zip(trainable, current, strict=True):
                variable.assign(value)

    def load(self) -> None:
        """Go on from the run folder's checkpoint, if there is one.

        Raises:
            ValueError: If it is the checkpoint of another network.
        """
        path = self.run / "checkpoint.npz"
        if not path.exists():
            return
        variables = self._variables()
        with np.load(path) as saved:
            if list(saved["variables"]) != _describe(self._weights(), variables):
                c = self.configuration
                raise ValueError(
                    f"The checkpoint must be one of {c.architecture} as it is built now, with the arguments "
                    f"{c.arguments}, trained by {c.optimizer}. Received: {path}"
                )
            for i, variable in enumerate(variables):
                variable.assign(saved[f"{i}"])
            self.epoch, self.seconds = int(saved["epoch"]), float(saved["seconds"])
        self.patches.epoch = self.epoch

    def log(self, logs: Mapping[str, float]) -> None:
        """Write, or complete, the row of the epoch just done; rows whose state a killed run did not save go."""
        path = self.run / "log.csv"
        rows = {int(row["epoch"]): row for row in read_log(path)} if path.exists() else {}
        own: dict[str, Any] = rows.get(self.epoch - 1, {}) if not logs.keys() & {"loss"} else {}
        own |= {
            "epoch": self.epoch - 1,
            "steps": self.epoch * len(self.patches),
            "minutes": f"{self.elapsed() / 60:.3f}",
            "learning_rate": float(ops.convert_to_numpy(self.training.optimizer.learning_rate)),
        }
        own |= {name: f"{logs[name]:.6f}" for name in CURVES if name in logs}
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows([*(row for epoch, row in rows.items() if epoch < self.epoch - 1), own])
        write_atomically(path, text.getvalue().encode())

    def _tell(self, logs: dict[str, float]) -> None:
        done = self.progress()
        left = (time.monotonic() - self.started) / 60 if done <= 0 else self.elapsed() / 60 * (1 - done) / done
        scores = ", ".join(f"{name} {logs[name]:.4g}" for name in CURVES if name in logs)
        print(f"epoch {self.epoch}: {scores}; {done:.0%} done, about {left:.0f} min left", flush=True)

    def _variables(self) -> list[keras.Variable]:
        seeds = self.training.seed_generator.state
        return [*self._weights(), *self.training.optimizer.variables, seeds]

    def _weights(self) -> list[keras.Variable]:
        return [variable for network in self.training.networks for variable in network.variables]


def _describe(named: list[keras.Variable], variables: list[keras.Variable]) -> list[str]:
    """What must agree for a checkpoint to fit; Keras numbers optimisers, so only the network's names count."""
    return [v.path for v in named] + [str(tuple(v.shape)) for v in variables]
