"""The distributions that a parameter may have, and when two values count as the same.

Frozen values with no names and no file in them: `sweeps.parameters` reads them from a sweep file,
`sweeps.space` puts them together, the searchers draw from them or map them to [0, 1].

W&B's nineteen distributions are eight classes here: the quantised ones are the plain ones with a
step `q`, and log_uniform, log_uniform_values, inv_log_uniform and inv_log_uniform_values differ
only in how their bounds are written (1/x is log-uniform exactly when x is).

Never hands out numpy types or a list or dict that it keeps itself: a value is plain JSON.
"""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from itertools import accumulate
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy

_STANDARD_NORMAL = NormalDist()
_SMALLEST_QUANTILE = 2.0**-54
_LARGEST_QUANTILE = 1.0 - 2.0**-53
_LARGEST_EXPONENT = 700.0  # e to the power of 709.8 is no float any more


def canonical(value: Any) -> Hashable:
    """A key under which two values are the same exactly when W&B's grid says so.

    3e6 is 3000000, True is not 1, "1" is not 1, NaN is NaN, and the order of a dict's keys does
    not matter. Inside a list or dict 1.0 is not 1 (W&B looks at the outermost value only).
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return _key(value)


def _key(value: Any) -> Hashable:
    if isinstance(value, float):
        return ("float", repr(value))  # NaN is not equal to itself, its text is
    if isinstance(value, Mapping):
        return ("dict", frozenset((name, _key(inner)) for name, inner in value.items()))
    if isinstance(value, (list, tuple)):
        return ("list", tuple(_key(inner) for inner in value))
    return (type(value).__name__, value)


_TRUTHS = frozenset(canonical(value) for value in (True, False, 1, 0))


def is_number(value: Any) -> bool:
    """Whether a value is a finite number that a float can hold; a bool is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an int of more than 308 digits
        return False


class Distribution(ABC):
    """What a parameter's values are drawn from."""

    @abstractmethod
    def sample(self, rng: numpy.random.Generator) -> Any:
        """One value, a plain JSON one; the same for the same state of `rng`."""

    @abstractmethod
    def contains(self, value: Any) -> bool:
        """Whether `value` could come from this distribution."""

    @abstractmethod
    def describe(self) -> str:
        """What its values are, to stand behind "must be" in a message."""

    @property
    def binary(self) -> bool:
        """Whether all its values are true or false (or 1 or 0)."""
        return False


@dataclass(frozen=True)
class Constant(Distribution):
    """Always the same value; no part of what is searched."""

    value: Any

    def sample(self, rng: numpy.random.Generator) -> Any:  # noqa: ARG002
        return copy.deepcopy(self.value)

    def contains(self, value: Any) -> bool:
        return canonical(value) == canonical(self.value)

    def describe(self) -> str:
        return f"{self.value!r}"

    @property
    def binary(self) -> bool:
        return canonical(self.value) in _TRUTHS


@dataclass(frozen=True)
class Categorical(Distribution):
    """One of `values`, equally likely or by `probabilities`; a probability of 0 is never drawn.

    A value that is listed twice is drawn twice as often, as in W&B.
    """

    values: tuple[Any, ...]
    probabilities: tuple[float, ...] | None = None

    def sample(self, rng: numpy.random.Generator) -> Any:
        return copy.deepcopy(self.values[self._index(rng)])

    def _index(self, rng: numpy.random.Generator) -> int:
        if self.probabilities is None:
            return int(rng.integers(len(self.values)))
        heights = list(accumulate(self.probabilities))
        # The first height above the mark: an entry of probability 0 adds no height and is
        # passed over. The total may miss 1 by a rounding, so the mark is scaled by it.
        return bisect_right(heights, rng.random() * heights[-1])

    def contains(self, value: Any) -> bool:
        key = canonical(value)
        return any(canonical(known) == key for known in self.values)

    def describe(self) -> str:
        shown = ", ".join(repr(value) for value in self.values[:10])
        return f"one of {shown}" + (", …" if len(self.values) > 10 else "")

    @property
    def binary(self) -> bool:
        return all(canonical(value) in _TRUTHS for value in self.values)


@dataclass(frozen=True)
class IntUniform(Distribution):
    """A whole number from `low` to `high`, both included."""

    low: int
    high: int

    def sample(self, rng: numpy.random.Generator) -> int:
        return int(rng.integers(self.low, self.high, endpoint=True))

    def contains(self, value: Any) -> bool:
        whole = isinstance(value, int) and not isinstance(value, bool)
        return whole and self.low <= value <= self.high

    def describe(self) -> str:
        return f"a whole number from {self.low} to {self.high}"

    @property
    def binary(self) -> bool:
        return self.low >= 0 and self.high <= 1


