"""Train any network on any data set.

Runs on any Keras backend: `KERAS_BACKEND=jax` on a GPU, TensorFlow on a processor. A run folder holds the whole
configuration (`config.json`), what it learns from (`data.json`), the state to resume from (`checkpoint.npz`), the
averaged weights (`NAME.weights.h5`), a log (`log.csv`) and its curves (`curves.png`); the same command given again goes
on where the last checkpoint stands.
"""

import csv
import hashlib
import io
import json
import math
import sys
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any

import keras
import numpy as np
from keras import ops

from denoise.files import write_atomically
from denoise.runtime import processors
from denoise.training import plots
from denoise.training.adversarial import AdversarialTraining
from denoise.training.architectures import build
from denoise.training.configuration import Configuration
from denoise.training.data import CaseStudyPatches, Patches, RandomPatches
from denoise.training.datasets import Pair, find_pairs
from denoise.training.optimizers import OPTIMIZERS
from denoise.training.splits import split_by_pair, split_by_scene
from denoise.training.step import DenoisingTraining

DATA = "data.json"
"""In a run folder: how many pairs it learns from, and the names of those that it does not."""
VALIDATION_STEPS = 12
"""Batches of random patches that the weights are measured on."""
CURVES = ("loss", "psnr", "val_psnr", "val_ssim")
_COLUMNS = ("epoch", "steps", "minutes", "learning_rate", *CURVES)


def train(data: Sequence[Path], run: Path, configuration: Configuration) -> keras.Model:
    """Train, or go on with, the network of a run folder.

    Args:
        data: Data sets, see `denoise.training.datasets.find_pairs`; noise is synthesised on clean photos.
        run: Run folder; made if missing.
        configuration: What to train. A folder that was begun with another configuration or other data is refused.

    Returns:
        The network with its averaged weights.

    Raises:
        ValueError: If the run folder belongs to another configuration or other data, or the data have one scene only.
        FileNotFoundError: If the data folder holds no photo.
        RuntimeError: If the loss is not a number any more; the run folder keeps the last state before that.
    """
    pairs, held_out = _split(data, configuration)
    training, validation = _patches(pairs, held_out, configuration)
    keras.utils.set_random_seed(configuration.seed)
    keras.mixed_precision.set_global_policy(configuration.precision)
    network = build(configuration.architecture, **configuration.arguments)
    if configuration.initial_weights:
        _load_weights(network, configuration.initial_weights, configuration)
    patch_size = CaseStudyPatches.PATCH_SIZE if configuration.patches == "case-study" else configuration.patch_size
    model = DenoisingTraining(network, patch_size, configuration.loss, configuration.seed)
    if configuration.adversarial:
        model = AdversarialTraining(
            network, patch_size, configuration.loss, configuration.seed, configuration.adversarial
        )
    optimizer = OPTIMIZERS[configuration.optimizer](
        configuration.learning_rate, global_clipnorm=1.0, use_ema=True, ema_momentum=configuration.ema
    )
    model.compile(optimizer)
    optimizer.build([variable for each in model.networks for variable in each.trainable_variables])
    run.mkdir(parents=True, exist_ok=True)
    defaults = {each.name: each.default for each in fields(Configuration)}  # what an older configuration lacks
    _claim(run / "config.json", asdict(configuration), defaults)
    _claim(run / DATA, {"pairs": len(pairs), "held_out": [pair.name for pair in held_out], "digest": _digest(pairs)})
    state = RunState(run, model, training, configuration)
    state.load()
    if state.progress() >= 1.0:
        print(f"{run} is finished: {state.epoch} epochs.")
        network.load_weights(run / f"{configuration.architecture}.weights.h5")
        return network
    model.fit(
        training,
        epochs=state.epochs or 10**6,
        initial_epoch=state.epoch,
        validation_data=validation,
        validation_freq=configuration.validation_epochs,
        shuffle=False,  # batches are random already; Keras would shuffle them anew in a resumed run
        verbose=1 if sys.stdout.isatty() else 0,
        callbacks=[
            keras.callbacks.SwapEMAWeights(),  # what is validated are the averaged weights, which ship
            keras.callbacks.TerminateOnNaN(raise_error=False),
            keras.callbacks.LearningRateScheduler(state.learning_rate),
            state,
        ],
    )
    if state.failed:
        kept = f"{run} holds the state after epoch {state.epoch}: start a new run from its weights, " * (
            state.epoch > 0
        )
        raise RuntimeError(
            f"The loss or the weights were not numbers any more in epoch {state.epoch + 1}. "
            f"{kept or 'Start again '}with a lower learning rate."
        )
    if not read_log(run / "log.csv")[-1]["val_psnr"]:
        scores = model.evaluate(
            validation, return_dict=True, verbose=0
        )  # after `fit` the weights are the averaged ones
        state.log({f"val_{name}": value for name, value in scores.items()})
    draw_curves(run)
    network.load_weights(run / f"{configuration.architecture}.weights.h5")
    return network


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
        if not np.isfinite(logs["loss"]):
            self.failed = self.model.stop_training = True
            return
        if not all(np.isfinite(np.asarray(ops.convert_to_numpy(v), np.float32)).all() for v in self._variables()[:-1]):
            self.failed = self.model.stop_training = True  # the last step broke the weights after its loss was taken
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


