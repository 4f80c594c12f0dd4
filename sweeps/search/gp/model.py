"""Proposes points by a Gaussian process: what `method: bayes` asks unless the file says otherwise.

The first points are of a scrambled Sobol sequence. From then on: values made fit (outputs.py),
hyperparameters fitted (process.py), running trials as fantasies, and the point of the largest
expected improvement (acquisition.py, maximise.py). Suggestions go in turn by four views of the same
data. Values are only standardised, or warped: the one sees how deep a valley is, the other is not
blinded by a cliff. And length scales are believed to be near, or far: the one sees bends, the other
trends. None is best everywhere, and what one of them finds all the others see.

What is to be improved on is the lowest mean of the process at a point that was tried, not the
lowest value: under noise that is only the luckiest. Failed trials have no value, but say where not
to go (feasibility.py). What was stopped counts as no better than the worst that was not.

With several objectives it is the front that is to be improved on, or a mixture of them that is
drawn anew each time (hypervolume.py). With limits only what keeps them counts as best, and while
nothing does, keeping them is all that is looked for (limits.py). Prior runs count as far as they
agree with the sweep's own trials (transfer.py).

Stateless: what is proposed depends on the observations and the random numbers alone. What is kept
between calls is a cache, of fits to the very same data. Neighbours: bayes.py keeps the books.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import qmc

from sweeps.search.axes import Axes, Coordinate
from sweeps.search.gp.acquisition import Improvement, Product, Term
from sweeps.search.gp.columns import Columns
from sweeps.search.gp.design import Design
from sweeps.search.gp.feasibility import Feasibility
from sweeps.search.gp.hypervolume import FrontImprovement, reference, scalarised, undominated
from sweeps.search.gp.known import Known, known_of
from sweeps.search.gp.limits import Limits, kept
from sweeps.search.gp.local import nearest
from sweeps.search.gp.maximise import Effort, maximise
from sweeps.search.gp.order import rising
from sweeps.search.gp.outputs import standardised, warped
from sweeps.search.gp.process import FAR, NEAR, Hyperparameters, Process, Scales, fit
from sweeps.search.gp.spending import Spending, cooled
from sweeps.search.gp.transfer import Own, aligned, chosen
from sweeps.search.observation import Observation

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Settings:
    """How the model works; there is no need to change it.

    Attributes:
        first: points before the process is asked, in however many columns: what it proposes
            knowing five values is better than what is drawn.
        most_fitted: values that hyperparameters are fitted to.
        most_known: values that the posterior knows, running trials among them.
        fantasies: of running trials.
        effort: of the search for the best point.
    """

    first: int = 5
    most_fitted: int = 150
    most_known: int = 300
    fantasies: int = 8
    effort: Effort = field(default_factory=Effort)


@dataclass(frozen=True)
class _View:
    """How values are made fit, and what is believed of length scales."""

    name: str
    outputs: Callable[[Array], Array]
    scales: Scales


_VIEWS = (
    _View("plain near", standardised, NEAR),
    _View("warped near", warped, NEAR),
    _View("plain far", standardised, FAR),
    _View("warped far", warped, FAR),
)

_VALUES = 3  # before the process is asked
_BEST = 6  # points around which candidates are drawn
_SHARE_OF_FRONT = 0.5  # of the trials of a sweep with several objectives
_MOST_ON_FRONT = 24  # points of a front around which candidates are drawn


@dataclass(frozen=True)
class _Gain:
    """Attributes:
    term: what a trial is expected to improve.
    best: points around which there may be better ones, (k, d).
    lengths: scales of the columns, (d,).
    """

    term: Term
    best: Array
    lengths: Array


class GpModel:
    """The model over a space.

    Args:
        axes: of the space, one at least.
        seed: of the first points.
        settings: how it works.
        per_second: the gain for each second is what counts.
        most: trials that there will be; None: there is no end.
    """

    def __init__(
        self,
        axes: Axes,
        seed: int,
        settings: Settings | None = None,
        *,
        per_second: bool = False,
        most: int | None = None,
    ) -> None:
        self._per_second, self._most = per_second, most
        self._columns = Columns(axes)
        self._settings = settings or Settings()
        self._design = Design(self._columns, seed)
        self._fits: dict[str, tuple[bytes, Hyperparameters]] = {}

    def propose(
        self, seen: Sequence[Observation], *, rng: np.random.Generator
    ) -> dict[str, Coordinate] | None:
        """A promising point that no observation has; None where none was found."""
        points = self._columns.encode_all([one.point for one in seen])
        tried = set(self._columns.keys(points))
        if self._columns.size is not None and len(tried) >= self._columns.size:
            tried = set()
        known = self._with_prior(known_of(seen, points))
        if known.count < self._settings.first or len(known.costs) < _VALUES:
            found = self._design.point(known.count, tried, rng)
        else:
            found = self._promising(known, tried, rng)
        return None if found is None else self._columns.decode(found)

    def _promising(self, known: Known, tried: set[bytes], rng: np.random.Generator) -> Array | None:
        view = _VIEWS[known.count % len(_VIEWS)]
        categorical = self._columns.categorical
        most = max(self._settings.most_known - len(known.pending), self._settings.most_fitted)
        known = known.only(nearest(known.points, known.badness, categorical, most))
        known = _in_one(known, rng)
        terms: list[Term] = []
        good = np.ones(len(known.costs), bool)
        chance = np.empty(0)
        if known.failed.any():
            feasibility = Feasibility(known.ended, known.failed, categorical)
            chance = feasibility.innocence(known.dead)
            terms.append(feasibility)
        if np.isfinite(known.excess).any():
            limits = Limits(known.points, known.excess, categorical, known.pending)
            good = kept(known.excess)
            terms.append(limits)
        if self._per_second and np.isfinite(known.seconds).sum() >= _VALUES:
            timed = np.isfinite(known.seconds)
            power = cooled(len(known.ended), self._most)
            terms.append(
                Spending(known.points[timed], known.seconds[timed], categorical, power=power)
            )
        if good.any():
            normal = self._normal(len(known.pending), rng)
            gain = self._gain(view, known, good, chance, normal)
            terms.insert(0, gain.term)
            best, lengths = gain.best, gain.lengths
        else:
            best = known.points[rising(-limits.value(known.points))[:_BEST]]
            lengths = np.ones(self._columns.count)
        return maximise(
            terms[0] if len(terms) == 1 else Product(terms),
            self._columns,
            rng,
            best=best,
            lengths=lengths,
            tried=tried,
            effort=self._settings.effort,
        )

    def _gain(self, view: _View, known: Known, good: Mask, chance: Array, normal: Array) -> _Gain:
        """What a trial is expected to improve: the best, or the front.

        Args:
            good: what may count as best.
            chance: that what failed could have succeeded.
            normal: random numbers for fantasies.
        """
        points = known.placed(known.points, prior=~known.own)
        dead, pending = known.placed(known.dead), known.placed(known.pending)
        home = known.placed(known.points)[good]
        objectives = [known.costs, *known.others.T]
        objectives = [costs for costs in objectives if np.isfinite(costs).sum() >= _VALUES]
        processes, means, weights = [], [], []
        for n, costs in enumerate(objectives):
            rows = np.isfinite(costs)
            values = view.outputs(costs[rows])
            process = self._process(f"{view.name} {n}", points[rows], values, view.scales)
            mean = process.posterior(home)[0]
            weights.append(process.hyperparameters.weights[: self._columns.count])
            process, values = _disappointed(process, values, dead, chance, float(mean.min()))
            if len(objectives) > 1 and len(pending):
                process, expected = _believed(process, values, pending)
                mean = np.r_[mean, expected]
            processes.append(process)
            means.append(mean)
        lengths = 1.0 / np.sqrt(np.mean(weights, axis=0))
        if len(objectives) > 1:
            values = np.stack(means, axis=1)
            on_front = undominated(values)
            front = values[on_front]
            term: Term = FrontImprovement(processes, front, reference(front, values))
            order = np.flatnonzero(on_front[: len(home)])[:_MOST_ON_FRONT]
            if not len(order):
                order = rising(means[0][: len(home)])[:_BEST]
        else:
            order = rising(means[0])[:_BEST]
            lowest = float(means[0][order[0]])
            term = _improvement(processes[0], values, lowest, pending, normal)
        return _Gain(Own(term) if known.mixed else term, known.points[good][order], lengths)

    def _with_prior(self, known: Known) -> Known:
        """Prior runs on the scale of the sweep's own, each objective by itself; without those that
        are of no use."""
        prior, own = np.flatnonzero(~known.own), np.flatnonzero(known.own)
        if len(prior) < _VALUES:
            return known
        costs = np.c_[known.costs, known.others]
        few = prior[chosen(known.badness[prior] if known.others.shape[1] else known.costs[prior])]
        for n, column in enumerate(costs.T):
            rows, mine = (each[np.isfinite(column[each])] for each in (few, own))
            moved = None
            if len(rows) >= _VALUES:
                process = self._process(
                    f"prior {n}", known.points[rows], standardised(column[rows])
                )
                moved = aligned(process, column[rows], known.points[mine], column[mine])
            if moved is None and not n:
                return replace(known.only(own), count=known.count - len(prior))
            costs[rows, n] = np.nan if moved is None else moved
        found = replace(known, costs=costs[:, 0], others=costs[:, 1:], mixed=True)
        return found.only(np.r_[few, own])

    def _process(self, kind: str, points: Array, values: Array, scales: Scales = NEAR) -> Process:
        """Fitted, unless the last one of this kind was fitted to the same."""
        categorical = self._columns.categorical
        if points.shape[1] > len(categorical):  # where it is from
            categorical = np.append(categorical, True)
        data = points.tobytes() + values.tobytes()
        before = self._fits.get(kind)
        if before is not None and before[0] == data:
            found = before[1]
        else:
            most = self._settings.most_fitted
            found = fit(points, values, categorical, scales=scales, most=most)
            self._fits[kind] = (data, found)
        process = Process(found, categorical, points)
        process.observe(values)
        return process

    def _normal(self, pending: int, rng: np.random.Generator) -> Array:
        """Quasi-random normal numbers that fantasies are made of, (pending, fantasies)."""
        if not pending:
            return np.empty((0, 1))
        drawn = qmc.Sobol(pending, scramble=True, seed=rng).random(self._settings.fantasies)
        found: Array = ndtri(np.clip(drawn, 1e-4, 1.0 - 1e-4)).T
        return found


def _in_one(known: Known, rng: np.random.Generator) -> Known:
    """Of several objectives, for one trial in two, a mixture (hypervolume.py)."""
    rows = np.flatnonzero(np.isfinite(known.others).all(axis=1))
    if not known.others.shape[1] or len(rows) < _VALUES or rng.random() < _SHARE_OF_FRONT:
        return known
    found = known.only(rows)
    costs = scalarised(np.c_[found.costs, found.others], rng)
    return replace(found, costs=costs, others=found.others[:, :0])


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


def _believed(process: Process, values: Array, pending: Array) -> tuple[Process, Array]:
    """As if the running trials had come out as expected; and what that is."""
    expected = process.posterior(pending)[0]
    found = process.extended(pending)
    found.observe(np.r_[values, expected])
    return found, expected


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
