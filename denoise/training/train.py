"""Train a network on clean photos with synthesised camera noise.

Runs on any Keras backend: `KERAS_BACKEND=jax` on a GPU, TensorFlow on a processor. A run folder holds the whole
configuration (`config.json`), the state to resume from (`checkpoint.npz`), the averaged weights (`NAME.weights.h5`) and
a log (`log.csv`); starting the same command again goes on where the last checkpoint stands.
"""

import json
import math
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from denoise import camera
from denoise.training.architectures import build
from denoise.training.data import SyntheticPatches, load_clean_photos, split_by_scene


@dataclass(frozen=True)
class Configuration:
    """Everything that decides what a run learns.

    The learning rate rises linearly over the first 2 % of the run and falls to zero along a cosine. A run's length is
    given in `minutes` of training time (all its resumed parts together), or in `epochs`. `arguments` go to the
    architecture's builder.
    """

    architecture: str
    arguments: dict[str, int] = field(default_factory=dict)
    minutes: float | None = None
    epochs: int | None = None
    steps_per_epoch: int = 100
    batch_size: int = 8
    patch_size: int = 64
    learning_rate: float = 5e-4
    ema: float = 0.999
    precision: str = "mixed_bfloat16"
    seed: int = 0
    initial_weights: str | None = None

    def __post_init__(self) -> None:
        """Check the length.

        Raises:
            ValueError: If not exactly one of `minutes` and `epochs` is given.
        """
        if (self.minutes is None) == (self.epochs is None):
            raise ValueError(f"Exactly one of `minutes` and `epochs` must be given. Received: {self}")


class CameraTraining(keras.Model):
    """A network together with the cameras that make its input noisy, inside the training step."""

    def __init__(self, network: keras.Model, patch_size: int, seed: int) -> None:
        """Wrap `network`, which maps (N, P, P, 3) to (N, P, P, 3); P is `patch_size`."""
        super().__init__(dtype="float32", name="camera_training")  # the camera needs more than 8 bits of mantissa
        self.network = network
        self.patch_size = patch_size
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.psnr = keras.metrics.Mean(name="psnr")

    def call(self, inputs: dict[str, Any]) -> tuple[Any, Any]:
        """Photograph `inputs["clean"]` again, crop, and return (denoised, clean), both (N, P, P, 3)."""
        parameters = {k: v for k, v in inputs.items() if k not in ("clean", "offset")}
        clean = ops.cast(inputs["clean"], "float32") / 255.0
        normal = keras.random.normal(ops.shape(clean), dtype="float32", seed=self.seed_generator)
        noisy, clean = camera.simulate(clean, parameters, normal, ops)
        return self.network(self._crop(noisy, inputs["offset"])), self._crop(clean, inputs["offset"])

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """Mean absolute error (the loss of the RIDNet paper, arXiv:1904.07396, section 3)."""
        denoised, clean = y_pred
        mse = ops.mean(ops.square(ops.clip(denoised, 0.0, 1.0) - clean), axis=(1, 2, 3))
        self.psnr.update_state(-10.0 * ops.log10(mse + 1e-10))
        return ops.mean(ops.abs(denoised - clean))

    def _crop(self, picture: Any, offset: Any) -> Any:
        batch = ops.shape(picture)[0]
        size = (batch, self.patch_size, self.patch_size, 3)
        return ops.slice(picture, (0, offset[0, 0], offset[0, 1], 0), size)


def train(data: Path, run: Path, configuration: Configuration) -> keras.Model:
    """Train, or go on with, the network of a run folder.

    Args:
        data: Folder of clean photos.
        run: Run folder; made if missing.
        configuration: What to train. A folder that was begun with another configuration is refused.

    Returns:
        The network with its averaged weights.

    Raises:
        ValueError: If the run folder belongs to another configuration.
        FileNotFoundError: If the data folder holds no photo.
    """
    run.mkdir(parents=True, exist_ok=True)
    _claim(run / "config.json", configuration)
    keras.utils.set_random_seed(configuration.seed)
    keras.mixed_precision.set_global_policy(configuration.precision)
    photos, held_out = split_by_scene(load_clean_photos(data))
    network = build(configuration.architecture, **configuration.arguments)
    if configuration.initial_weights:
        network.load_weights(configuration.initial_weights)
    model = CameraTraining(network, configuration.patch_size, configuration.seed)
    optimizer = keras.optimizers.Adam(
        configuration.learning_rate, global_clipnorm=1.0, use_ema=True, ema_momentum=configuration.ema
    )
    model.compile(optimizer)
    shape: dict[str, Any] = {"batch_size": configuration.batch_size, "patch_size": configuration.patch_size}
    patches = SyntheticPatches(photos, **shape, steps=configuration.steps_per_epoch, seed=configuration.seed)
    validation = SyntheticPatches(held_out, **shape, steps=12, seed=configuration.seed, fixed=True)
    optimizer.build(network.trainable_variables)
    state = RunState(run, model, patches, configuration)
    state.load()
    model.fit(
        patches,
        epochs=10**6 if configuration.epochs is None else configuration.epochs,
        initial_epoch=state.epoch,
        validation_data=validation,
        validation_freq=10,
        shuffle=False,  # batches are random already; Keras would shuffle them anew in a resumed run
        verbose=2,
        callbacks=[
            keras.callbacks.TerminateOnNaN(),
            keras.callbacks.LearningRateScheduler(state.learning_rate),
            state,
            keras.callbacks.CSVLogger(str(run / "log.csv"), append=True),
        ],
    )
    network.load_weights(run / f"{configuration.architecture}.weights.h5")
    return network


