"""`when:`: a parameter that is there only where others have certain values.

    momentum: {min: 0.5, max: 0.99, when: {optimizer: sgd}}            a value,
    beta2: {values: [0.99, 0.999], when: {optimizer: [adam, adamw]}}   one of several,
    dropout: {min: 0.0, max: 0.5, when: {layers: {min: 3}}}            or a range, its ends included

Of several keys all must hold, and a parameter whose parent is not there is not there either. Also
on a nested parameter, for all in it. `read_when` reads one such section once all parameters are
known, `in_order` puts parents before children and refuses circles, `refuse_impossible` what can
never be there; what a space does with it is in `sweeps.space`.
"""

from __future__ import annotations

import itertools
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
    IntUniform,
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
        if isinstance(wanted, Mapping) and not distribution.contains(wanted):
            found.append(_read_range(section.section(name), path, distribution))
        else:
            found.append(_read_values(section, name, path, distribution))
    return found


def _read_range(section: Section, path: Path, parent: Distribution) -> When:
    if not section.data:
        raise section.error("is empty.", hint="Give `min`, `max` or both.")
    section.only(("min", "max"), "a range in `when`")
    low = section.number("min") if "min" in section else -math.inf
    high = section.number("max") if "max" in section else math.inf
    if low > high:
        raise section.error(f"min {low!r} must be at most max {high!r}.", "min")
    when = When(path, None, low - _CLOSE * _size(low), high + _CLOSE * _size(high))
    if not possible([when], parent):
        raise section.error(f"never so: {'.'.join(path)} must be {parent.describe()}.")
    return when


def _read_values(section: Section, name: str, path: Path, parent: Distribution) -> When:
    wanted = section.data[name]
    several = isinstance(wanted, list) and not parent.contains(wanted)
    values = wanted if several else [wanted]
    if not values:
        raise section.error("is empty.", name, hint="List at least one value.")
    for i, value in enumerate(values):
        if not parent.contains(value):
            at = (name, i) if several else (name,)
            hint = None
            if not isinstance(parent, (Categorical, Constant)) and not is_number(value):
                hint = "A range is written {min: …, max: …}."
            raise section.error(f"never so: {name} must be {parent.describe()}.", *at, hint=hint)
    if isinstance(parent, Continuous) and parent.q is None:
        raise section.error(
            f"{name} is a real number, which is hardly ever exactly that.",
            name,
            hint="Give a range: {min: …, max: …}.",
        )
    return When(path, tuple(values))


def possible(whens: Sequence[When], parent: Distribution) -> bool:
    """Whether the parent that all of these name has a value with which all of them hold. (A real
    number is never exactly what it is to be.)"""
    if isinstance(parent, Constant):
        return all(when.holds(parent.value) for when in whens)
    listed = next((when.values for when in whens if when.values is not None), None)
    if isinstance(parent, Categorical):
        listed = parent.values
    if listed is not None:
        return any(all(when.holds(value) for when in whens) for value in listed)
    low, high = (max(when.low for when in whens), min(when.high for when in whens))
    if isinstance(parent, IntUniform):
        return math.ceil(max(low, parent.low)) <= math.floor(min(high, parent.high))
    if not isinstance(parent, Continuous):
        return low <= high
    ends = parent.support
    if parent.q is None:
        low, high = max(low, ends[0]), min(high, ends[1])
        return high - low > 4 * _CLOSE * max(_size(low), _size(high))
    first, last = (end if math.isinf(end) else parent.quantise(end) for end in ends)
    low, high = max(low, first), min(high, last)
    if math.isinf(low) or math.isinf(high):
        return low <= high
    return low <= math.floor(high / parent.q * (1 + _CLOSE)) * parent.q * (1 + _CLOSE)


def refuse_impossible(
    sections: Mapping[Path, Sequence[tuple[Section, When]]],
    parents: Mapping[Path, Distribution],
) -> None:
    """Raises SpecError where conditions, each of which may hold, never hold together.

    A parameter needs all its own conditions, and those of the parameters that these name. So what
    it needs of any one parameter is a single list, and each list can be looked at by itself.

    Args:
        sections: of each parameter, its conditions and where they stand; without circles.
        parents: what each parameter is drawn from.
    """
    needs: dict[Path, list[tuple[Path, When]]] = {}
    above = {path: [when.parent for _, when in found] for path, found in sections.items()}
    for path in in_order(list(sections), above.__getitem__):
        own = [(path, when) for _, when in sections[path]]
        inherited = [each for parent in dict.fromkeys(above[path]) for each in needs[parent]]
        # Two parents may have what they need in common; values may be lists, which have no hash.
        needs[path] = list({id(when): (who, when) for who, when in own + inherited}.values())
        by_parent: dict[Path, list[tuple[Path, When]]] = {}
        for who, when in needs[path]:
            by_parent.setdefault(when.parent, []).append((who, when))
        for parent, together in by_parent.items():
            if possible([when for _, when in together], parents[parent]):
                continue
            odd = [
                f"`{when.describe()}`" + ("" if who == path else f" (for {'.'.join(who)})")
                for who, when in _at_odds(together, parents[parent])
            ]
            raise sections[path][-1][0].error(
                f"{'.'.join(path)} is never there: {' and '.join(odd)} cannot hold at once.",
                hint="Loosen one of them, or remove the parameter.",
            )


def _at_odds(
    together: Sequence[tuple[Path, When]], parent: Distribution
) -> Sequence[tuple[Path, When]]:
    """Two of them that never hold together; all, where it takes more than two."""
    pairs = itertools.combinations(together, 2)
    return next((two for two in pairs if not possible([w for _, w in two], parent)), together)


def _size(end: float) -> float:
    return 0.0 if math.isinf(end) else abs(end)


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
