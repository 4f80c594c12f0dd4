"""How far learning curves still come: the gains of trials that went on, as a distribution.

What is followed is a trial's best cost so far, at a few checkpoints, in which it can only fall. The
gain between two checkpoints is regressed on where the trial stands and on its gain before, over the
trials that reached both; the stages are then chained to the last checkpoint. A trial that was
stopped takes part up to where it came, and that is sound: whether it went on was decided by what is
seen of it, so the values that are missing are missing at random, and for such a monotone pattern
the likelihood falls into one regression a stage (Anderson 1957, "Maximum Likelihood Estimates for
a Multivariate Normal Distribution when some Observations are Missing", section 2; Little and Rubin
2002, "Statistical Analysis with Missing Data", section 7.4). The regressions are ridge regressions
on standardised columns, so that a stage that few trials passed says little more than its mean.

The sum of the gains to come has a mean m and a variance v, and no negative values: it is taken to
be a gamma distribution of that mean and variance, and the chance of a gain above d is the
regularised upper incomplete gamma function Q(m²/v, d m/v).

Worked out: with m = 1 and v = 1 a gain is exponential, and one above 2 has the chance e^-2, 13.5 %.

Pure; costs in, lower is better. Neighbour: curve.py, the rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_FEWEST = 3  # trials through a stage; with fewer its regression is the mean of another
_RIDGE = (0.1, 1.0, 1.0)  # trials' worth of shrinkage: of the mean, of the slopes
_FAR = 4.0  # deviations from the centre; beyond them a regression line is not followed
_TINY = 1e-12


class Scale:
    """Costs as the regressions see them: deviations from the median, 1 for a typical one of the
    better half; above the median by the logarithm, so that a cost that exploded is only bad."""

    def __init__(self, costs: Array) -> None:
        self._middle = float(np.median(costs))
        better = costs[costs <= self._middle] - self._middle
        self._unit = float(np.sqrt(np.mean(better**2))) or 1.0

    def __call__(self, costs: Array) -> Array:
        found: Array = (costs - self._middle) / self._unit
        return np.where(found > 0, np.log1p(np.maximum(found, 0.0)), found)


@dataclass(frozen=True)
class Stage:
    """The gain from one checkpoint to the next, as a regression.

    Attributes:
        weights: of 1, of the standardised level and of the standardised gain before; (3,).
        center, unit: of level and gain before: mean and deviation, (2,).
        variance: about the regression.
        inverse: of the regression's matrix, (3, 3): how unsure the weights are, in variances.
    """

    weights: Array
    center: Array
    unit: Array
    variance: float
    inverse: Array


def stages_of(levels: Array) -> list[Stage]:
    """The stages between the checkpoints.

    Args:
        levels: (trials, checkpoints), the best cost so far on a Scale, NaN from where a trial did
            not come. A checkpoint that nobody reached says what the one before it says.
    """
    gains = levels[:, :-1] - levels[:, 1:]
    seen = gains[~np.isnan(gains)]
    typical = max(float(np.sqrt(np.mean(seen**2))) if len(seen) else 0.3, 1e-3)
    found: list[Stage] = []
    for k in range(gains.shape[1]):
        passed = ~np.isnan(gains[:, k])
        if passed.sum() < _FEWEST:
            mean = found[-1].weights[0] if found else float(seen.mean()) if len(seen) else 0.0
            unsure = Stage(
                np.array([mean, 0.0, 0.0]), np.zeros(2), np.ones(2), 2.0 * typical**2, np.eye(3)
            )
            found.append(unsure)
            continue
        before = gains[passed, k - 1] if k else np.zeros(int(passed.sum()))
        found.append(_regression(levels[passed, k], before, gains[passed, k], typical))
    return found


def _regression(level: Array, before: Array, gain: Array, typical: float) -> Stage:
    columns = np.c_[level, before]
    center, unit = columns.mean(0), columns.std(0) + 1e-9
    design = np.c_[np.ones(len(gain)), (columns - center) / unit]
    inverse = np.linalg.inv(design.T @ design + np.diag(_RIDGE))
    weights = inverse @ (design.T @ gain)
    least = max(float(np.sqrt(np.mean(gain**2))), 0.1 * typical)
    squares = float(((gain - design @ weights) ** 2).sum()) + 0.5 * least**2
    return Stage(weights, center, unit, squares / (len(gain) + 1), inverse)


def outlook(stages: Sequence[Stage], level: float, before: float) -> tuple[float, float]:
    """Mean and variance of the sum of the gains over `stages`, for a trial at `level` whose gain
    before was `before`. The mean is at least 0, the variance above 0."""
    means, variances = outlooks(stages, np.zeros(1, np.intp), np.array([level]), np.array([before]))
    return float(means[0]), float(variances[0])


def outlooks(
    stages: Sequence[Stage], places: NDArray[np.intp], levels: Array, before: Array
) -> tuple[Array, Array]:
    """The same for many trials, of which each begins at the stage of its own place: (n,), (n,).

    With a and b the slopes by level and by gain before, the next of both is [[1 - a, -b], [a, b]]
    times them, and an error of the regression takes from the one what it gives to the other.
    """
    level, last = levels.copy(), before.copy()
    spread = np.zeros((3, len(levels)))  # variance of the level, covariance, variance of the gain
    for k, stage in enumerate(stages):
        on = np.flatnonzero(places <= k)
        place = (np.stack([level[on], last[on]], 1) - stage.center) / stage.unit
        design = np.c_[np.ones(len(on)), np.clip(place, -_FAR, _FAR)]
        gain = np.maximum(design @ stage.weights, 0.0)
        noise = stage.variance * (1.0 + ((design @ stage.inverse) * design).sum(1))
        a, b = stage.weights[1:] / stage.unit
        own, both, of_gain = spread[:, on]
        spread[0, on] = (1 - a) ** 2 * own - 2 * (1 - a) * b * both + b * b * of_gain + noise
        spread[1, on] = (1 - a) * a * own + (1 - 2 * a) * b * both - b * b * of_gain - noise
        spread[2, on] = a * a * own + 2 * a * b * both + b * b * of_gain + noise
        level[on], last[on] = level[on] - gain, gain
    return levels - level, np.maximum(spread[0], _TINY)


def chance_above(needed: float, mean: float, variance: float) -> float:
    """That a gain of this mean and variance is above `needed`, which is at least 0."""
    from scipy.special import gammaincc  # slow to import, and a server starts without it

    if mean <= _TINY:
        return 0.0
    return float(gammaincc(mean**2 / variance, needed * mean / variance))
