"""Turn whatever a script logs into plain JSON values.

NumPy, PyTorch, JAX and TensorFlow scalars are known by their methods (`item`, `tolist`, `numpy`);
none of these libraries is ever imported here. Neighbours: records.py (rows), config.py, summary.py.
"""

from __future__ import annotations

import contextlib
import enum
import json
import math

from logging_core.hints import Any, Callable, Iterator, Mapping

# Beyond this many bits an int is recorded as an infinity: Python (>= 3.11) refuses to print more
# than 4,300 digits, and nobody could read the number.
MAX_INT_BITS = 8192
MAX_DEPTH = 24
MAX_ELEMENTS = 10_000

Odd = Callable[[str], None]  # told, in one sentence, about a value that cannot be kept as it is


def ignore(_sentence: str) -> None:
    return


def plain(value: Any, odd: Odd = ignore, _depth: int = 0) -> Any:
    """`value` as None, bool, int, float, str, list or dict (string keys), whatever it was.

    A one-element array or tensor becomes its scalar, a larger one a list (of at most
    MAX_ELEMENTS); what has no plain form becomes text, and `odd` is told.
    """
    kind = type(value)
    if kind is float or kind is str or kind is bool or value is None:
        return value
    if kind is int:
        return _bounded(value)
    if _depth > MAX_DEPTH:
        odd(f"a value is nested deeper than {MAX_DEPTH} levels: kept as text")
        return text(value)
    if isinstance(value, Mapping):
        return {
            key if type(key) is str else name_of(key): plain(item, odd, _depth + 1)
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple, set, frozenset, range)):
        return [plain(item, odd, _depth + 1) for item in value]
    if isinstance(value, enum.Enum):
        return plain(value.value, odd, _depth + 1)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, int):
        return _bounded(int(value))
    try:
        return _foreign(value, odd, _depth)
    except Exception as error:  # its own code fails, with whatever error
        odd(f"a value of type {_name(value)} cannot be read ({_name(error)}): kept as text")
        return text(value)


def _bounded(value: int) -> Any:
    if value.bit_length() <= MAX_INT_BITS:
        return value
    return math.inf if value > 0 else -math.inf


def _foreign(value: Any, odd: Odd, depth: int) -> Any:
    for method in ("item", "tolist", "numpy"):
        convert = getattr(value, method, None)
        if not callable(convert):
            continue
        try:
            if method == "tolist" and _elements(value) > MAX_ELEMENTS:
                break
            converted = convert()
        except Exception:  # every library has its own error for "not a scalar"
            continue
        # numpy.longdouble.item() gives itself back.
        if type(converted) is not type(value):
            return plain(converted, odd, depth + 1)
    isoformat = getattr(value, "isoformat", None)
    if callable(isoformat):
        return str(isoformat())
    fields = getattr(value, "__dataclass_fields__", None)
    if fields and not isinstance(value, type):
        return {name: plain(getattr(value, name), odd, depth + 1) for name in fields}
    if hasattr(type(value), "__float__"):
        with contextlib.suppress(Exception):  # each library has its own error for "no scalar"
            return float(value)
    odd(f"a value of type {_name(value)} has no plain form: kept as text")
    return text(value)


def _name(value: Any) -> str:
    kind = type(value)
    return f"{kind.__module__}.{kind.__qualname__}"


def _elements(value: Any) -> int:
    count = 1
    for length in getattr(value, "shape", ()):
        count *= int(length)
    return count


def text(value: Any) -> str:
    """The beginning of str(value), whatever becomes of that."""
    try:
        return str(value)[:1000]
    except Exception as error:
        return f"<{type(value).__name__}: {error}>"


def name_of(key: Any) -> str:
    """A key of a dict, as the name of a metric."""
    if isinstance(key, str):
        return str.__str__(key)
    return text(key)


def dumps(value: Any) -> bytes:
    """JSON in Python's dialect (NaN and Infinity as such), ASCII, of any value.

    Raises nothing for an odd value: it is made plain first when json refuses it.
    """
    try:
        return _encode(value).encode("ascii")
    except (TypeError, ValueError, RecursionError):
        return _encode(plain(value)).encode("ascii")


_encode = json.JSONEncoder(separators=(",", ":"), check_circular=True).encode


def take_reserved(row: dict[str, Any], odd: Odd = ignore) -> float | None:
    """Takes out of a row what W&B keeps for itself, as W&B does: `_step` and `_runtime` are not
    the script's to say; `_timestamp` (seconds since 1970) is the row's time, and returned."""
    for name in ("_step", "_runtime"):
        if name in row:
            del row[name]
            odd(f"log(): {name!r} is reserved and left out; step=… says the step of a row")
    if "_timestamp" not in row:
        return None
    time = plain(row.pop("_timestamp"))
    if type(time) in (int, float) and math.isfinite(time):
        return float(time)
    odd(f"log(): '_timestamp' is the time of a row, in seconds since 1970, not {time!r}")
    return None


def whole_step(step: Any) -> int:
    """A step as log() takes it. Raises TypeError and ValueError for what is no whole number."""
    number = int(step)
    if number != step:
        raise ValueError(step)
    return number


def flatten(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with its nested dicts laid flat under dotted names: {"a": {"b": 1}} -> {"a.b": 1}.

    A dict with "_type" (an image, a histogram, …) is one value.
    """
    for value in row.values():
        if isinstance(value, dict):
            return dict(_leaves(row, ""))
    return dict(row)


def _leaves(row: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in row.items():
        if isinstance(value, dict) and "_type" not in value:
            yield from _leaves(value, prefix + key + ".")
        else:
            yield prefix + key, value
