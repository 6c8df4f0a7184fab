"""How much work a network is, whatever the machine."""

import math
from typing import Any

import keras


def multiply_adds(network: keras.Model) -> int:
    """Count the multiply-adds of convolutions and matrix products, read from the graph of the TensorFlow backend.

    Args:
        network: A network with a fixed input size.

    Returns:
        Multiply-adds for one photo of that size.
    """
    import tensorflow as tf  # here alone, as in `export`

    inputs = [tf.TensorSpec((1, *each.shape[1:])) for each in network.inputs]
    graph = tf.function(lambda *photo: network(list(photo) if len(photo) > 1 else photo[0]))
    return sum(_of(operation) for operation in graph.get_concrete_function(*inputs).graph.get_operations())


def _of(operation: Any) -> int:
    kind, inputs, made = operation.type, operation.inputs, operation.outputs[:1]
    count = 0
    if kind == "Conv2D":
        count = made[0].shape.num_elements() * math.prod(inputs[1].shape[:-1])
    elif kind == "DepthwiseConv2dNative":
        count = made[0].shape.num_elements() * math.prod(inputs[1].shape[:2])
    elif kind == "Conv2DBackpropInput":  # a transposed convolution
        count = inputs[2].shape.num_elements() * math.prod(inputs[1].shape[:-1])
    elif kind in ("MatMul", "BatchMatMulV2"):
        transposed = operation.get_attr("transpose_a" if kind == "MatMul" else "adj_x")
        count = made[0].shape.num_elements() * inputs[0].shape[-2 if transposed else -1]
    return count
