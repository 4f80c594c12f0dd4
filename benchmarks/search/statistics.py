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
    by_task: Sequence[Array], summary: Callable[[Array], float], samples: int = SAMPLES
) -> Estimate:
    """`summary` of all values, tasks having the same weight.

    Args:
        by_task: the values of a task's seeds, a task each; none may be empty.
        summary: of an array (tasks, seeds).
    """
    rng = numpy.random.default_rng(0)
    seeds = max(len(values) for values in by_task)
    drawn = numpy.empty(samples)
    for sample in range(samples):
        which = rng.integers(len(by_task), size=len(by_task))
        drawn[sample] = summary(
            numpy.stack([rng.choice(by_task[task], size=seeds) for task in which])
        )
    low, high = numpy.quantile(drawn, (0.025, 0.975))
    # every value as often as the others of its task, whatever the number of seeds
    times = math.lcm(*(len(values) for values in by_task))
    whole = numpy.stack([numpy.repeat(values, times // len(values)) for values in by_task])
    return Estimate(summary(whole), float(low), float(high))


def median_of_medians(values: Array) -> float:
    """The median over tasks of the median over seeds."""
    return float(numpy.median(numpy.median(values, axis=1)))


def median(values: Array) -> float:
    """Over all, tasks and seeds alike."""
    return float(numpy.median(values))


def mean(values: Array) -> float:
    return float(values.mean())


def geometric_mean(values: Array) -> float:
    """Of values above 0."""
    return float(math.exp(numpy.log(values).mean()))


def ranks(values: Mapping[str, float]) -> dict[str, float]:
    """1 for the lowest; ties share the mean of their places."""
    found = {}
    for name, value in values.items():
        below = sum(other < value for other in values.values())
        level = sum(other == value for other in values.values())
        found[name] = below + (level + 1) / 2
    return found
