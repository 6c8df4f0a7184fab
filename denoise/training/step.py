"""A training step on any Keras backend: what happens to a batch around the network."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from denoise import camera
from denoise.level import GRAIN, UNKNOWN
from denoise.training.architectures.cbdnet import NOISE_LEVEL
from denoise.training.architectures.hinet import FIRST

LEVEL_WINDOW, LEVEL_ERROR, UNTOLD = 17, 0.1, 0.67
"""A level that is told is that of two such windows, in pixels, one upon the other; by which share it is wrong; and
above which normal deviate nothing is told: of a quarter of the pictures."""

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
"""Losses by name, on (denoised, clean), (N, H, W, 3) in [0, 1]. There is one more, "cbdnet": see `cbdnet_loss`."""


class DenoisingTraining(keras.Model):
    """A network together with what happens around it in a training step: noise, cropping, loss, scores."""

    def __init__(self, network: keras.Model, patch_size: int, loss: str, seed: int) -> None:
        """Wrap `network`, which maps (N, P, P, 3) to (N, P, P, 3); P is `patch_size`."""
        super().__init__(dtype="float32", name="denoising_training")  # the camera needs more than 8 bits of mantissa
        self.network = network
        outputs = {"denoised": network.output}
        if loss == "cbdnet":
            outputs["level"] = network.get_layer(NOISE_LEVEL).output
        if any(layer.name == FIRST for layer in network.layers):
            outputs["first"] = network.get_layer(FIRST).output
        self.observed = keras.Model(network.input, outputs)  # the same layers; with what else is learnt from
        self.is_told, self.is_told_exactly = isinstance(network.input, list), network.name == "ffdnet"
        self.patch_size = patch_size
        self.loss_name = loss
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.psnr = keras.metrics.Mean(name="psnr")
        self.ssim = keras.metrics.Mean(name="ssim")

    @property
    def networks(self) -> tuple[keras.Model, ...]:
        """What learns: what a run saves, and goes on with."""
        return (self.network,)

    def call(self, inputs: Any) -> dict[str, Any]:
        """Make the batch ready and denoise it.

        Args:
            inputs: A batch of `RandomPatches`, or the noisy half of one of `CaseStudyPatches`.

        Returns:
            `noisy`, `clean`, `denoised`, for the loss "cbdnet" the estimated noise `level`: all (N, P, P, 3); and what
            a network made of the photo `first`, if there is that, perhaps on a half-size grid: (N, P/2, P/2, 12).
        """
        noisy, clean = self._photograph(inputs) if isinstance(inputs, dict) else (inputs, inputs)
        seen = [noisy, self._noise_level(noisy - clean)] if self.is_told else noisy
        return {"noisy": noisy, "clean": clean, **self.observed(seen)}

    def _noise_level(self, noise: Any) -> Any:
        """What a network is told of the noise (N, P, P, 3): its level, (N, P, P, 1), as an estimate would have it.

        It is that of white noise that is as strong, in single pixels or in squares of `GRAIN`, whichever is more:
        of coarse noise two or three times the standard deviation. Half of the pictures have one level, the others that
        around each pixel; all of them are a little wrong. Of a quarter of the pictures it is told nothing. FFDNet is
        always told the level of the whole picture as it is: it takes as much as it is told, and judges nothing.
        """
        if self.is_told_exactly:
            return ops.stop_gradient(ops.sqrt(_power(noise, 1, False) + 1e-12))
        coarse = GRAIN * ops.average_pool(noise, GRAIN, strides=GRAIN)
        chance = keras.random.normal((ops.shape(noise)[0], 1, 1, 3), dtype="float32", seed=self.seed_generator)
        fine, coarse = (
            _power(n, LEVEL_WINDOW // size, chance[..., :1] > 0.0) for n, size in ((noise, 1), (coarse, GRAIN))
        )
        coarse = ops.repeat(ops.repeat(coarse, GRAIN, axis=1), GRAIN, axis=2)
        level = ops.sqrt(ops.maximum(fine, coarse) + 1e-12) * ops.exp(LEVEL_ERROR * chance[..., 1:2])
        return ops.stop_gradient(ops.where(chance[..., 2:] > UNTOLD, UNKNOWN, level))

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """The loss of the configuration; scores on the way."""
        denoised, clean = y_pred["denoised"], y_pred["clean"] if y is None else y
        shown = ops.clip(denoised, 0.0, 1.0)
        mse = ops.mean(ops.square(shown - clean), axis=(1, 2, 3))
        self.psnr.update_state(-10.0 * ops.log10(mse + 1e-10))
        if not training:
            self.ssim.update_state(ssim(shown, clean))
        if self.loss_name == "cbdnet":
            return cbdnet_loss(y_pred["noisy"], clean, denoised, ops.cast(y_pred["level"], "float32"))
        loss = LOSSES[self.loss_name](denoised, clean)
        if (first := y_pred.get("first")) is not None:  # both count (Chen et al., arXiv:2105.06086, equation 2)
            first = first if first.shape[-1] == 3 else ops.depth_to_space(first, 2)
            loss = loss + LOSSES[self.loss_name](first, clean)
        return loss

    def _photograph(self, inputs: dict[str, Any]) -> tuple[Any, Any]:
        clean = ops.cast(inputs["clean"], "float32") / 255.0
        if "noisy" in inputs:
            return ops.cast(inputs["noisy"], "float32") / 255.0, clean
        parameters = {k: v for k, v in inputs.items() if k not in ("clean", "offset")}
        normal = keras.random.normal(ops.shape(clean), dtype="float32", seed=self.seed_generator)
        noisy, clean = camera.resave(*camera.simulate(clean, parameters, normal, ops), parameters, ops)
        start = (0, inputs["offset"][0, 0], inputs["offset"][0, 1], 0)
        size = (ops.shape(clean)[0], self.patch_size, self.patch_size, 3)
        return ops.slice(noisy, start, size), ops.slice(clean, start, size)


def _power(noise: Any, window: int, is_local: Any) -> Any:
    """Mean square over the channels of (N, H, W, C), (N, H, W, 1): around each pixel, or over the whole picture."""
    around = squared = ops.mean(ops.square(noise), axis=3, keepdims=True)
    for sides in ((window, 1), (1, window)) * 2:
        around = ops.average_pool(around, sides, strides=1, padding="same")
    return ops.where(is_local, around, ops.mean(squared, axis=(1, 2), keepdims=True))


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


def ssim(x: Any, y: Any) -> Any:
    """SSIM of pictures (N, H, W, 3) in [0, 1], N values; as `denoise.metrics.ssim`: 7×7 windows, unbiased covariance.

    Source: Wang et al., "Image quality assessment", 2004, equation 13.
    """
    window, unbiased = 7, 49 / 48

    def mean(picture: Any) -> Any:
        return ops.average_pool(picture, window, strides=1, padding="valid")

    mean_x, mean_y = mean(x), mean(y)
    variances = unbiased * (mean(x * x) - mean_x * mean_x + mean(y * y) - mean_y * mean_y)
    covariance = unbiased * (mean(x * y) - mean_x * mean_y)
    c1, c2 = 0.01**2, 0.03**2
    similarity = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    return ops.mean(similarity / ((mean_x**2 + mean_y**2 + c1) * (variances + c2)), axis=(1, 2, 3))