def read_log(path: Path) -> list[dict[str, str]]:
    """The rows of a run's log, one an epoch; empty text where nothing was measured."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def draw_curves(run: Path) -> Path:
    """Draw the loss and the scores of a run over its steps, `curves.png` in its folder.

    Args:
        run: Run folder with a log.

    Returns:
        The path of the picture.

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


def _split(data: Sequence[Path], c: Configuration) -> tuple[tuple[Pair, ...], tuple[Pair, ...]]:
    """The pairs to train on and those to validate on."""
    pairs: list[Pair] = []
    for folder in data:
        found = find_pairs(folder, c.layout)
        pairs += found.pairs
        for problem in found.problems:
            print(f"skipped: {problem}", file=sys.stderr)
    return split_by_pair(pairs, seed=c.seed) if c.patches == "case-study" else split_by_scene(pairs)


def _patches(pairs: Sequence[Pair], held_out: Sequence[Pair], c: Configuration) -> tuple[Patches, Patches]:
    """The batches to train on and those to validate on."""
    common: dict[str, Any] = {
        "batch_size": c.batch_size,
        "seed": c.seed,
        "photos_in_memory": c.photos_in_memory,
        "workers": max(2, min(8, processors())),  # with one, Keras makes batches between the steps
    }
    if c.patches == "case-study":
        return CaseStudyPatches(pairs, **common), CaseStudyPatches(held_out, **common, fixed=True)
    common |= {"patch_size": c.patch_size, "noiseless": c.noiseless, "white": c.white}
    steps = c.steps_per_epoch if c.steps is None else min(c.steps_per_epoch, c.steps)
    validation = RandomPatches(held_out, **common, steps=VALIDATION_STEPS, fixed=True)
    return RandomPatches(pairs, **common, steps=steps), validation


def _load_weights(network: keras.Model, path: str, configuration: Configuration) -> None:
    """Load weights, also those of the plain network that this one grew from.

    A network that is told the noise level takes those of one that is not, and at first ignores it. One on a half-size
    grid takes those of one on the photo's: its four pixels are at first looked at, and changed, as their mean.
    """
    grown = {"told", "grid"}
    if grown & configuration.arguments.keys():
        arguments = {key: value for key, value in configuration.arguments.items() if key not in grown}
        plain = build(configuration.architecture, **arguments)
        try:
            with warnings.catch_warnings(action="ignore"):
                plain.load_weights(path)
        except ValueError:
            pass  # they are those of a network like this one
        else:
            for layer in plain.layers:
                for own, loaded in zip(network.get_layer(layer.name).weights, layer.weights, strict=True):
                    own.assign(_grow(loaded, own.shape))
            return
    try:
        with warnings.catch_warnings(action="ignore"):  # the error says it better
            network.load_weights(path)
    except ValueError as error:
        raise ValueError(f"The initial weights must be those of a {network.name}. Received: {path}: {error}") from error


def _grow(weights: Any, shape: Sequence[int]) -> Any:
    """Give weights more inputs and outputs: whole copies, the inputs' sharing one weight, then zeros."""
    *_, outputs = copies = [new // old for new, old in zip(shape, weights.shape, strict=True)]
    grown = ops.tile(weights, copies) * (outputs / math.prod(copies))
    return ops.pad(grown, [(0, new - old) for new, old in zip(shape, grown.shape, strict=True)])


def _describe(named: list[keras.Variable], variables: list[keras.Variable]) -> list[str]:
    """What must agree for a checkpoint to fit; Keras numbers optimisers, so only the network's names count."""
    return [v.path for v in named] + [str(tuple(v.shape)) for v in variables]


def _digest(pairs: Sequence[Pair]) -> str:
    return hashlib.sha256("\n".join(pair.name for pair in pairs).encode()).hexdigest()[:16]


def _claim(path: Path, wanted: dict[str, Any], defaults: Mapping[str, Any] = MappingProxyType({})) -> None:
    """Write what a run was begun with; refuse to go on with anything else."""
    if path.exists() and (path.parent / "checkpoint.npz").exists():
        begun = {**defaults, **json.loads(path.read_text())}
        if others := [f"{key}={begun.get(key)!r}" for key in wanted if begun.get(key) != wanted[key]]:
            raise ValueError(
                f"The run in {path.parent} was begun with another configuration or other data: {', '.join(others)}. "
                "Give the same again, or another run folder."
            )
    write_atomically(path, (json.dumps(wanted, indent=2) + "\n").encode())
