"""Places where the best configuration may be: what the sampled functions are looked at on.

Points from all over the space and around the best known; then, around the minimisers of a first
handful of functions drawn on these (Thompson 1933; Russo et al. 2018, "A Tutorial on Thompson
Sampling", section 4), more of them. A space of few points is taken whole. Neighbours: belief.py
(the functions), region.py and gain.py (what for).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sweeps.analysis.belief import Belief
from sweeps.search.gp.columns import Columns
from sweeps.search.gp.feasibility import Feasibility

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

_MOST = 1000  # places in all
_TRIED = 150  # of them tried ones
_ALL_OVER, _AROUND, _FIRST, _AGAIN = 256, 96, 48, 192
_WIDE, _NARROW = 0.15, (0.08, 0.025)
_SAFE = 0.5  # a place with a smaller chance not to fail is none


@dataclass(frozen=True)
class Candidates:
    """Places, and what is known of them.

    Attributes:
        points: (q, d), each once.
        tried: which of them were tried, (q,).
        spread: which are of the even draw over the space, (q,).
        chance: that a trial there does not fail, (q,).
    """

    points: Array
    tried: Mask
    spread: Mask
    chance: Array

    @property
    def safe(self) -> Mask:
        """Where most trials would not fail; everywhere, if there is no such place."""
        found: Mask = self.chance >= _SAFE
        return found if found.any() else np.ones(len(found), bool)


def candidates(
    belief: Belief,
    columns: Columns,
    tried: Array,
    failures: Feasibility | None,
    rng: np.random.Generator,
) -> Candidates:
    """Those of a space.

    Args:
        belief: what is known.
        columns: of the space.
        tried: distinct points that have a value, (n, d), the best by `belief` first.
        failures: how likely a trial is not to fail; None: none ever did.
        rng: of the draws.
    """
    tried = tried[:_TRIED]
    every = columns.all()
    if every is not None:
        mean, deviation = belief.at(every)
        promising = np.argsort(mean - 2.0 * deviation, kind="stable")
        spread = every[promising[: _MOST - len(tried)]]
        return _put_together(columns, tried, spread, np.empty((0, columns.count)), failures)
    spread = _allowed(columns, columns.draw(_ALL_OVER, rng))
    best = tried[:8]
    near = _allowed(columns, columns.near(best[rng.integers(len(best), size=_AROUND)], _WIDE, rng))
    first = _put_together(columns, tried, spread, near, failures)
    functions = belief.draws(first.points, _FIRST, rng)
    functions[:, ~first.safe] = np.inf
    tops = first.points[np.unique(functions.argmin(axis=1))]
    for width in _NARROW:
        base = tops[rng.integers(len(tops), size=_AGAIN // len(_NARROW))]
        near = np.vstack([near, _allowed(columns, columns.near(base, width, rng))])
    return _put_together(columns, tried, spread, near, failures)


def _allowed(columns: Columns, points: Array) -> Array:
    found: Array = points[columns.allowed(points)]
    return found


def _put_together(
    columns: Columns, tried: Array, spread: Array, near: Array, failures: Feasibility | None
) -> Candidates:
    points = np.vstack([tried, spread, near])
    keys = columns.keys(points)
    place: dict[bytes, int] = {}
    for n, key in enumerate(keys):
        place.setdefault(key, n)
    kept = np.array(sorted(place.values()))
    even = {keys[n] for n in range(len(tried), len(tried) + len(spread))}
    points = points[kept]
    chance = np.ones(len(points)) if failures is None else np.exp(failures.value(points))
    return Candidates(
        points, kept < len(tried), np.array([keys[n] in even for n in kept], bool), chance
    )
