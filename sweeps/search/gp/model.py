"""Proposes points by a Gaussian process: what `method: bayes` asks unless the file says otherwise.

The first points are of a scrambled Sobol sequence. From then on: values made fit (outputs.py),
hyperparameters fitted (process.py), running trials as fantasies, and the point of the largest
expected improvement (acquisition.py, maximise.py). Suggestions go in turn by values that are only
standardised and by values that are warped: the one sees how deep a valley is, the other is not
blinded by a cliff.

What is to be improved on is the lowest mean of the process at a point that was tried, not the
lowest value: under noise that is only the luckiest. Failed trials have no value, but say where not
to go (feasibility.py). What was stopped counts as no better than the worst that was not.

Stateless: what is proposed depends on the observations and the random numbers alone. What is kept
between calls is a cache, of fits to the very same data. Neighbours: bayes.py keeps the books.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import qmc

from sweeps.search.axes import Axes, Coordinate
from sweeps.search.base import generator
from sweeps.search.gp.acquisition import Improvement, Mean, Product, Term
from sweeps.search.gp.columns import Columns
from sweeps.search.gp.feasibility import Feasibility
from sweeps.search.gp.maximise import Effort, maximise
from sweeps.search.gp.outputs import standardised, warped
from sweeps.search.gp.process import Hyperparameters, Process, fit
from sweeps.search.observation import Observation, Standing

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Settings:
    """How the model works; there is no need to change it.

    Attributes:
        first: points before the process is asked, at least; None: by the number of columns.
        most_fitted: values that hyperparameters are fitted to.
        most_known: values that the posterior knows.
        fantasies: of running trials.
        effort: of the search for the best point.
    """

    kinds: str = "alternate"  # plain, warped, alternate, mean
    first: int | None = None
    centre: bool = False
    most_fitted: int = 150
    most_known: int = 400
    fantasies: int = 8
    effort: Effort = field(default_factory=Effort)
    incumbent: str = "mean"


_VALUES = 3  # before the process is asked
_BEST = 6  # points around which candidates are drawn
_DESIGN = 64  # points of the sequence that the first ones are of
_MOST_DEAD = 100  # failed points that the process is told of
_LIMIT = 1e150  # beyond which values are as good as infinite


@dataclass(frozen=True)
class _Known:
    """What there is to learn from, in columns.

    Attributes:
        points: with a value, (n, d).
        costs: theirs, (n,).
        pending: points without one yet, (p, d).
        ended: points that failed or did not, (m, d).
        failed: which of these did.
        count: of all observations.
    """

    points: Array
    costs: Array
    pending: Array
    ended: Array
    failed: Mask
    count: int

    @property
    def dead(self) -> Array:
        """The newest points that failed, (k, d)."""
        found: Array = self.ended[self.failed][-_MOST_DEAD:]
        return found


class GpModel:
    """The model over a space.

    Args:
        axes: of the space, one at least.
        seed: of the first points.
        settings: how it works.
    """

    def __init__(self, axes: Axes, seed: int, settings: Settings | None = None) -> None:
        self._columns = Columns(axes)
        self._settings = settings or Settings()
        self._seed = seed
        self._design: Array | None = None
        self._fits: dict[str, tuple[bytes, Hyperparameters]] = {}
        few = min(max(self._columns.count + 1, 5), 10)
        self._first = few if self._settings.first is None else self._settings.first

    def propose(
        self, seen: Sequence[Observation], *, rng: np.random.Generator
    ) -> dict[str, Coordinate] | None:
        """A promising point that no observation has; None where none was found."""
        points = self._columns.encode_all([one.point for one in seen])
        tried = set(self._columns.keys(points))
        if self._columns.size is not None and len(tried) >= self._columns.size:
            tried = set()
        known = _known(seen, points)
        if known.count < self._first or len(known.costs) < _VALUES:
            found = self._one_of_the_first(known.count, tried, rng)
        else:
            found = self._promising(known, tried, rng)
        return None if found is None else self._columns.decode(found)

    def _one_of_the_first(
        self, count: int, tried: set[bytes], rng: np.random.Generator
    ) -> Array | None:
        columns = self._columns
        if self._design is None:
            self._design = columns.draw(_DESIGN, generator(self._seed, 0))
            if self._settings.centre:
                self._design[0] = columns.canonical(
                    np.where(columns.categorical, self._design[0], 0.5)[None]
                )[0]
        points = np.vstack([self._design[count : count + 1], columns.draw(_DESIGN, rng)])
        for point, key in zip(points, columns.keys(points), strict=True):
            if key not in tried and columns.allowed(point[None])[0]:
                found: Array = point
                return found
        return None

    def _promising(
        self, known: _Known, tried: set[bytes], rng: np.random.Generator
    ) -> Array | None:
        kinds = {
            "alternate": (("plain", "warped")[known.count % 2],),
            "mean": ("plain", "warped"),
        }.get(self._settings.kinds, (self._settings.kinds,))
        improvements: list[Term] = []
        feasibility = None
        chance = np.empty(0)
        if known.failed.any():
            feasibility = Feasibility(known.ended, known.failed, self._columns.categorical)
            chance = np.exp(feasibility.value(known.dead))
        normal = self._normal(len(known.pending), rng)
        for kind in kinds:
            values = standardised(known.costs) if kind == "plain" else warped(known.costs)
            process = self._process(kind, known.points, values)
            mean = process.posterior(known.points)[0]
            order = np.argsort(mean, kind="stable")
            lowest = (
                float(mean[order[0]]) if self._settings.incumbent == "mean" else float(values.min())
            )
            lengths = 1.0 / np.sqrt(process.hyperparameters.weights)
            process, values = _disappointed(process, values, known.dead, chance, lowest)
            improvements.append(_improvement(process, values, lowest, known.pending, normal))
        terms = [improvements[0] if len(improvements) == 1 else Mean(improvements)]
        if feasibility is not None:
            terms.append(feasibility)
        return maximise(
            terms[0] if len(terms) == 1 else Product(terms),
            self._columns,
            rng,
            best=known.points[order[:_BEST]],
            lengths=lengths,
            tried=tried,
            effort=self._settings.effort,
        )

    def _process(self, kind: str, points: Array, values: Array) -> Process:
        """Fitted, unless the last one of this kind was fitted to the same."""
        data = points.tobytes() + values.tobytes()
        before = self._fits.get(kind)
        if before is not None and before[0] == data:
            found = before[1]
        else:
            found = fit(points, values, self._columns.categorical, most=self._settings.most_fitted)
            self._fits[kind] = (data, found)
        process = Process(found, self._columns.categorical, points)
        process.observe(values)
        return process

    def _normal(self, pending: int, rng: np.random.Generator) -> Array:
        """Quasi-random normal numbers that fantasies are made of, (pending, fantasies)."""
        if not pending:
            return np.empty((0, 1))
        drawn = qmc.Sobol(pending, scramble=True, seed=rng).random(self._settings.fantasies)
        found: Array = ndtri(np.clip(drawn, 1e-4, 1.0 - 1e-4)).T
        return found


def _known(seen: Sequence[Observation], points: Array) -> _Known:
    valued = np.array([one.cost is not None for one in seen], bool)
    waits = np.array([one.standing is Standing.PENDING for one in seen], bool)
    failed = np.array([one.standing is Standing.FAILED for one in seen], bool)
    stopped = np.array([one.standing is Standing.STOPPED and bool(one.curve) for one in seen], bool)
    costs = np.array([np.nan if one.cost is None else one.cost for one in seen], np.float64)
    costs = np.clip(costs, -_LIMIT, _LIMIT)
    whole = valued & ~stopped
    if whole.any():
        costs[stopped] = np.maximum(costs[stopped], costs[whole].max())
    return _Known(
        points[valued],
        costs[valued],
        points[waits & ~valued],
        points[~waits],
        failed[~waits],
        len(seen),
    )


def _disappointed(
    process: Process, values: Array, dead: Array, chance: Array, lowest: float
) -> tuple[Process, Array]:
    """As if each failed trial had come out as expected but no better than the best, if `chance`
    says that it could as well have succeeded, and as the worst where nothing ever does. So there
    is nothing to hope for right beside it, and what failed by bad luck is not blamed on the place.
    """
    if not len(dead):
        return process, values
    expected = np.maximum(process.posterior(dead)[0], lowest)
    assumed = chance * expected + (1.0 - chance) * values.max()
    found, values = process.extended(dead), np.r_[values, assumed]
    found.observe(values)
    return found, values


def _improvement(
    process: Process, values: Array, lowest: float, pending: Array, normal: Array
) -> Improvement:
    """Over fantasies of the pending trials, if there are any."""
    if not len(pending):
        return Improvement(process, np.array([lowest]))
    mean, covariance = process.joint(pending)
    covariance[np.diag_indices(len(pending))] += 1e-8
    fantasies = mean[:, None] + np.linalg.cholesky(covariance) @ normal
    extended = process.extended(pending)
    told = np.repeat(values[:, None], normal.shape[1], axis=1)
    extended.observe(np.vstack([told, fantasies]))
    return Improvement(extended, np.minimum(lowest, fantasies.min(0)))
