"""Proposes points from learning curves, of trials that were stopped early too.

A trial that was stopped after a few epochs has no value that compares with a whole one. But trials
that went on say how far it still would have come: its best cost so far is extrapolated to the end
of the longest curve (stopping/extrapolation.py), and enters the Gaussian process with the variance
of that extrapolation on top of the noise. So each trial, running or ended, is one value with an
uncertainty of its own, an early stop informs and does not mislead, and the process is no larger
than the number of trials. (Swersky, Snoek and Adams 2014, "Freeze-Thaw Bayesian Optimization",
arXiv 1406.3896, section 3: a process over configurations of what curves will come to, and one over
each curve given it. Here the second is a chain of regressions that all trials share, and what it
says is handed on as a normal distribution.)

Costs are extrapolated by rank in the worse half (outputs.half_ranked, as a function that holds for
values that are not in the sample), where most trials are stopped; what comes of them is warped
(outputs.warped) as for whole trials.

As a trial is cheap when a rule stops it early, and only what surpasses the best is worth the whole
way, every other proposal (by lot) asks for more than an improvement: log EI not over the best
value, but over one that is better by a random share of the signal's deviation, exponential with
mean `boldness`. The rest are as greedy as EI is. (A random target is also what makes the
acquisition of ifBO robust: Rakotoarison et al. 2024, "In-Context Freeze-Thaw Bayesian
Optimization", arXiv 2404.16795: "MFPI-random".)

And every other proposal (by another lot) wants the gain per second instead of the gain, as soon as
it is known of a few trials how long an iteration took them (spending.py). Equally good trials often
differ tenfold in that, which shows after a few iterations; a search that only cared for cheap ones
would miss what is dear and good.

Stateless. Neighbours: model.py, for sweeps that run every trial to its end; allocator.py in the
folder above, which gives a share of the trials to random draws.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import qmc

from sweeps.search.axes import Axes, Coordinate
from sweeps.search.gp.acquisition import Improvement, Product, Term
from sweeps.search.gp.columns import Columns
from sweeps.search.gp.design import Design
from sweeps.search.gp.feasibility import Feasibility
from sweeps.search.gp.maximise import Effort, maximise
from sweeps.search.gp.order import rising
from sweeps.search.gp.outputs import warped
from sweeps.search.gp.process import Process, fit
from sweeps.search.gp.rows import Rows
from sweeps.search.gp.spending import Spending
from sweeps.search.observation import Model, Observation, Standing
from sweeps.stopping.extrapolation import outlooks, stages_of

Array = NDArray[np.float64]

_GROWTH = 1.5  # from checkpoint to checkpoint
_FIRST = 2  # the first checkpoint: what is worse than random after one epoch may be a slow start
_LIMIT = 1e150  # beyond which values are as good as infinite
_BEST = 6  # points around which candidates are drawn


@dataclass(frozen=True)
class CurveSettings:
    """How the model works; there is no need to change it.

    Attributes:
        first: points before the process is asked.
        fewest: values that it takes.
        most_fitted: values that hyperparameters are fitted to.
        most_known: values that the posterior knows.
        fantasies: of trials that have no value yet.
        timed: trials whose seconds are known, before a proposal may ask for the gain per second.
        most_timed: of these, the newest, that the seconds of others are told from.
        boldness: mean of the improvement asked for, in deviations of the signal, by every other
            proposal.
        effort: of the search for the best point.
    """

    first: int = 10
    fewest: int = 5
    most_fitted: int = 150
    most_known: int = 250
    fantasies: int = 8
    timed: int = 5
    most_timed: int = 80
    boldness: float = 0.6
    effort: Effort = field(default_factory=lambda: Effort(512, 96, starts=4, calls=20))


@dataclass(frozen=True)
class Ends:
    """What trials come to, on the scale of the process.

    Attributes:
        rows: of which observations, (n,).
        means: (n,), about standard normal.
        variances: (n,).
        best: the best cost that any trial ever had.
    """

    rows: NDArray[np.intp]
    means: Array
    variances: Array
    best: float


def ends_of(seen: Sequence[Observation]) -> Ends:
    """Extrapolates every trial that has come to the first checkpoint. One that finished is at its
    end already, however long the others are, and so is a cost without a curve."""
    lengths = np.array([len(one.curve) for one in seen], np.intp)
    checks = _checks(int(lengths.max(initial=0)))
    whole = np.array(
        [
            one.standing is not Standing.PENDING
            and one.cost is not None
            and (one.standing is Standing.FINISHED or not one.curve)
            for one in seen
        ],
        bool,
    )
    rows: NDArray[np.intp] = np.flatnonzero(whole | (lengths >= checks[0]))
    if not len(rows):
        return Ends(rows, np.empty(0), np.empty(0), 0.0)
    table = _by_checks([seen[n].curve for n in rows], checks)
    places = np.maximum((~np.isnan(table)).sum(1) - 1, 0)
    costs = np.array([_cost(seen[n], end=bool(whole[n])) for n in rows])
    costs = np.clip(costs, -_LIMIT, _LIMIT)
    scale = _Scale(costs)
    table, levels = scale(table), scale(costs)
    stages = stages_of(table)
    means, variances = levels.copy(), np.zeros(len(rows))
    open_ended = ~whole[rows] & (places < len(checks) - 1)
    on = np.flatnonzero(open_ended)
    at = table[on, places[on]]
    before = table[on, np.maximum(places[on] - 1, 0)] - at
    gains, variances[on] = outlooks(stages, places[on], at, before)
    means[on] = at - gains
    values = warped(np.r_[means, levels.min()])
    unit = float(means.std()) or 1.0
    return Ends(rows, values[:-1], variances / unit**2, float(values[-1]))


def _cost(one: Observation, *, end: bool) -> float:
    """Where it stands: at its end, or by what it reported."""
    return one.cost if end and one.cost is not None else min(one.curve)


def _by_checks(curves: Sequence[Sequence[float]], checks: Sequence[int]) -> Array:
    """The lowest cost by each checkpoint, (n, checkpoints); nan beyond a curve's end."""
    table = np.full((len(curves), len(checks)), np.nan)
    for row, curve in zip(table, curves, strict=True):
        lowest, before = math.inf, 0
        for place, check in enumerate(checks):
            if check > len(curve):
                break
            lowest = row[place] = min(lowest, min(curve[before:check]))
            before = check
    found: Array = np.clip(table, -_LIMIT, _LIMIT)
    return found


