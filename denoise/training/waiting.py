"""How long a training waits for its data."""

import math
import time
from typing import Any

import keras


def waiting_share(dataset: keras.utils.PyDataset, seconds_per_step: float, steps: int = 50) -> float:
    """Measure which share of its time a training would wait for this data set, fed as `fit` feeds it.

    A `fit` runs in which the network does nothing and each step then sleeps, as the processor does while the network
    runs on another device. What Keras itself needs between steps and between epochs counts as waiting. Where the
    network runs on the processor, which makes the batches too, a training waits longer than this.

    Args:
        dataset: Its epochs move on.
        seconds_per_step: How long a training step takes.
        steps: How many are measured, after as many that fill the queue.

    Returns:
        Share in [0, 1]: time waited / (time waited + time slept).
    """
    stopwatch = _Stopwatch(seconds_per_step, steps)
    idle = _Idle()
    idle.compile("sgd", jit_compile=False)
    idle.fit(dataset, epochs=math.ceil(2 * steps / len(dataset)) + 1, verbose=0, shuffle=False, callbacks=[stopwatch])
    return stopwatch.waited / (stopwatch.waited + stopwatch.slept)


class _Idle(keras.Model):
    """A model that does nothing with its input; Keras wants a weight to train."""

    def __init__(self) -> None:
        super().__init__(dtype="float32", name="idle")
        self.weight = self.add_weight(shape=(), name="weight")

    def call(self, inputs: Any) -> Any:
        return 0.0 * self.weight

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        return y_pred


class _Stopwatch(keras.callbacks.Callback):
    def __init__(self, seconds_per_step: float, steps: int) -> None:
        super().__init__()
        self.seconds_per_step, self.steps = seconds_per_step, steps
        self.waited, self.slept, self.done, self.since = 0.0, 0.0, 0, time.monotonic()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        ready = time.monotonic()
        time.sleep(self.seconds_per_step)
        end = time.monotonic()
        if self.done >= self.steps:
            self.waited += ready - self.since
            self.slept += end - ready
        self.done += 1
        self.since = end
        if self.done == 2 * self.steps:
            self.model.stop_training = True