class Continuous(Distribution):
    """A number with a density. `cdf` and `ppf` are those of the unquantised variable.

    With a step `q` (int or float, above 0) a value x becomes round(x / q) * q, an int when `q`
    is one. As in W&B, that may leave the bounds by up to half a step.
    """

    q: int | float | None

    @abstractmethod
    def cdf(self, x: float) -> float:
        """The share of values that are at most `x`, in [0, 1]."""

    @abstractmethod
    def ppf(self, u: float) -> float:
        """The inverse of `cdf`. `u` in [0, 1]; where 0 or 1 would be infinitely far away, the
        outermost number that `sample` can draw."""

    @property
    @abstractmethod
    def support(self) -> tuple[float, float]:
        """The bounds of the unquantised variable; infinite where there is none."""

    def sample(self, rng: numpy.random.Generator) -> int | float:
        return self.quantise(self.ppf(rng.random()))

    def quantise(self, x: float) -> int | float:
        """`x` itself without a step; else the nearest multiple of it."""
        if self.q is None:
            return x
        steps = x / self.q
        # Beyond any float there is nothing left to round: every large float is a whole number.
        return round(steps) * self.q if math.isfinite(steps) else x

    def contains(self, value: Any) -> bool:
        if not is_number(value):
            return False
        low, high = self.support
        if self.q is None:
            return bool(low <= value <= high)
        low, high = (end if math.isinf(end) else self.quantise(end) for end in (low, high))
        slack = abs(self.q) * 1e-6
        return bool(low - slack <= value <= high + slack) and self._on_step(value)

    def _on_step(self, value: float) -> bool:
        return self.q is None or _is_multiple(value, self.q)

    def describe(self) -> str:
        low, high = self.support
        parts = ["a number"]
        if not math.isinf(low):
            parts.append(f"from {low:g}" if not math.isinf(high) else f"above {low:g}")
        if not math.isinf(high):
            parts.append(f"to {high:g}")
        if self.q is not None:
            parts.append(f"in steps of {self.q:g}")
        return " ".join(parts)


def _is_multiple(value: float, step: float) -> bool:
    ratio = value / step
    return math.isfinite(ratio) and abs(ratio - round(ratio)) <= 1e-6


@dataclass(frozen=True)
class Uniform(Continuous):
    """Every number from `low` to `high` equally likely."""

    low: float
    high: float
    q: int | float | None = None

    def cdf(self, x: float) -> float:
        return _clip((x - self.low) / (self.high - self.low), 0.0, 1.0)

    def ppf(self, u: float) -> float:
        return _clip(self.low + u * (self.high - self.low), float(self.low), float(self.high))

    @property
    def support(self) -> tuple[float, float]:
        return (self.low, self.high)

    def _on_step(self, value: float) -> bool:
        # A grid counts its steps from `low`, a random draw counts them from 0.
        return super()._on_step(value) or (
            self.q is not None and _is_multiple(value - self.low, self.q)
        )


@dataclass(frozen=True)
class LogUniform(Continuous):
    """Every order of magnitude from `low` to `high` (both above 0) equally likely."""

    low: float
    high: float
    q: int | float | None = None

    def cdf(self, x: float) -> float:
        if x <= self.low:
            return 0.0
        low, high = math.log(self.low), math.log(self.high)
        return _clip((math.log(x) - low) / (high - low), 0.0, 1.0)

    def ppf(self, u: float) -> float:
        low, high = math.log(self.low), math.log(self.high)
        return _clip(math.exp(low + u * (high - low)), float(self.low), float(self.high))

    @property
    def support(self) -> tuple[float, float]:
        return (self.low, self.high)


@dataclass(frozen=True)
class Normal(Continuous):
    """Normal with mean `mu` and standard deviation `sigma` (0: always `mu`)."""

    mu: float
    sigma: float
    q: int | float | None = None

    def cdf(self, x: float) -> float:
        if self.sigma == 0:
            return float(x >= self.mu)
        return _STANDARD_NORMAL.cdf((x - self.mu) / self.sigma)

    def ppf(self, u: float) -> float:
        return self.mu + self.sigma * _standard_normal_ppf(u)

    @property
    def support(self) -> tuple[float, float]:
        return (-math.inf, math.inf)


@dataclass(frozen=True)
class LogNormal(Continuous):
    """exp of a normal with mean `mu` and standard deviation `sigma` (0: always exp(mu))."""

    mu: float
    sigma: float
    q: int | float | None = None

    def cdf(self, x: float) -> float:
        return Normal(self.mu, self.sigma).cdf(math.log(x)) if x > 0 else 0.0

    def ppf(self, u: float) -> float:
        # Clipped rather than refused: a wide sigma (W&B takes any) overflows once in a trillion.
        return math.exp(min(self.mu + self.sigma * _standard_normal_ppf(u), _LARGEST_EXPONENT))

    @property
    def support(self) -> tuple[float, float]:
        return (0.0, math.inf)


@dataclass(frozen=True)
class Beta(Continuous):
    """Beta on [0, 1] with shapes `a` and `b`, both above 0."""

    a: float
    b: float
    q: int | float | None = None

    def cdf(self, x: float) -> float:
        from scipy.special import betainc  # slow to import, and only this one needs it

        return float(betainc(self.a, self.b, _clip(x, 0.0, 1.0)))

    def ppf(self, u: float) -> float:
        from scipy.special import betaincinv

        # scipy answers NaN to a u that is far smaller than any that is drawn.
        return float(betaincinv(self.a, self.b, u)) if u >= _SMALLEST_QUANTILE else 0.0

    @property
    def support(self) -> tuple[float, float]:
        return (0.0, 1.0)


def _standard_normal_ppf(u: float) -> float:
    return _STANDARD_NORMAL.inv_cdf(_clip(u, _SMALLEST_QUANTILE, _LARGEST_QUANTILE))


def _clip(x: float, low: float, high: float) -> float:
    return min(max(x, low), high)