def _pace(seen: Sequence[Observation]) -> Array:
    """Seconds that an iteration took each trial, times accelerators; nan where unknown, (n,)."""
    return np.array(
        [one.seconds / len(one.curve) if one.seconds and one.curve else np.nan for one in seen]
    )


def _checks(last: int) -> list[int]:
    """The checkpoints up to the end of the longest curve: 2, 3, 5, 8, 12, 18, 27, …, `last`."""
    found = [_FIRST]
    while (following := int(found[-1] * _GROWTH + 0.5)) * (1 + _GROWTH) / 2 <= last:
        found.append(following)
    return found if found[-1] >= last else [*found, last]


class _Scale:
    """Costs by rank in the worse half of `costs` (n,): outputs.half_ranked, for any cost."""

    def __init__(self, costs: Array) -> None:
        self._sorted = np.sort(costs)
        self._middle = float(np.median(costs))
        better = costs[costs <= self._middle] - self._middle
        self._unit = float(np.sqrt(np.mean(better**2))) or 1.0

    def __call__(self, costs: Array) -> Array:
        """In deviations of the better half from the median."""
        ranks = np.searchsorted(self._sorted, costs, side="left")
        quantiles = np.clip((ranks + 0.5) / len(self._sorted), 0.5, 1.0 - 1e-9)
        better = (costs - self._middle) / self._unit
        found: Array = np.where(costs > self._middle, ndtri(quantiles), better)
        return np.where(np.isnan(costs), np.nan, found)


