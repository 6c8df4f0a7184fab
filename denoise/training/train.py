"""Train any network on any data set.

Runs on any Keras backend: `KERAS_BACKEND=jax` on a GPU, TensorFlow on a processor. A run folder holds the whole
configuration (`config.json`), what it learns from (`data.json`), the state to resume from (`checkpoint.npz`), the
averaged weights (`NAME.weights.h5`), a log (`log.csv`) and its curves (`curves.png`); the same command given again goes
on where the last checkpoint stands.
"""

import hashlib
import json
import math
import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from denoise.files import write_atomically
from denoise.runtime import processors
from denoise.training.adversarial import AdversarialTraining
from denoise.training.architectures import build
from denoise.training.configuration import Configuration
from denoise.training.curves import draw_curves, read_log
from denoise.training.data import CaseStudyPatches, Patches, RandomPatches
from denoise.training.datasets import Pair, find_pairs
from denoise.training.optimizers import OPTIMIZERS
from denoise.training.run_state import RunState
from denoise.training.step import DenoisingTraining

VALIDATION_STEPS = 12
"""Batches of random patches that the weights are measured on."""

Split = tuple[tuple[Pair, ...], tuple[Pair, ...]]
"""Pairs to train on, and those held out to be measured on, each in the order of the data set."""


def train(data: Sequence[Path], run: Path, configuration: Configuration) -> keras.Model:
    """Train, or go on with, the network of a run folder.

    A folder that was begun with another configuration or other data is refused. Noise is synthesised on clean photos.

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
    settings = (network, patch_size, configuration.loss, configuration.seed)
    weight = configuration.adversarial
    model = AdversarialTraining(*settings, weight) if weight else DenoisingTraining(*settings)
    optimizer = OPTIMIZERS[configuration.optimizer](
        configuration.learning_rate, global_clipnorm=1.0, use_ema=True, ema_momentum=configuration.ema
    )
    model.compile(optimizer)
    optimizer.build([variable for each in model.networks for variable in each.trainable_variables])
    run.mkdir(parents=True, exist_ok=True)
    defaults = {each.name: each.default for each in fields(Configuration)}  # what an older configuration lacks
    _claim(run / "config.json", asdict(configuration), defaults)
    digest = hashlib.sha256("\n".join(pair.name for pair in pairs).encode()).hexdigest()[:16]
    data_facts = {"pairs": len(pairs), "held_out": [pair.name for pair in held_out], "digest": digest}
    _claim(run / "data.json", data_facts, {})
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
        advice = "Start again"
        if state.epoch:
            advice = f"{run} holds the state after epoch {state.epoch}: start a new run from its weights,"
        raise RuntimeError(
            f"The loss or the weights were not numbers any more in epoch {state.epoch + 1}. "
            f"{advice} with a lower learning rate."
        )
    if not read_log(run / "log.csv")[-1]["val_psnr"]:
        # After `fit` the weights are the averaged ones.
        scores = model.evaluate(validation, return_dict=True, verbose=0)
        state.log({f"val_{name}": value for name, value in scores.items()})
    draw_curves(run)
    network.load_weights(run / f"{configuration.architecture}.weights.h5")
    return network


def _split(data: Sequence[Path], c: Configuration) -> Split:
    """The pairs to train on and those to validate on."""
    pairs: list[Pair] = []
    for folder in data:
        found = find_pairs(folder, c.layout)
        pairs += found.pairs
        for problem in found.problems:
            print(f"skipped: {problem}", file=sys.stderr)
    return split_by_pair(pairs, seed=c.seed) if c.patches == "case-study" else split_by_scene(pairs)


def split_by_scene(pairs: Sequence[Pair]) -> Split:
    """Hold out a twentieth of the scenes, at least one, so that no scene stands on both sides.

    Raises:
        ValueError: If all pairs are of one scene.
    """
    scenes = sorted({pair.scene for pair in pairs})
    if len(scenes) < 2:
        raise ValueError(
            "Photos of at least two scenes are needed, one to train on and another to measure on. "
            f"All {len(pairs)} are of {', '.join(scenes) or 'none'} (what stands before the numbers in the file names)."
        )
    return _hold_out(pairs, [pair.scene for pair in pairs], max(1, round(0.05 * len(scenes))), seed=0)


def split_by_pair(pairs: Sequence[Pair], seed: int) -> Split:
    """Hold out a fifth of the pairs, rounded up, as the case study does: 541 pairs become 432 and 109.

    Two shots of one scene may fall on both sides, which flatters the measurement: prefer `split_by_scene`.

    Raises:
        ValueError: If there are fewer than two pairs.
    """
    if len(pairs) < 2:
        raise ValueError(f"At least two pairs are needed, to train on and to measure on. Received: {len(pairs)}")
    return _hold_out(pairs, range(len(pairs)), math.ceil(len(pairs) / 5), seed)


def _hold_out(pairs: Sequence[Pair], groups: Sequence[Any], count: int, seed: int) -> Split:
    """Hold out so many of the groups, to one of which each pair belongs."""
    names = sorted(set(groups))
    held_out = {names[i] for i in np.random.default_rng(seed).permutation(len(names))[:count]}
    training, rest = (
        tuple(pair for pair, group in zip(pairs, groups, strict=True) if (group in held_out) == side)
        for side in (False, True)
    )
    return training, rest


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


def _claim(path: Path, wanted: dict[str, Any], defaults: Mapping[str, Any]) -> None:
    """Write what a run was begun with; refuse to go on with anything else."""
    if path.exists() and (path.parent / "checkpoint.npz").exists():
        begun = {**defaults, **json.loads(path.read_text())}
        if others := [f"{key}={begun.get(key)!r}" for key in wanted if begun.get(key) != wanted[key]]:
            raise ValueError(
                f"The run in {path.parent} was begun with another configuration or other data: {', '.join(others)}. "
                "Give the same again, or another run folder."
            )
    write_atomically(path, (json.dumps(wanted, indent=2) + "\n").encode())
