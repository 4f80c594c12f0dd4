"""Columns of numbers as bytes that zstd makes small: each in the form that suits it, all exact.

    f8, f4      as they are; f4 where single precision holds every value
    f8z, f4z    the differences of neighbours' bit patterns: curves that move slowly
    d0 … d9     whole numbers of so many decimal places: what was rounded (accuracies, prices)
    i8          differences of neighbours
    b1          a byte each

In every form all first bytes come first, then all second bytes, and so on. Which form is smallest
is tried on a few hundred values from the middle of the column. Little-endian. Pure. Neighbour:
`chunks.py` (names, masks, compression, checksums).
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

_PLACES = 9  # decimals
_TRIED = 512  # values
_FEW = 64  # values for which nothing is tried
_EXACT = 2.0**53

WIDTH = {
    **{"f8": 8, "f4": 4, "f8z": 8, "f4z": 4, "i8": 8, "b1": 1},
    **{f"d{places}": 8 for places in range(_PLACES + 1)},
}
"""Bytes a value, by kind."""


def pack(values: NDArray[Any], size: Callable[[bytes], int]) -> tuple[str, bytes]:
    """(kind, bytes) of float64, int64 or bool values; `size`: what bytes take once compressed."""
    if values.dtype == np.bool_:
        return "b1", values.astype(np.uint8).tobytes()
    if values.dtype == np.int64:
        return "i8", pack_ints(values)
    values = values.astype("<f8")
    kinds = _exact_kinds(values)
    if len(values) < _FEW:
        return kinds[0], _pack(kinds[0], values)
    begin = max(0, len(values) - _TRIED) // 2
    tried = values[begin : begin + _TRIED]
    best = min(kinds, key=lambda kind: size(_pack(kind, tried)))
    return best, _pack(best, values)


def unpack(kind: str, raw: bytes) -> NDArray[Any]:
    """What `pack` packed. Raises KeyError or ValueError on anything else."""
    if kind == "i8":
        return unpack_ints(raw)
    if kind == "b1":
        return np.frombuffer(raw, np.uint8).astype(np.bool_)
    if kind[0] == "d":
        if kind not in WIDTH:
            raise KeyError(kind)
        return _zigzag_back(_untranspose(raw, "<u8"), np.int64) / 10.0 ** int(kind[1:])
    if kind == "f8z":
        return _zigzag_back(_untranspose(raw, "<u8"), np.int64).view(np.float64)
    if kind == "f4z":
        return _zigzag_back(_untranspose(raw, "<u4"), np.int32).view(np.float32).astype(np.float64)
    return _untranspose(raw, {"f8": "<f8", "f4": "<f4"}[kind]).astype(np.float64)


def pack_ints(values: NDArray[np.int64]) -> bytes:
    return _transpose(np.diff(values, prepend=np.int64(0)).astype("<i8"))


def unpack_ints(raw: bytes) -> NDArray[np.int64]:
    return np.cumsum(_untranspose(raw, "<i8").astype(np.int64), dtype=np.int64)


def _exact_kinds(values: NDArray[np.float64]) -> list[str]:
    """The forms that hold these values bit for bit; the plainest first."""
    with np.errstate(over="ignore", invalid="ignore"):
        single = values.astype("<f4").astype("<f8")
    kinds = ["f4", "f4z"] if _same(single, values) else ["f8", "f8z"]
    if len(values) < _FEW:
        return kinds
    few = values[:: max(1, len(values) // 8)]
    least = _decimal_places(few)
    for places in [] if least is None else range(least, min(least + 3, _PLACES + 1)):
        with np.errstate(over="ignore", invalid="ignore"):
            scaled = np.rint(values * 10.0**places)
        if not np.abs(scaled).max() < _EXACT:
            break
        if _same(scaled.astype(np.int64) / 10.0**places, values):
            kinds.append(f"d{places}")
            break  # else: a value that was not looked at may have one more
    return kinds


def _decimal_places(values: NDArray[np.float64]) -> int | None:
    """How many decimals these few have as they are written; None: more than we pack."""
    most = 0
    for value in values.tolist():
        exponent = Decimal(repr(value)).as_tuple().exponent
        if not isinstance(exponent, int) or exponent < -_PLACES:
            return None
        most = max(most, -exponent)
    return most


def _pack(kind: str, values: NDArray[np.float64]) -> bytes:
    if kind[0] == "d":
        return _transpose(_zigzag(np.rint(values * 10.0 ** int(kind[1:])).astype(np.int64)))
    if kind == "f8z":
        return _transpose(_zigzag(values.view(np.int64)))
    if kind == "f4z":
        return _transpose(_zigzag(values.astype("<f4").view(np.int32)))
    with np.errstate(over="ignore", invalid="ignore"):
        return _transpose(values.astype(f"<{kind}"))


def _same(left: NDArray[np.float64], right: NDArray[np.float64]) -> bool:
    """Bit for bit: -0.0 is not 0.0, and every NaN is itself."""
    return np.array_equal(left.view(np.int64), right.view(np.int64))


def _zigzag(values: NDArray[Any]) -> NDArray[Any]:
    """Differences of neighbours, small ones of either sign as small whole numbers from 0 on."""
    steps = np.diff(values, prepend=values.dtype.type(0))
    sign = steps >> (8 * steps.itemsize - 1)
    return ((steps << 1) ^ sign).astype(f"<i{steps.itemsize}")


def _zigzag_back(packed: NDArray[Any], dtype: Any) -> NDArray[Any]:
    half = (packed >> np.array(1, packed.dtype)).astype(dtype)
    steps = half ^ -(packed & np.array(1, packed.dtype)).astype(dtype)
    return np.cumsum(steps, dtype=dtype)


def _transpose(values: NDArray[Any]) -> bytes:
    """All first bytes, then all second bytes, …"""
    return values.view(np.uint8).reshape(len(values), values.itemsize).T.tobytes()


def _untranspose(raw: bytes, dtype: str) -> NDArray[Any]:
    width = np.dtype(dtype).itemsize
    grid = np.frombuffer(raw, np.uint8).reshape(width, len(raw) // width)
    return np.ascontiguousarray(grid.T).view(dtype).reshape(-1)
