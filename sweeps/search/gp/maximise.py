"""The most promising point of a mixed space that was not tried before.

Candidates from all over the space (quasi-random) and from around the best known; from the most
promising of them, not too close to one another, uphill: first along the numbers by gradient, with
steps and whole numbers relaxed (ascent.py), then rounded and from neighbour to neighbour along
what is discrete, then along the real numbers once more. Everything met on the way is a candidate
for the end, since the top itself may have been tried, or break a constraint.

This is how Balandat et al. 2020 ("BoTorch", section 4 and appendix F.1: raw samples, then L-BFGS
from several) and Hutter et al. 2011 ("Sequential Model-Based Optimization for General Algorithm
Configuration", section 4.3: multi-start local search over neighbours) do it, in one. Neighbours:
acquisition.py says how promising; columns.py walks.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sweeps.search.gp.acquisition import Term
from sweeps.search.gp.ascent import climb
from sweeps.search.gp.columns import Columns
from sweeps.search.gp.order import evened, rising

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Effort:
    """How hard to look.

    Attributes:
        draws: candidates from all over the space.
        around: candidates around the best known, for each of `spreads`.
        spreads: deviations of their steps.
        starts: of the ascent.
        calls: of the acquisition by the ascent.
        walks: steps from neighbour to neighbour.
    """

    draws: int = 1024
    around: int = 128
    spreads: tuple[float, ...] = (0.2, 0.06, 0.02)
    starts: int = 8
    calls: int = 30
    walks: int = 6


_APART = 0.05  # of starts, in some column
_LEFT = 200  # candidates that are looked through for one that is new
_HIGHER = 1e-7  # what is worth a step
_HALVES = 6  # of the way back to where the constraints were kept


def maximise(
    term: Term,
    columns: Columns,
    rng: np.random.Generator,
    *,
    best: Array,
    lengths: Array,
    tried: Set[bytes],
    effort: Effort,
) -> Array | None:
    """A point (d,) where `term` is large; None when all that was met has been tried.

    Args:
        term: the acquisition.
        columns: of the space.
        rng: of the candidates.
        best: the best known points, (k, d), k > 0.
        lengths: length scales, (d,).
        tried: keys of points that are not wanted.
        effort: how hard to look.
    """
    every = columns.all()
    if every is not None:
        return _first_new(columns, every, term.value(every), tried)
    met = _candidates(columns, rng, best, effort)
    worth = term.value(met)
    order = rising(-worth)
    starts = met[_apart(met, order, effort.starts)]
    numbers = np.where(columns.categorical, 0.0, np.minimum(lengths, 1.0))
    lines = np.where(columns.discrete, 0.0, numbers)
    found = [(met[order[:_LEFT]], worth[order[:_LEFT]])]
    tops = _climbed(term, columns, starts, numbers, effort.calls)
    if columns.discrete.any():
        tops = np.vstack([tops, starts])
        heights = term.value(tops)
        found.append((tops, heights))
        tops, heights = _walk(term, columns, tops, heights, effort.walks, found)
        if lines.any():
            few = rising(-heights)[: max(2, effort.starts // 2)]
            tops = _climbed(term, columns, tops[few], lines, effort.calls)
    found.append((tops, term.value(tops)))
    heights = np.concatenate([heights for _, heights in found])
    return _first_new(columns, np.vstack([points for points, _ in found]), heights, tried)


def _candidates(columns: Columns, rng: np.random.Generator, best: Array, effort: Effort) -> Array:
    """From all over the space and around the best; those that keep the constraints, if any do."""
    found = [columns.draw(effort.draws, rng)]
    for spread in effort.spreads:
        base = best[rng.integers(len(best), size=effort.around)]
        found.append(columns.near(base, spread, rng))
    points = np.vstack(found)
    allowed = columns.allowed(points)
    return points[allowed] if allowed.any() else points


def _climbed(term: Term, columns: Columns, starts: Array, scale: Array, calls: int) -> Array:
    """Where the ascent ends, rounded; where that breaks a constraint, as far as one may go."""
    tops, _ = climb(term.value_and_gradient, starts, scale, calls)
    found = columns.canonical(tops)
    for _ in range(_HALVES):
        broken = ~columns.allowed(found)
        if not broken.any():
            break
        tops[broken] = 0.5 * (tops[broken] + starts[broken])
        found[broken] = columns.canonical(tops[broken])
    return found


def _apart(points: Array, order: NDArray[np.intp], count: int) -> list[int]:
    """The first of `order` that differ from one another; fewer if there are no more."""
    chosen: list[int] = []
    left = order[: 50 * count]
    while len(left) and len(chosen) < count:
        chosen.append(int(left[0]))
        left = left[np.abs(points[left] - points[left[0]]).max(axis=1) > _APART]
    return chosen


def _walk(
    term: Term,
    columns: Columns,
    points: Array,
    heights: Array,
    steps: int,
    found: list[tuple[Array, Array]],
) -> tuple[Array, Array]:
    """From each point to its best neighbour, as long as that is better."""
    points, heights = points.copy(), heights.copy()
    walking = list(range(len(points)))
    for _ in range(steps):
        around = [columns.neighbours(points[n]) for n in walking]
        sizes = [len(some) for some in around]
        if not sum(sizes):
            break
        met = np.vstack(around)
        worth = np.where(columns.allowed(met), term.value(met), -np.inf)
        found.append((met, worth))
        still = []
        for n, end, size in zip(walking, np.cumsum(sizes), sizes, strict=True):
            if not size:
                continue
            place = end - size + int(np.argmax(evened(worth[end - size : end])))
            if worth[place] > heights[n] + _HIGHER:
                points[n], heights[n] = met[place], worth[place]
                still.append(n)
        walking = still
        if not walking:
            break
    return points, heights


def _first_new(columns: Columns, points: Array, heights: Array, tried: Set[bytes]) -> Array | None:
    """The highest point that was not tried and keeps the constraints."""
    order = rising(-heights)
    for place in order:
        if columns.keys(points[place : place + 1])[0] in tried:
            continue
        if columns.allowed(points[place : place + 1])[0]:
            found: Array = points[place]
            return found
    return None
