"""`when:`: a parameter that is there only where others have certain values.

    momentum: {min: 0.5, max: 0.99, when: {optimizer: sgd}}            a value,
    beta2: {values: [0.99, 0.999], when: {optimizer: [adam, adamw]}}   one of several,
    dropout: {min: 0.0, max: 0.5, when: {layers: {min: 3}}}            or a range, its ends included

Of several keys all must hold, and a parameter whose parent is not there is not there either. Also
on a nested parameter, for all in it. `read_when` reads one such section once all parameters are
known, `in_order` puts parents before children and refuses circles; what a space does with it is in
`sweeps.space`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from sweeps.distributions import (
    Categorical,
    Constant,
    Continuous,
    Distribution,
    canonical,
    is_number,
)
from sweeps.section import Section, did_you_mean

Path = tuple[str, ...]
"""The keys that lead to a parameter, outermost first."""
Name = TypeVar("Name")
_CLOSE = 1e-9  # 7 steps of 0.1 are 0.7000000000000001, and 0.7 is meant


@dataclass(frozen=True)
class When:
    """The parameter at `parent` is there, and has one of `values`, or a number in [low, high].

    `values` is None where a range counts.
    """

    parent: Path
    values: tuple[Any, ...] | None = None
    low: float = -math.inf
    high: float = math.inf

    def holds(self, value: Any) -> bool:
        """Whether it does where the parent has `value`."""
        number = not isinstance(value, bool) and isinstance(value, (int, float))
        if self.values is None:
            return number and self.low <= value <= self.high
        if canonical(value) in self._keys:
            return True
        return number and any(math.isclose(value, each, rel_tol=_CLOSE) for each in self._numbers)

    @cached_property
    def _keys(self) -> frozenset[Any]:
        return frozenset(canonical(value) for value in self.values or ())

    @cached_property
    def _numbers(self) -> tuple[float, ...]:
        return tuple(value for value in self.values or () if is_number(value))

    def describe(self) -> str:
        """In words: optimizer is 'sgd'."""
        name = ".".join(self.parent)
        if self.values is not None:
            return f"{name} is {' or '.join(repr(value) for value in self.values)}"
        ends = [] if math.isinf(self.low) else [f"at least {self.low:g}"]
        ends += [] if math.isinf(self.high) else [f"at most {self.high:g}"]
        return f"{name} is {' and '.join(ends)}"


def read_when(section: Section, known: Mapping[str, tuple[Path, Distribution]]) -> list[When]:
    """The conditions of one `when:`. Raises SpecError.

    Args:
        section: dotted names of parameters, and what they are to be.
        known: all parameters of the file, by dotted name.
    """
    if not section.data:
        raise section.error("is empty.", hint="Name a parameter, as in {optimizer: sgd}.")
    found = []
    for name, wanted in section.data.items():
        if name not in known:
            hint = did_you_mean(name, known, "There are")
            raise section.error(f"there is no parameter {name!r}.", name, hint=hint)
        path, distribution = known[name]
        if isinstance(wanted, Mapping) and wanted.keys() <= {"min", "max"}:
            found.append(_read_range(section.section(name), path, distribution))
        else:
            found.append(_read_values(section, name, path, distribution))
    return found


def _read_range(section: Section, path: Path, parent: Distribution) -> When:
    if not section.data:
        raise section.error("is empty.", hint="Give `min`, `max` or both.")
    low = section.number("min") if "min" in section else -math.inf
    high = section.number("max") if "max" in section else math.inf
    if low > high:
        raise section.error(f"min {low!r} must be at most max {high!r}.", "min")
    when = When(path, None, low - _CLOSE * _size(low), high + _CLOSE * _size(high))
    if not _possible(when, parent):
        raise section.error(f"never so: {'.'.join(path)} must be {parent.describe()}.")
    return when


def _read_values(section: Section, name: str, path: Path, parent: Distribution) -> When:
    wanted = section.data[name]
    several = isinstance(wanted, list)
    values = wanted if several else [wanted]
    if not values:
        raise section.error("is empty.", name, hint="List at least one value.")
    for i, value in enumerate(values):
        if not parent.contains(value):
            at = (name, i) if several else (name,)
            raise section.error(f"never so: {name} must be {parent.describe()}.", *at)
    if isinstance(parent, Continuous) and parent.q is None:
        raise section.error(
            f"{name} is a real number, which is hardly ever exactly that.",
            name,
            hint="Give a range: {min: …, max: …}.",
        )
    return When(path, tuple(values))


def _possible(when: When, parent: Distribution) -> bool:
    """Whether the parent has a number in the range."""
    if isinstance(parent, Constant):
        return when.holds(parent.value)
    if isinstance(parent, Categorical):
        return any(when.holds(value) for value in parent.values)
    low, high = parent.support if isinstance(parent, Continuous) else _whole_ends(parent)
    return when.low <= high and when.high >= low


def _size(end: float) -> float:
    return 0.0 if math.isinf(end) else abs(end)


def _whole_ends(parent: Distribution) -> tuple[float, float]:
    return (getattr(parent, "low", -math.inf), getattr(parent, "high", math.inf))


def in_order(names: Sequence[Name], parents: Callable[[Name], Iterable[Name]]) -> list[Name]:
    """`names` with every parent before its children, and a child as soon as its parents are there;
    as they are where nothing depends on anything.

    Raises ValueError with the names of a circle, its first one again at the end.
    """
    children: dict[Name, list[Name]] = {}
    for name in names:
        for parent in parents(name):
            children.setdefault(parent, []).append(name)
    placed: dict[Name, None] = {}
    above: list[Name] = []

    def place(name: Name) -> None:
        if name in above:
            raise ValueError(*above[above.index(name) :], name)
        above.append(name)
        for parent in parents(name):
            if parent not in placed:
                place(parent)
        above.pop()
        if name in placed:
            return
        placed[name] = None
        for child in children.get(name, ()):
            waits = child not in placed and child not in above
            if waits and all(parent in placed for parent in parents(child)):
                place(child)

    for name in names:
        if name not in placed:
            place(name)
    return list(placed)
