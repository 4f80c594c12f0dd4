"""Arrays and tensors of any library as NumPy arrays; histograms of them.

torch computes the histogram of its own tensors, on their own device: only the counts come over.
Neighbours: pixels.py, histogram.py, watching.py.
"""

from __future__ import annotations

import math
import sys
from typing import Any, NamedTuple, Sequence

from logging_core.errors import UsageError
from logging_core.media.libraries import comes_from, library


class Counts(NamedTuple):
    """A histogram: `edges` has one more than `counts`."""

    counts: list[int]
    edges: list[float]


def is_tensor(value: Any) -> bool:
    """Whether it is a torch tensor (a parameter is one, too)."""
    return comes_from(value, "torch") and hasattr(value, "detach")


def is_array(value: Any) -> bool:
    """Whether it has elements and a shape: of NumPy, torch, JAX, TensorFlow, CuPy or their kin."""
    has_both = hasattr(value, "dtype") and hasattr(value, "shape")
    return has_both and not isinstance(value, type)


def as_array(value: Any, needed_for: str) -> Any:
    """As a NumPy array, in the memory of this process. Raises UsageError."""
    numpy = library("numpy", needed_for)
    if is_tensor(value):
        value = value.detach()
        if value.is_sparse:
            value = value.to_dense()
        value = value.cpu()
        # NumPy has no bfloat16, and no float8.
        plain = str(value.dtype) in ("torch.bool", "torch.float16", "torch.float64")
        if value.is_floating_point() and not plain:
            value = value.float()
    elif comes_from(value, "tensorflow") and hasattr(value, "numpy"):
        value = value.numpy()
    elif comes_from(value, "cupy") and hasattr(value, "get"):
        value = value.get()
    try:
        return numpy.asarray(value)
    except Exception as error:  # every library has its own error for "not an array"
        raise UsageError(f"{needed_for}: {type(value).__name__} is no array ({error})") from None


def histogram(values: Any, bins: int) -> Counts:
    """NumPy's histogram of what is finite in `values`: a tensor, an array, or any sequence."""
    if is_tensor(values):
        return _of_tensor(values, bins)
    if is_array(values):
        return _of_array(as_array(values, "a Histogram of an array"), bins)
    return _of_floats(values, bins)


def _of_tensor(tensor: Any, bins: int) -> Counts:
    tensor = tensor.detach()
    zeros = 0
    if tensor.is_sparse:
        # Elements that a sparse tensor does not list are zeros.
        listed = tensor.coalesce().values()
        zeros, tensor = tensor.numel() - listed.numel(), listed
    flat = tensor.reshape(-1)
    if str(flat.dtype) not in ("torch.float32", "torch.float64"):
        flat = flat.float()
    low, high = _bounds(flat)
    if not (math.isfinite(low) and math.isfinite(high)):
        flat = flat[flat.isfinite()]
        low, high = _bounds(flat)
    if not flat.numel():
        return _spread([], zeros, bins)
    if zeros:
        low, high = min(low, 0.0), max(high, 0.0)
    low, high = _widened(low, high)
    counts = [int(count) for count in flat.histc(bins=bins, min=low, max=high).tolist()]
    edges = _edges(low, high, bins)
    if zeros:
        counts[_bin(0.0, low, high, bins)] += zeros
    return Counts(counts, edges)


def _bounds(flat: Any) -> tuple[float, float]:
    """The least and the largest; of nothing 0 and 0; NaN if there is one."""
    if not flat.numel():
        return 0.0, 0.0
    low, high = flat.aminmax()
    return float(low), float(high)


def _of_array(array: Any, bins: int) -> Counts:
    numpy = library("numpy", "a Histogram of an array")
    flat = array.ravel()
    if flat.dtype.kind not in "fiu":
        flat = flat.astype(float)
    if flat.dtype.kind == "f":
        flat = flat.astype("float64") if flat.dtype.itemsize < 4 else flat
        finite = numpy.isfinite(flat)
        if not finite.all():
            flat = flat[finite]
    counts, edges = numpy.histogram(flat, bins=bins)
    return Counts(counts.tolist(), [float(edge) for edge in edges])


def _of_floats(values: Any, bins: int) -> Counts:
    values = list(values)
    numpy = sys.modules.get("numpy")
    if numpy is not None and all(type(value) in (int, float) for value in values):
        return _of_array(numpy.array(values, float), bins)  # ten times as fast
    return _spread([value for value in map(float, _flat(values)) if math.isfinite(value)], 0, bins)


def _flat(values: Any) -> Any:
    for value in values:
        if isinstance(value, (list, tuple)) or is_array(value):
            yield from _flat(value) if isinstance(value, (list, tuple)) else value.reshape(-1)
        else:
            yield value


def _spread(values: Sequence[float], zeros: int, bins: int) -> Counts:
    if not values and not zeros:
        return Counts([0] * bins, _edges(0.0, 1.0, bins))
    low, high = _widened(min(values, default=0.0), max(values, default=0.0))
    counts = [0] * bins
    for value in values:
        counts[_bin(value, low, high, bins)] += 1
    if zeros:
        counts[_bin(0.0, low, high, bins)] += zeros
    return Counts(counts, _edges(low, high, bins))


def _widened(low: float, high: float) -> tuple[float, float]:
    return (low - 0.5, high + 0.5) if low == high else (low, high)


def _bin(value: float, low: float, high: float, bins: int) -> int:
    """The last bin takes its upper edge in, as NumPy's does."""
    place = int((value - low) / (high - low) * bins)
    edges = (low + (high - low) * place / bins, low + (high - low) * (place + 1) / bins)
    if value < edges[0]:  # rounding put it one off
        place -= 1
    elif value >= edges[1]:
        place += 1
    return max(0, min(place, bins - 1))


def _edges(low: float, high: float, bins: int) -> list[float]:
    return [low + (high - low) * i / bins for i in range(bins)] + [high]
