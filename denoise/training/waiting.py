"""How long a training waits for its data."""

import math
import time
from typing import Any

import keras


def waiting_share(dataset: keras.utils.PyDataset, seconds_per_step: float, steps: int = 50) -> float:
    """Measure which share of its time, in [0, 1], a training would wait for this data set, fed as `fit` feeds it.

    A `fit` runs in which the network does nothing and each step then sleeps, as the processor does while the network
    runs on another device. What Keras itself needs between steps and between epochs counts as waiting. Where the
    network runs on the processor, which makes the batches too, a training waits longer than this.

    Of twice as many `steps` the second half is measured: the first fills the queue. The data set's epochs move on.
    """
    stopwatch = _Stopwatch(seconds_per_step)
    idle = _Idle()
    idle.compile("sgd", jit_compile=False)
    idle.fit(dataset, epochs=math.ceil(2 * steps / len(dataset)), verbose=0, shuffle=False, callbacks=[stopwatch])
    times = stopwatch.times[steps - 1 : 2 * steps]
    slept = sum(end - ready for ready, end in times[1:])
    return 1 - slept / (times[-1][1] - times[0][1])


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
    """Sleeps in every step, and notes when it began to and when it had done so."""

    def __init__(self, seconds_per_step: float) -> None:
        super().__init__()
        self.seconds_per_step = seconds_per_step
        self.times: list[tuple[float, float]] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        ready = time.monotonic()
        time.sleep(self.seconds_per_step)
        self.times.append((ready, time.monotonic()))
