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

    def value_and_gradient(self, points: Array) -> tuple[Array, Array]:
        """The same, and the gradient at each point, (q, d), finite."""
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

    def value_and_gradient(self, points: Array) -> tuple[Array, Array]:
        mean, variance, pull = self._process.gradients(points)
        deviation = np.sqrt(variance)[:, None]
        z = (self._best - mean) / deviation
        log, slope = log_h(z)
        each = log + np.log(deviation)
        value = _log_mean(each)
        shares = np.exp(each - value[:, None]) / each.shape[1]
        by_mean = -shares * slope / deviation
        by_deviation = (shares * (1.0 - z * slope) / deviation).sum(1)
        return value, pull(by_mean, by_deviation / (2.0 * deviation[:, 0]))


class Product:
    """The sum of terms' logarithms."""

    def __init__(self, terms: Sequence[Term]) -> None:
        self._terms = tuple(terms)

    def value(self, points: Array) -> Array:
        total = np.zeros(len(points))
        for term in self._terms:
            total = total + term.value(points)
        return total

    def value_and_gradient(self, points: Array) -> tuple[Array, Array]:
        total, gradient = np.zeros(len(points)), np.zeros(points.shape)
        for term in self._terms:
            value, slope = term.value_and_gradient(points)
            total, gradient = total + value, gradient + slope
        return total, gradient


class Mean:
    """The logarithm of the mean of terms that stand for the same thing under several models."""

    def __init__(self, terms: Sequence[Term]) -> None:
        self._terms = tuple(terms)

    def value(self, points: Array) -> Array:
        return _log_mean(np.stack([term.value(points) for term in self._terms], axis=1))

    def value_and_gradient(self, points: Array) -> tuple[Array, Array]:
        values, slopes = zip(*(t.value_and_gradient(points) for t in self._terms), strict=True)
        each = np.stack(values, axis=1)
        value = _log_mean(each)
        shares = np.exp(each - value[:, None]) / each.shape[1]
        gradient: Array = np.einsum("qk,kqd->qd", shares, np.stack(slopes))
        return value, gradient


def _log_mean(logarithms: Array) -> Array:
    """The logarithm of the mean of each row's exponentials: (q, f) to (q,)."""
    most = logarithms.max(axis=1, keepdims=True)
    found: Array = most[:, 0] + np.log(np.exp(logarithms - most).mean(axis=1))
    return found
