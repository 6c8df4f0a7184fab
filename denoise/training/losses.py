"""What a training makes small: losses on pictures, (N, H, W, 3) in [0, 1]."""

from collections.abc import Callable
from typing import Any

from keras import ops

LOSSES: dict[str, Callable[[Any, Any], Any]] = {
    "l1": lambda denoised, clean: ops.mean(ops.abs(denoised - clean)),
    "mse": lambda denoised, clean: ops.mean(ops.square(denoised - clean)),
    # Smooth near zero, like L1 elsewhere (Lai et al., arXiv:1710.01992, section 3.3).
    "charbonnier": lambda denoised, clean: ops.mean(ops.sqrt(ops.square(denoised - clean) + 1e-6)),
    # Mean PSNR over the pictures, but for sign and factor (Chen et al., arXiv:2105.06086, section 3.4): a picture with
    # little noise counts as much as a very noisy one, up to 50 dB. The factor makes gradients as large as those of L1.
    "psnr": lambda denoised, clean: (
        0.01 * ops.mean(ops.log(ops.mean(ops.square(denoised - clean), axis=(1, 2, 3)) + 1e-5))
    ),
}
"""Losses by name, on (denoised, clean). There is one more, "cbdnet": see `cbdnet_loss`."""


def cbdnet_loss(noisy: Any, clean: Any, denoised: Any, level: Any) -> Any:
    """The loss of CBDNet (arXiv:1807.04686, section 3.3): MSE + 0.5 · asymmetric + 0.05 · total variation.

    The noise level's true value, which the paper knows from its noise model, is taken from the batch: the root mean
    square of noisy - clean over 7×7 pixels. So the loss serves real pairs as well.
    """
    squared = ops.average_pool(ops.square(noisy - clean), 7, strides=1, padding="same")
    error = level - ops.sqrt(squared + 1e-10)
    # Underestimation costs more than overestimation: 0.7 against 0.3.
    asymmetric = ops.mean(ops.where(error < 0.0, 0.7, 0.3) * ops.square(error))
    dy, dx = level[:, 1:] - level[:, :-1], level[:, :, 1:] - level[:, :, :-1]
    total_variation = ops.mean(ops.square(dy)) + ops.mean(ops.square(dx))
    return LOSSES["mse"](denoised, clean) + 0.5 * asymmetric + 0.05 * total_variation
