"""Bundled networks of one addition, for tests of what happens around a network."""

import hashlib
import json

import flatbuffers
from ai_edge_litert import schema_py_generated as schema


def tflite(shape=(1, 8, 8, 3), output_shape=None, dtype=schema.TensorType.FLOAT32, inputs=1, level=None, order=(0, 2)):
    """A TFLite file that returns its input, all values doubled, or with the level added: one addition.

    `level` is the shape of the level's input, `order` which one comes first: 0 the photo, 2 the level.
    """
    tensors = []
    for tensor_shape in (shape, output_shape or shape, *((level,) if level else ())):
        tensor = schema.TensorT()
        tensor.shape, tensor.type, tensor.buffer = list(tensor_shape), dtype, 0
        tensors.append(tensor)
    operator = schema.OperatorT()
    operator.opcodeIndex, operator.inputs, operator.outputs = 0, [0, 2 if level else 0], [1]
    operator.builtinOptionsType, operator.builtinOptions = schema.BuiltinOptions.AddOptions, schema.AddOptionsT()
    graph = schema.SubGraphT()
    graph.tensors, graph.inputs, graph.outputs, graph.operators = (
        tensors,
        list(order) if level else [0] * inputs,
        [1],
        [operator],
    )
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.ADD
    code.version = 1
    model = schema.ModelT()
    model.version, model.operatorCodes, model.subgraphs, model.buffers = 3, [code], [graph], [schema.BufferT()]
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def write_model(folder, name, *, told=0.0, pair=0.0, tile_size=256):
    """Write NAME.tflite and its card: a network that adds its level to the photo, or itself if it is not told one."""
    content = tflite((1, tile_size, tile_size, 3), level=(1, tile_size, tile_size, 1) if told else None)
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
        "architecture": {},
        "training": {},
        "metrics": {"seconds_per_tile": 0.5},
        "licence": "MIT",
    }
    (folder / f"{name}.json").write_text(json.dumps(card), encoding="utf-8")
