"""Runs a neural network that was saved as a list of NumPy operations (the YAHPO surrogates).

A file holds `program`: (names of the constants, [(operation, inputs, outputs, attributes), …]) as
JSON, and the constants. The operations are ONNX's (https://onnx.ai/onnx/operators), as far as
those networks use them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy

Array = numpy.ndarray[Any, Any]
_TYPES = {1: numpy.float32, 6: numpy.int32, 7: numpy.int64, 9: numpy.bool_, 11: numpy.float64}


def _slice(x: list[Array], _: dict[str, Any]) -> Array:
    cut = [slice(None)] * x[0].ndim
    for start, stop, axis in zip(*(numpy.atleast_1d(each) for each in x[1:4]), strict=True):
        cut[int(axis)] = slice(int(start), int(stop))
    return x[0][tuple(cut)]


def _divide(x: list[Array], _: dict[str, Any]) -> Array:
    whole = numpy.issubdtype(x[0].dtype, numpy.integer)
    quotient: Array = x[0] // x[1] if whole else x[0] / x[1]
    return quotient


def _linear(x: list[Array], how: dict[str, Any]) -> Array:
    weights = x[1].T if how.get("transB") else x[1]
    product: Array = (how.get("alpha", 1.0) * (x[0] @ weights) + x[2]).astype(numpy.float32)
    return product


def _normalise(x: list[Array], how: dict[str, Any]) -> Array:
    value, scale, shift, mean, variance = x
    scaled: Array = (value - mean) / numpy.sqrt(variance + how.get("epsilon", 1e-5)) * scale
    return scaled + shift


_OPERATIONS: dict[str, Callable[[list[Array], dict[str, Any]], Array]] = {
    "Add": lambda x, _: x[0] + x[1],
    "Sub": lambda x, _: x[0] - x[1],
    "Mul": lambda x, _: x[0] * x[1],
    "Div": _divide,
    "Neg": lambda x, _: -x[0],
    "Log": lambda x, _: numpy.log(x[0]),
    "Exp": lambda x, _: numpy.exp(x[0]),
    "Relu": lambda x, _: numpy.maximum(x[0], 0),
    "Round": lambda x, _: numpy.rint(x[0]),
    "Sigmoid": lambda x, _: 1 / (1 + numpy.exp(-x[0])),
    "Cast": lambda x, how: x[0].astype(_TYPES[how["to"]]),
    "Gather": lambda x, how: numpy.take(x[0], x[1], axis=how.get("axis", 0)),
    "Concat": lambda x, how: numpy.concatenate(x, axis=how["axis"]),
    "Shape": lambda x, _: numpy.array(x[0].shape, numpy.int64),
    "Unsqueeze": lambda x, _: numpy.expand_dims(x[0], tuple(numpy.atleast_1d(x[1]).tolist())),
    "Slice": _slice,
    "Gemm": _linear,
    "BatchNormalization": _normalise,
}


class Network:
    """Callable: (categories as codes, numbers), a config a row -> the network's outputs."""

    def __init__(self, path: Path) -> None:
        with numpy.load(path) as file:
            names, self._program = json.loads(bytes(file["prog"]).decode())
            self._constants = {name: file[f"a{i}"] for i, name in enumerate(names)}

    def __call__(self, codes: Array, numbers: Array) -> Array:
        values: dict[str, Any] = {
            **self._constants,
            "x_cat": codes.astype(numpy.int64),
            "x_cont": numbers.astype(numpy.float32),
            "": None,
        }
        with numpy.errstate(all="ignore"):
            for operation, inputs, outputs, how in self._program:
                given = [values[name] for name in inputs if name]
                values[outputs[0]] = _OPERATIONS[operation](given, how)
        result: Array = values["output"]
        return result
