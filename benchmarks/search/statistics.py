"""Medians, ranks and geometric means with intervals, over tasks and seeds.

An interval is the middle 95 % of 1,000 bootstrap samples in two steps: tasks drawn with
replacement, then seeds of each. So it covers other tasks of the kind, not only other seeds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy

Array = numpy.ndarray[Any, Any]
SAMPLES = 1000


@dataclass(frozen=True)
class Estimate:
    """A figure and the ends of its interval."""

    value: float
    low: float
    high: float


def estimate(
    by_task: Sequence[Array], summary: Callable[[Array], Array], samples: int = SAMPLES
) -> Estimate:
    """`summary` of all values, tasks having the same weight.

    Args:
        by_task: the values of a task's seeds, a task each; none may be empty.
        summary: of an array (…, tasks, seeds), over the last two axes.
    """
    rng = numpy.random.default_rng(0)
    tasks, seeds = len(by_task), max(len(values) for values in by_task)
    counts = numpy.array([len(values) for values in by_task])
    padded = numpy.zeros((tasks, seeds))
    for row, values in zip(padded, by_task, strict=True):
        row[: len(values)] = values
    which = rng.integers(tasks, size=(samples, tasks, 1))
    seed = (rng.random((samples, tasks, seeds)) * counts[which]).astype(int)
    low, high = numpy.quantile(summary(padded[which, seed]), (0.025, 0.975))
    # every value as often as the others of its task, whatever the number of seeds
    times = math.lcm(*(len(values) for values in by_task))
    whole = numpy.stack([numpy.repeat(values, times // len(values)) for values in by_task])
    return Estimate(float(summary(whole)), float(low), float(high))


def median(values: Array) -> Array:
    """Over all, tasks and seeds alike."""
    middle: Array = numpy.median(values, axis=(-2, -1))
    return middle


def mean(values: Array) -> Array:
    average: Array = values.mean(axis=(-2, -1))
    return average


def geometric_mean(values: Array) -> Array:
    """Of values above 0."""
    average: Array = numpy.exp(numpy.log(values).mean(axis=(-2, -1)))
    return average


def ranks(values: Mapping[str, float]) -> dict[str, float]:
    """1 for the lowest; ties share the mean of their places."""
    found = {}
    for name, value in values.items():
        below = sum(other < value for other in values.values())
        level = sum(other == value for other in values.values())
        found[name] = below + (level + 1) / 2
    return found
