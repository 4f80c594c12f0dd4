"""How promising a point is: the logarithm of what is expected of it, and its gradient.

An acquisition is a sum of terms, each the logarithm of a factor: the improvement expected, the
probability that the trial does not fail or keeps a limit, one over what it is expected to cost.
Whatever has a `value` and a `value_and_gradient` is a term; the sum is one itself, and so is the
logarithm of a mean of several (models that are all believed a little).

The improvement is averaged over fantasies: values that running trials may come to have, drawn from
their joint posterior (Snoek et al. 2012, "Practical Bayesian Optimization of Machine Learning
Algorithms", section 3.2, eq. 7). In the f-th one the best value is the f-th of `best`; the
deviation is the same in all. Logarithms give it a slope everywhere (improvement.py).

Smaller is better for what the process models; larger is better for a term. Gradients are 0 in
columns of categories. Neighbours: maximise.py climbs it, model.py puts it together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sweeps.search.gp.improvement import log_h, log_improvement
from sweeps.search.gp.process import Process

Array = NDArray[np.float64]


class Term(Protocol):
    """The logarithm of a factor of the acquisition."""

    def value(self, points: Array) -> Array:
        """At points (q, d): (q,), finite."""
        ...

    def value_and_gradient(self, point: Array) -> tuple[float, Array]:
        """At one point (d,), and the gradient there, (d,), both finite."""
        ...


class Improvement:
    """log EI, averaged over fantasies.

    Args:
        process: that was told values of shape (n,), or (n, f) for f fantasies.
        best: what is to be improved on, in the process's units, in each fantasy: (f,).
    """

    def __init__(self, process: Process, best: Array) -> None:
        self._process = process
        self._best = np.atleast_1d(best)

    def value(self, points: Array) -> Array:
        mean, variance = self._process.posterior(points)
        deviation = np.sqrt(variance)[:, None]
        each = log_improvement(mean.reshape(len(points), -1), deviation, self._best)
        return _log_mean(each)

    def value_and_gradient(self, point: Array) -> tuple[float, Array]:
        mean, variance, by_mean, by_variance = self._process.gradients(point)
        deviation = math.sqrt(variance)
        by_deviation = by_variance / (2.0 * deviation)
        z = (self._best - mean) / deviation
        log, slope = log_h(z)
        each = log + math.log(deviation)
        value = float(_log_mean(each[None, :])[0])
        shares = np.exp(each - value) / len(each)
        by_z = -(by_mean + by_deviation[:, None] * z) / deviation
        gradient: Array = by_z @ (shares * slope) + by_deviation / deviation
        return value, gradient


class Product:
    """The sum of terms' logarithms."""

    def __init__(self, terms: Sequence[Term]) -> None:
        self._terms = tuple(terms)

    def value(self, points: Array) -> Array:
        total = np.zeros(len(points))
        for term in self._terms:
            total = total + term.value(points)
        return total

    def value_and_gradient(self, point: Array) -> tuple[float, Array]:
        total, gradient = 0.0, np.zeros(len(point))
        for term in self._terms:
            value, slope = term.value_and_gradient(point)
            total, gradient = total + value, gradient + slope
        return total, gradient


class Mean:
    """The logarithm of the mean of terms that stand for the same thing under several models."""

    def __init__(self, terms: Sequence[Term]) -> None:
        self._terms = tuple(terms)

    def value(self, points: Array) -> Array:
        return _log_mean(np.stack([term.value(points) for term in self._terms], axis=1))

    def value_and_gradient(self, point: Array) -> tuple[float, Array]:
        values, slopes = zip(*(t.value_and_gradient(point) for t in self._terms), strict=True)
        each = np.array(values)
        value = float(_log_mean(each[None, :])[0])
        gradient: Array = (np.exp(each - value) / len(each)) @ np.stack(slopes)
        return value, gradient


def _log_mean(logarithms: Array) -> Array:
    """The logarithm of the mean of each row's exponentials: (q, f) to (q,)."""
    most = logarithms.max(axis=1, keepdims=True)
    found: Array = most[:, 0] + np.log(np.exp(logarithms - most).mean(axis=1))
    return found
