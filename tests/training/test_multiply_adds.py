import keras
import pytest
from keras import layers

from denoise.training.architectures.uformer import WindowAttention
from denoise.training.multiply_adds import multiply_adds


@pytest.mark.parametrize(
    ("layer", "count"),
    [
        (layers.Conv2D(4, 3, padding="same"), 16 * 16 * 9 * 8 * 4),
        (layers.Conv2D(4, 3, padding="same", dilation_rate=2), 16 * 16 * 9 * 8 * 4),
        (layers.Conv2D(4, 2, strides=2), 8 * 8 * 4 * 8 * 4),
        (layers.Conv2DTranspose(4, 2, strides=2), 16 * 16 * 4 * 8 * 4),
        (layers.DepthwiseConv2D(3, padding="same"), 16 * 16 * 9 * 8),
        (layers.Dense(4), 16 * 16 * 8 * 4),
        # To queries, keys and values, from seen to out: 4 products; each pixel of a window with each other: 2.
        (WindowAttention(2, False, False), 16 * 16 * 8 * 8 * 4 + 4 * 64 * 64 * 8 * 2),
    ],
    ids=lambda value: "" if isinstance(value, int) else value.name,
)
def test_multiply_adds_of_a_layer(layer: layers.Layer, count: int) -> None:
    keras.mixed_precision.set_global_policy("float32")
    photo = keras.Input((16, 16, 8))
    assert multiply_adds(keras.Model(photo, layer(photo))) == count
