"""What an expression of `constraints:` calculates with: operators and functions, all bounded.

No number grows past some thousand bits, nothing repeats a text, and nothing takes longer for larger
values: a power that would is infinite. Neighbour: `sweeps.constraints`, which reads expressions.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

_LARGEST_BITS = 1_024


class Uncomputable(TypeError):
    """Values of a kind that an operator does not take: `optimizer * 2`."""


def _number(value: Any) -> int | float:
    if isinstance(value, (int, float)):
        return value
    raise Uncomputable(f"{value!r} is no number")


def _power(base: float, exponent: float) -> Any:
    if isinstance(base, int) and isinstance(exponent, int) and exponent >= 0:
        if base.bit_length() * exponent <= _LARGEST_BITS:
            return base**exponent
        base = float(base)
    try:
        found = base**exponent
    except OverflowError:
        return math.inf
    if isinstance(found, complex):
        raise ValueError("no real number")
    return found


def _numeric(work: Callable[..., Any]) -> Callable[..., Any]:
    """`work` on numbers alone: Python would multiply texts, too."""
    return lambda *values: work(*map(_number, values))


def _of_several(work: Callable[..., Any]) -> Callable[..., Any]:
    """min and max: of two or more numbers, or of one list."""

    def checked(*values: Any) -> Any:
        found = values[0] if len(values) == 1 and isinstance(values[0], (list, tuple)) else values
        return work([_number(value) for value in found])

    return checked


def _length(value: Any) -> int:
    if isinstance(value, (list, tuple, str, Mapping)):
        return len(value)
    raise Uncomputable(f"{value!r} has no length")


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "abs": _numeric(abs),
    "ceil": _numeric(math.ceil),
    "exp": _numeric(math.exp),
    "floor": _numeric(math.floor),
    "len": _length,
    "log": _numeric(math.log),
    "log10": _numeric(math.log10),
    "log2": _numeric(math.log2),
    "max": _of_several(max),
    "min": _of_several(min),
    "round": _numeric(round),
    "sqrt": _numeric(math.sqrt),
    "sum": _of_several(math.fsum),
}
"""By the name that an expression calls them by; min, max and sum take several or a list."""
SEVERAL = frozenset(("min", "max", "sum"))

BINARY: Mapping[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: _numeric(operator.add),
    ast.Sub: _numeric(operator.sub),
    ast.Mult: _numeric(operator.mul),
    ast.Div: _numeric(operator.truediv),
    ast.FloorDiv: _numeric(operator.floordiv),
    ast.Mod: _numeric(operator.mod),
    ast.Pow: _numeric(_power),
}


def _contained(value: Any, among: Any) -> bool:
    if isinstance(among, str) and not isinstance(value, str):
        raise Uncomputable(f"{value!r} is no text")
    return value in among


def _plainly(work: Callable[[Any, Any], Any]) -> Callable[[Any, Any], bool]:
    """A comparison; what Python cannot compare is said to be so."""

    def compared(left: Any, right: Any) -> bool:
        try:
            return bool(work(left, right))
        except TypeError as error:
            raise Uncomputable(str(error)) from None

    return compared


COMPARE: Mapping[type[ast.AST], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: _plainly(operator.lt),
    ast.LtE: _plainly(operator.le),
    ast.Gt: _plainly(operator.gt),
    ast.GtE: _plainly(operator.ge),
    ast.In: _plainly(_contained),
    ast.NotIn: _plainly(lambda value, among: not _contained(value, among)),
}
UNARY: Mapping[type[ast.AST], Callable[[Any], Any]] = {
    ast.USub: _numeric(operator.neg),
    ast.UAdd: _numeric(operator.pos),
}
