"""Tiny networks for tests in which it does not matter how well a photo is denoised.

`blur` and `addition` make files, `write_model` one with its card, `write` a whole folder.

A folder of them takes the place of `models/`: the same names and cards, but each file is one small blur, a kilobyte
large, which takes a few milliseconds a tile. `DENOISE_MODELS` leads a server or a command there; the fixture
`tiny_models` is the folder.
"""

import hashlib
import json
from collections.abc import Container
from pathlib import Path

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from denoise.registry import list_models

MODELS = Path(__file__).parents[1] / "models"  # the real ones, whatever `DENOISE_MODELS` says


def write(folder: Path, *, real: Container[str] = ()) -> Path:
    """Write a tiny network and a card for each bundled network into a folder; the measured results stay the real ones.

    Args:
        folder: Where to.
        real: Names of networks that are the bundled ones.

    Returns:
        The folder.
    """
    for index, name in enumerate(list_models(MODELS)):
        if name in real:
            for suffix in ("json", "tflite"):
                (folder / f"{name}.{suffix}").symlink_to(MODELS / f"{name}.{suffix}")
            continue
        card = json.loads((MODELS / f"{name}.json").read_text("utf-8"))
        content = blur(0.65 + 0.04 * index, is_told=card["told"] > 0)  # each one's result is another
        (folder / f"{name}.tflite").write_bytes(content)
        card |= {"file": f"{name}.tflite", "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        (folder / f"{name}.json").write_text(json.dumps(card), "utf-8")
    for name in ("results", "TRAINING.md"):
        (folder / name).symlink_to(MODELS / name)
    return folder


def blur(sigma: float, tile_size: int = 256, *, is_told: bool = False) -> bytes:
    """Make a TFLite file that mirrors a tile at its edges and blurs each of its channels.

    Args:
        sigma: Standard deviation of the Gaussian window, in pixels; the window is 5 pixels wide.
        tile_size: Height and width of the tile, in pixels.
        is_told: Whether it takes a noise level as well, which it does not look at.
    """
    line = np.exp(-(np.arange(-2, 3) ** 2) / (2 * sigma**2))
    window = np.outer(line, line) / line.sum() ** 2
    kernel = np.repeat(window[None, :, :, None], 3, axis=3).astype(np.float32)
    shape, padded = [1, tile_size, tile_size, 3], [1, tile_size + 4, tile_size + 4, 3]
    level = [1, tile_size, tile_size, 1]
    contents = [None, np.int32([[0, 0], [2, 2], [2, 2], [0, 0]]), None, kernel, np.zeros(3, np.float32), None, None]
    shapes = [shape, [4, 2], padded, [1, 5, 5, 3], [3], level, shape]
    mirror, convolve = schema.MirrorPadOptionsT(), schema.DepthwiseConv2DOptionsT()
    mirror.mode = schema.MirrorPadMode.REFLECT
    convolve.padding, convolve.depthMultiplier = schema.Padding.VALID, 1
    convolve.strideH = convolve.strideW = convolve.dilationHFactor = convolve.dilationWFactor = 1
    return _file(
        [_tensor(each, content) for each, content in zip(shapes, contents, strict=True)],
        [
            (schema.BuiltinOperator.MIRROR_PAD, "MirrorPadOptions", mirror, [0, 1], 2),
            (schema.BuiltinOperator.DEPTHWISE_CONV_2D, "DepthwiseConv2DOptions", convolve, [2, 3, 4], 6),
        ],
        (0, 5) if is_told else (0,),
    )


def addition(
    shape=(1, 8, 8, 3), output_shape=None, dtype=schema.TensorType.FLOAT32, inputs=1, level=None, order=(0, 1)
) -> bytes:
    """Make a TFLite file that returns its input, all values doubled, or with the level added.

    Args:
        shape: Of the photo, which is given so many times: `inputs`.
        output_shape: Of the result, unless it is that of the photo.
        dtype: Of all values.
        inputs: How many there are, if there is no level.
        level: Shape of the level, if there is one.
        order: Which of both comes first: 0 is the photo, 1 the level.
    """
    tensors = [_tensor(list(each), None) for each in (shape, *([level] if level else []), output_shape or shape)]
    for tensor, _ in tensors:
        tensor.type = dtype
    add = (schema.BuiltinOperator.ADD, "AddOptions", schema.AddOptionsT(), [0, 1 if level else 0], len(tensors) - 1)
    return _file(tensors, [add], list(order) if level else [0] * inputs)


def write_model(folder, name, *, told=0.0, pair=0.0, judge="", partner="", strong_partner="", tile_size=256):
    """Write NAME.tflite and its card: a network that adds its level to the photo, or itself if it is not told one."""
    content = addition((1, tile_size, tile_size, 3), level=(1, tile_size, tile_size, 1) if told else None)
    (folder / f"{name}.tflite").write_bytes(content)
    card = {
        "name": name,
        "title": name.title(),
        "summary": "A network for tests.",
        "file": f"{name}.tflite",
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "parameters": 0,
        "quantisation": "float32",
        "told": told,
        "pair": pair,
        "judge": judge,
        "partner": partner,
        "strong_partner": strong_partner,
        "architecture": {},
        "training": {},
        "metrics": {"seconds_per_tile": 0.5},
        "licence": "MIT",
    }
    (folder / f"{name}.json").write_text(json.dumps(card), encoding="utf-8")


def _tensor(shape: list[int], content: np.ndarray | None) -> tuple[schema.TensorT, schema.BufferT]:
    tensor, buffer = schema.TensorT(), schema.BufferT()
    tensor.shape = shape
    tensor.type = schema.TensorType.FLOAT32
    if content is not None:
        tensor.type = schema.TensorType.INT32 if content.dtype == np.int32 else schema.TensorType.FLOAT32
        buffer.data = list(content.tobytes())
    return tensor, buffer


def _file(tensors, operations, inputs=(0,)) -> bytes:
    """Make a file of tensors, of which `inputs` are the inputs and the last is the output, and what joins them."""
    model, graph = schema.ModelT(), schema.SubGraphT()
    graph.tensors, buffers = map(list, zip(*tensors, strict=True))
    model.buffers = [schema.BufferT(), *buffers]  # the first one stands for none
    graph.inputs, graph.outputs, graph.operators, model.operatorCodes = list(inputs), [len(tensors) - 1], [], []
    for number, tensor in enumerate(graph.tensors, 1):
        tensor.buffer = number
    for index, (kind, name, options, sources, output) in enumerate(operations):
        code, operator = schema.OperatorCodeT(), schema.OperatorT()
        code.builtinCode = code.deprecatedBuiltinCode = kind
        code.version = 1
        operator.opcodeIndex, operator.inputs, operator.outputs = index, sources, [output]
        operator.builtinOptionsType, operator.builtinOptions = getattr(schema.BuiltinOptions, name), options
        model.operatorCodes.append(code)
        graph.operators.append(operator)
    model.version, model.subgraphs = 3, [graph]
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())