class CurveModel:
    """The model over a space whose trials report curves.

    Args:
        axes: of the space, one at least.
        seed: of the first points.
        whole: the model that is asked as long as no trial has reported twice.
        settings: how it works.
    """

    def __init__(
        self, axes: Axes, seed: int, whole: Model, settings: CurveSettings | None = None
    ) -> None:
        self._whole = whole
        self._columns = Columns(axes)
        self._rows = Rows(self._columns)
        self._settings = settings or CurveSettings()
        self._design = Design(self._columns, seed)

    def propose(
        self, seen: Sequence[Observation], *, rng: np.random.Generator
    ) -> dict[str, Coordinate] | None:
        """A promising point that no observation has; None where none was found."""
        columns, settings = self._columns, self._settings
        if len(seen) > settings.first and max(len(one.curve) for one in seen) < _FIRST:
            return self._whole.propose(seen, rng=rng)
        points, keys = self._rows.of(seen)
        tried = set(keys)
        if columns.size is not None and len(tried) >= columns.size:
            tried = set()
        ends = ends_of(seen)
        if len(seen) < settings.first or len(ends.rows) < settings.fewest:
            found = self._design.point(len(seen), tried, rng)
        else:
            found = self._promising(seen, points, ends, tried, rng)
        return None if found is None else columns.decode(found)

    def _promising(
        self,
        seen: Sequence[Observation],
        points: Array,
        ends: Ends,
        tried: set[bytes],
        rng: np.random.Generator,
    ) -> Array | None:
        settings, columns = self._settings, self._columns
        rows, means, variances = _fewer(ends, settings.most_known)
        at = points[rows]
        found = fit(at, means, columns.categorical, unsure=variances, most=settings.most_fitted)
        process = Process(found, columns.categorical, at, variances)
        process.observe(means)
        order = rising(process.posterior(at)[0])
        bold = rng.random() < 0.5
        asked = bold * rng.exponential(settings.boldness) * np.sqrt(found.variance)
        valued = np.zeros(len(seen), bool)
        valued[ends.rows] = True
        waits = np.array([one.standing is Standing.PENDING for one in seen], bool) & ~valued
        terms: list[Term] = [
            self._improvement(process, means, ends.best, asked, points[waits], rng)
        ]
        thrifty = rng.random() < 0.5
        pace = _pace(seen)
        timed = np.flatnonzero(np.isfinite(pace))[-settings.most_timed :]
        if thrifty and len(timed) >= settings.timed:
            terms.append(Spending(points[timed], pace[timed], columns.categorical))
        failed = np.array([one.standing is Standing.FAILED for one in seen], bool)
        if failed.any():
            ended = np.array([one.standing is not Standing.PENDING for one in seen], bool)
            terms.append(Feasibility(points[ended], failed[ended], columns.categorical))
        return maximise(
            Product(terms),
            columns,
            rng,
            best=at[order[:_BEST]],
            lengths=1.0 / np.sqrt(found.weights),
            tried=tried,
            effort=settings.effort,
        )

    def _improvement(
        self,
        process: Process,
        means: Array,
        best: float,
        asked: float,
        pending: Array,
        rng: np.random.Generator,
    ) -> Improvement:
        """Over the best value less `asked`, and fantasies of trials without a value."""
        if not len(pending):
            return Improvement(process, np.array([best - asked]))
        drawn = qmc.Sobol(len(pending), scramble=True, seed=rng).random(self._settings.fantasies)
        normal = ndtri(np.clip(drawn, 1e-4, 1.0 - 1e-4)).T
        mean, covariance = process.joint(pending)
        covariance[np.diag_indices(len(pending))] += 1e-8
        fantasies = mean[:, None] + np.linalg.cholesky(covariance) @ normal
        extended = process.extended(pending)
        extended.observe(np.vstack([np.repeat(means[:, None], normal.shape[1], 1), fantasies]))
        return Improvement(extended, np.minimum(best, fantasies.min(0)) - asked)


def _fewer(ends: Ends, most: int) -> tuple[NDArray[np.intp], Array, Array]:
    """Rows, means and variances of at most so many: the better half, of the others evenly."""
    if len(ends.rows) <= most:
        return ends.rows, ends.means, ends.variances
    order = np.argsort(ends.means, kind="stable")
    half = most // 2
    others = np.linspace(half, len(order) - 1, most - half).astype(np.intp)
    chosen = np.sort(np.r_[order[:half], order[others]])
    return ends.rows[chosen], ends.means[chosen], ends.variances[chosen]
