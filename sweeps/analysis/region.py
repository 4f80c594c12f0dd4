"""Where the best configuration probably is: where the minimisers of sampled functions are.

Of each parameter the range that holds the middle 80 % of them (and 50 %), or the choices that they
have; of a conditional one, of those minimisers that have it. A parameter that does not matter has
them everywhere, and keeps its range. `fragment` writes it as the `parameters:` of a sweep file.
Neighbours: candidates.py (places), advice.py.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sweeps.distributions import (
    Categorical,
    Continuous,
    Distribution,
    IntUniform,
    LogNormal,
    LogUniform,
    Uniform,
    canonical,
)
from sweeps.errors import SpecError
from sweeps.search.axes import Choice, Coordinate
from sweeps.search.gp.columns import Columns
from sweeps.spec import SweepSpec, check_values, spec_from_mapping

Array = NDArray[np.float64]

_OUTER, _INNER = (0.1, 0.9), (0.25, 0.75)
_MOST_WIDTH = 0.75  # of the range; wider is no narrowing
_SHARE = 0.05  # a conditional parameter that fewer have is left out
_MOST_SHARE = 0.9  # that choices must have together
_EDGE = 0.02  # of the range; nearer to an end is at it
_NEAR = 0.05  # of the range; good trials that are nearer speak for the end
_AT_EDGE = 0.25  # of the minimisers there, and more than chance


@dataclass(frozen=True)
class Part:
    """One parameter of the region.

    Attributes:
        name: dotted.
        narrowed: whether the region is smaller than the parameter's range; else the others are
            what is seen, and say little.
        low, high: hold 80 % of the minimisers, and the configuration believed best; None: choices.
        inner_low, inner_high: hold 50 %.
        values: choices, the most frequent first, with their share; () for numbers.
        there: the share of the minimisers that have the parameter at all.
        at: "min" or "max": the region lies at that end of the range.
    """

    name: str
    narrowed: bool
    low: int | float | None = None
    high: int | float | None = None
    inner_low: int | float | None = None
    inner_high: int | float | None = None
    values: tuple[tuple[Any, float], ...] = ()
    there: float = 1.0
    at: str | None = None


def region(
    columns: Columns,
    minimisers: Array,
    best: Array,
    distributions: Mapping[str, Distribution],
    good: Array,
) -> list[Part]:
    """The parts, in the columns' order.

    Args:
        columns: of the space.
        minimisers: of sampled functions, (s, d).
        best: the point believed best, (d,).
        distributions: of all parameters, by dotted name.
        good: the best points that were tried, (g, d): no end of a range is in the way where none
            of them is near.
    """
    points, counts = np.unique(minimisers, axis=0, return_counts=True)
    decoded = [columns.decode(point) for point in points]
    own = columns.decode(best)
    return [
        _part(
            columns,
            n,
            points[:, n],
            counts,
            decoded,
            own,
            distributions[name],
            _having(columns, good, n),
        )
        for n, name in enumerate(columns.names)
    ]


def _part(
    columns: Columns,
    n: int,
    places: Array,
    counts: NDArray[np.intp],
    decoded: Sequence[Mapping[str, Coordinate]],
    own: Mapping[str, Coordinate],
    distribution: Distribution,
    good: Array,
) -> Part:
    name = columns.names[n]
    axis = columns.axes.by_name[name]
    has = np.array([name in each for each in decoded], bool)
    there = float(counts[has].sum() / counts.sum())
    if not has.any():
        return Part(name, narrowed=False, there=0.0)
    coordinates = [each[name] for each in decoded if name in each]
    places, counts = places[has], counts[has]
    if isinstance(axis, Choice):
        shares = np.zeros(axis.size)
        np.add.at(shares, np.array(coordinates, int), counts / counts.sum())
        at_all = _ordered(axis, shares) if not columns.categorical[n] else _most(shares)
        at_all |= {int(own[name])} if name in own else set()
        kept = sorted(at_all, key=lambda each: (-shares[each], each))
        values = tuple((axis.decode(each), float(shares[each])) for each in kept)
        return Part(name, len(kept) < _MOST_WIDTH * axis.size, values=values, there=there)
    order = np.argsort(places, kind="stable")
    ladder = np.cumsum(counts[order]) / counts.sum()

    def at(share: float) -> int:
        return int(order[min(int(np.searchsorted(ladder, share - 1e-9)), len(order) - 1)])

    first, last = at(_OUTER[0]), at(_OUTER[1])
    low, high = axis.decode(coordinates[first]), axis.decode(coordinates[last])
    if name in own:
        mine = axis.decode(own[name])
        low, high = min(low, mine), max(high, mine)
    narrowed = bool(places[last] - places[first] < _MOST_WIDTH)
    inner = [axis.decode(coordinates[at(share)]) for share in _INNER]
    end = None
    if isinstance(distribution, (Uniform, LogUniform, IntUniform)):
        end = _end(columns, n, places, counts, good)
    return Part(name, narrowed, low, high, inner[0], inner[1], there=there, at=end)


def _most(shares: Array) -> set[int]:
    """The fewest choices that have nine in ten."""
    order = np.argsort(-shares, kind="stable")
    count = int(np.searchsorted(np.cumsum(shares[order]), _MOST_SHARE - 1e-9)) + 1
    return {int(each) for each in order[:count]}


def _ordered(axis: Choice, shares: Array) -> set[int]:
    """Of numbers to choose from, all between those that hold the middle 80 %."""
    order = np.array(sorted(range(axis.size), key=lambda each: float(axis.values[each])))
    ladder = np.cumsum(shares[order])
    first, last = (int(np.searchsorted(ladder, share - 1e-9)) for share in _OUTER)
    return {int(each) for each in order[first : last + 1]}


def _having(columns: Columns, points: Array, n: int) -> Array:
    """A column of the points that have its parameter."""
    name = columns.names[n]
    return np.array([point[n] for point in points if name in columns.decode(point)])


def _end(
    columns: Columns, n: int, places: Array, counts: NDArray[np.intp], good: Array
) -> str | None:
    """At which end of its range it gathers, and good trials are."""
    axis = columns.axes.by_name[columns.names[n]]
    cell = 1.0 / axis.size if axis.size else 0.0
    expected = max(cell, _EDGE)
    needed = max(_AT_EDGE, min(0.9, 2.5 * expected))
    total = counts.sum()
    for end, near, tried in (("min", places, good), ("max", 1.0 - places, 1.0 - good)):
        if not (tried <= max(cell * 0.75, _NEAR)).any():
            continue
        if counts[near <= max(cell * 0.75, _EDGE)].sum() >= needed * total:
            return end
    return None


# -- as a sweep file --------------------------------------------------------------------------


def fragment(spec: SweepSpec, parts: Sequence[Part]) -> dict[str, Any] | None:
    """The `parameters` of a sweep file with this region, in the user's own form; None where no
    part is narrower than it was."""
    if not any(part.narrowed or part.there < _SHARE for part in parts):
        return None
    parents = {".".join(when.parent) for p in spec.parameters.parameters for when in p.when}
    compared = {name for each in spec.parameters.constraints for name in each.names}
    # A `when` or a constraint may name a choice that is left out.
    for kept in (frozenset[str](), parents, parents | compared):
        found = _narrowed(spec, parts, kept)
        try:
            if found:
                check_values(spec_from_mapping({**spec.source, "parameters": found, "enqueue": []}))
                return found
        except SpecError:
            continue
    return None


def _narrowed(
    spec: SweepSpec, parts: Sequence[Part], kept: frozenset[str] | set[str]
) -> dict[str, Any]:
    found = copy.deepcopy(dict(spec.source["parameters"]))
    by_name = {part.name: part for part in parts}
    for parameter in spec.parameters.parameters:
        part = by_name.get(parameter.name)
        if part is None or parameter.name in kept:
            continue
        level = found
        for key in parameter.path[:-1]:
            level = level[key]["parameters"]
        if part.there < _SHARE:
            if not kept:
                del level[parameter.path[-1]]
        elif part.narrowed:
            leaf = level[parameter.path[-1]]
            level[parameter.path[-1]] = {
                **_written(parameter.distribution, part),
                **({"when": leaf["when"]} if "when" in leaf else {}),
            }
    left = {
        part.name: frozenset(canonical(value) for value, _ in part.values)
        for part in parts
        if part.narrowed and part.values and part.name not in kept
    }
    return _pruned(found, left)


def _pruned(level: dict[str, Any], left: Mapping[str, frozenset[Any]]) -> dict[str, Any]:
    """Without groups that are empty, and without conditions on choices that are left out: what
    can never be there is left out, too.

    Args:
        level: of the file.
        left: of narrowed choices, by dotted name, the canonical values that are left.
    """
    found = {}
    for key, value in level.items():
        if not isinstance(value, dict):
            found[key] = value
            continue
        entry = dict(value)
        if "parameters" in entry:
            entry["parameters"] = _pruned(entry["parameters"], left)
            if not entry["parameters"]:
                continue
        if "when" in entry:
            entry["when"] = {
                name: [each for each in wanted if canonical(each) in left[name]]
                if name in left and isinstance(wanted, list)
                else wanted
                for name, wanted in entry["when"].items()
            }
            if any(wanted == [] for wanted in entry["when"].values()):
                continue
        found[key] = entry
    return found


def _written(distribution: Distribution, part: Part) -> dict[str, Any]:
    if isinstance(distribution, Categorical):
        kept = {canonical(value) for value, _ in part.values}
        return {"values": [value for value in distribution.values if canonical(value) in kept]}
    low, high = part.low, part.high
    if low is None or high is None:
        raise TypeError(f"{part.name} has no ends")
    if isinstance(distribution, IntUniform):
        return {"min": low, "max": high} if low < high else {"value": low}
    if not isinstance(distribution, Continuous):
        raise TypeError(f"{distribution!r} has no ends")
    log = isinstance(distribution, (LogUniform, LogNormal))
    if low == high:
        return {"value": low}
    if distribution.q is not None:
        name = "q_log_uniform_values" if log else "q_uniform"
        return {"distribution": name, "min": low, "max": high, "q": distribution.q}
    low, high = rounded(float(low), float(high), log=log)
    first, last = distribution.support
    ends = {"min": float(max(low, first)), "max": float(min(high, last))}
    return {"distribution": "log_uniform_values" if log else "uniform", **ends}


def rounded(low: float, high: float, *, log: bool = False) -> tuple[float, float]:
    """Outwards, to two digits: of each where `log`, else of the width."""
    width = high - low
    found = []
    for end, way in ((low, math.floor), (high, math.ceil)):
        size = abs(end) if log else width
        if not 0 < size < math.inf:
            return low, high
        digits = 1 - math.floor(math.log10(size))
        if not -300 < digits < 300:
            return low, high
        scaled = end * 10.0**digits
        found.append(round(way(round(scaled, 6)) / 10.0**digits, max(digits, 0)))
    return (
        (found[0], found[1]) if found[0] < found[1] and (not log or found[0] > 0) else (low, high)
    )