class RunState(keras.callbacks.Callback):
    """The clock of a run and its checkpoint, written after every epoch."""

    def __init__(
        self, run: Path, training: CameraTraining, patches: SyntheticPatches, configuration: Configuration
    ) -> None:
        """Watch `training`; see `train`."""
        super().__init__()
        self.run, self.training, self.patches, self.configuration = run, training, patches, configuration
        self.epoch, self.seconds, self.started = 0, 0.0, time.monotonic()

    def progress(self) -> float:
        """Share of the run that is done, 0 to 1."""
        if self.configuration.epochs is not None:
            return self.epoch / self.configuration.epochs
        assert self.configuration.minutes is not None
        return min((self.seconds + time.monotonic() - self.started) / (60 * self.configuration.minutes), 1.0)

    def learning_rate(self, epoch: int, rate: float = 0.0) -> float:
        """Linear warm-up over 2 % of the run, then half a cosine down to zero."""
        done = self.progress()
        warm = min((done + 1e-3) / 0.02, 1.0)
        return self.configuration.learning_rate * warm * max(0.5 * (1 + math.cos(math.pi * done)), 1e-3)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Save, unless the loss is not a number any more; stop when the time is up."""
        if logs is not None and not np.isfinite(logs["loss"]):
            self.model.stop_training = True
            return
        if logs is not None:
            logs["minutes"] = (self.seconds + time.monotonic() - self.started) / 60
        self.epoch = epoch + 1
        self.save()
        if self.progress() >= 1.0:
            self.model.stop_training = True

    def save(self) -> None:
        """Write the checkpoint and the averaged weights; each replaces its predecessor in one move."""
        variables = self._variables()
        state: dict[str, Any] = {"epoch": self.epoch, "seconds": self.seconds + time.monotonic() - self.started}
        arrays: dict[str, Any] = {f"{i}": ops.convert_to_numpy(v) for i, v in enumerate(variables)}
        temporary = self.run / "checkpoint.tmp.npz"
        described = _describe(self.training.network.variables, variables)
        np.savez(temporary, allow_pickle=False, variables=described, **state, **arrays)
        temporary.replace(self.run / "checkpoint.npz")
        network = self.training.network
        current = [ops.convert_to_numpy(v) for v in network.trainable_variables]
        self.training.optimizer.finalize_variable_values(network.trainable_variables)
        weights = self.run / f"{self.configuration.architecture}.tmp.weights.h5"
        network.save_weights(weights)
        weights.replace(self.run / f"{self.configuration.architecture}.weights.h5")
        for variable, value in zip(network.trainable_variables, current, strict=True):
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
            if list(saved["variables"]) != _describe(self.training.network.variables, variables):
                raise ValueError(f"The checkpoint must be one of {self.configuration.architecture}. Received: {path}")
            for i, variable in enumerate(variables):
                variable.assign(saved[f"{i}"])
            self.epoch, self.seconds = int(saved["epoch"]), float(saved["seconds"])
        self.patches.epoch = self.epoch

    def _variables(self) -> list[keras.Variable]:
        seeds = self.training.seed_generator.state
        return [*self.training.network.variables, *self.training.optimizer.variables, seeds]


def _describe(named: list[keras.Variable], variables: list[keras.Variable]) -> list[str]:
    """What must agree for a checkpoint to fit; Keras numbers optimisers, so only the network's names count."""
    return [v.path for v in named] + [str(tuple(v.shape)) for v in variables]


def _claim(path: Path, configuration: Configuration) -> None:
    wanted = asdict(configuration)
    if path.exists() and json.loads(path.read_text()) != wanted:
        raise ValueError(f"The run folder must be empty or of the same configuration. Received: {path.parent}")
    path.write_text(json.dumps(wanted, indent=2) + "\n")
