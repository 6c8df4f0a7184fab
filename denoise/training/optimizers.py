"""What changes the weights, by name."""

import math
from collections.abc import Callable
from typing import Any

import keras
from keras import ops


class Muon(keras.optimizers.Muon):
    """Muon (Jordan et al., https://kellerjordan.github.io/posts/muon) that takes the kernels of convolutions too.

    Keras' own leaves all but matrices to Adam, which in these networks is everything. Here a kernel is the matrix from
    all its inputs to its outputs. The first and the last convolution, and kernels for each channel, stay with Adam.
    """

    def _should_use_adamw(self, variable: Any) -> bool:
        is_edge = any(name in variable.path.split("/") for name in ("head", "tail"))
        return is_edge or variable.name != "kernel" or variable.shape[-1] == 1

    def zeropower_via_newtonschulz5(self, x: Any, steps: int) -> Any:
        """Make the singular values of a kernel's matrix one, nearly."""
        matrix = ops.reshape(x, (-1, x.shape[-1]))
        return ops.reshape(super().zeropower_via_newtonschulz5(matrix, steps), x.shape)

    def lr_adjust(self, x: Any) -> Any:
        """Make steps as large as those of Adam (arXiv:2502.16982, section 2.2)."""
        return x * math.sqrt(max(math.prod(x.shape[:-1]), x.shape[-1])) * self.rms_rate


OPTIMIZERS: dict[str, Callable[..., keras.optimizers.Optimizer]] = {
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    # Its step has the same size in each weight, so that its learning rate is 3 to 10 times smaller than Adam's.
    "lion": keras.optimizers.Lion,
    "muon": Muon,
    "sgd": lambda *rate, **options: keras.optimizers.SGD(*rate, momentum=0.9, **options),
}
