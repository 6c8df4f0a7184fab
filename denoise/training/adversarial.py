"""Adversarial training: a discriminator learns to tell denoised photos from clean ones, the network to deceive it.

What a network is unsure of it blurs, since the mean of all that may be there has the least error. A discriminator sees
that. It costs decibels, so it is for the end of a training: `--adversarial 0.01 --initial-weights FILE`.

The discriminator is that of pix2pix, which judges patch by patch beside the noisy photo (Isola et al.,
arXiv:1611.07004, sections 3.1 and 3.2.2); its loss is relativistic: is the clean photo more real than the denoised one
(Jolicoeur-Martineau, arXiv:1807.00734, section 4.1)?
"""

from typing import Any

import keras
from keras import layers, ops

from denoise.training.step import DenoisingTraining


def discriminator() -> keras.Model:
    """Build the discriminator: four convolutions, of which one judgement in 34x34 pixels each.

    Without normalisation, which would hide the noise that it is to see.

    Returns:
        A model from (N, H, W, 6), a noisy photo and one that may be clean, to (N, H / 4, W / 4, 1), above zero if it
        is. 169,185 parameters.
    """
    photos = keras.Input((None, None, 6), name="photos")
    x = photos
    for index, (filters, strides) in enumerate(((32, 2), (64, 2), (128, 1))):
        x = layers.Conv2D(
            filters,
            4,
            strides=strides,
            padding="same",
            activation="leaky_relu",
            kernel_initializer="he_normal",
            name=f"conv{index + 1}",
        )(x)
    judgement = layers.Conv2D(1, 4, padding="same", dtype="float32", name="judgement")(x)
    return keras.Model(photos, judgement, name="discriminator")


class AdversarialTraining(DenoisingTraining):
    """A training step in which a discriminator learns beside the network, both from the same batch.

    One loss serves both. What the network is to learn holds the discriminator's weights still, and what the
    discriminator is to learn holds the picture still, so each gets its own gradient alone, and one optimiser does the
    rest, on any backend.
    """

    def __init__(self, network: keras.Model, patch_size: int, loss: str, seed: int, weight: float) -> None:
        """Wrap `network`, see `DenoisingTraining`; `weight` is that of the adversarial loss beside the other."""
        super().__init__(network, patch_size, loss, seed)
        self.discriminator = discriminator()
        self.weight = weight

    @property
    def networks(self) -> tuple[keras.Model, ...]:
        """The network and the discriminator."""
        return self.network, self.discriminator

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """The loss of the configuration, and those of the two adversaries."""
        loss = super().compute_loss(x, y, y_pred, sample_weight, training)
        if not training:
            return loss
        noisy, denoised, clean = y_pred["noisy"], y_pred["denoised"], y_pred["clean"] if y is None else y
        still = [ops.stop_gradient(ops.convert_to_tensor(v)) for v in self.discriminator.trainable_variables]

        def judge_still(photo: Any) -> Any:
            return self.discriminator.stateless_call(still, [], ops.concatenate([noisy, photo], axis=3))[0]

        def judge(photo: Any) -> Any:
            return self.discriminator(ops.concatenate([noisy, ops.stop_gradient(photo)], axis=3))

        deceived = ops.mean(ops.softplus(judge_still(clean) - judge_still(denoised)))
        deceiving = ops.mean(ops.softplus(judge(denoised) - judge(clean)))
        return loss + self.weight * deceived + deceiving
