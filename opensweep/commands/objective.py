"""What a trial scored and how it got there, as the server tells it.

The one place of the commands that reads the metric out of trials and of what they logged; what
counts as a value is sweeps/objective.py's to say, as for the agent and the server.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sweeps.objective import metric_value

if TYPE_CHECKING:
    from sweeps.protocol.client import Client


def objective(trial: Mapping[str, Any]) -> float:
    """A trial's objective as a float; NaN when it has none (the wire writes NaN as a string)."""
    value = trial.get("objective")
    return math.nan if value is None else float(value)


def outline(client: Client, run: str, metric: str, points: int = 100) -> list[float]:
    """The values of `metric` that a run logged, about so many of them, evenly spaced."""
    for key in _keys(metric):
        values = (metric_value(row, metric) for row in client.samples(run, key, points))
        if found := [value for value in values if value is not None]:
            return found
    return []


def curve(client: Client, run: str, metric: str) -> dict[int, float]:
    """step -> value of `metric`, for the steps at which a run logged a finite one."""
    asked = None if "," in metric else _keys(metric)  # a comma in a key cannot be asked for
    values = ((int(row["_step"]), metric_value(row, metric)) for row in client.history(run, asked))
    return {step: value for step, value in values if value is not None}


def _keys(metric: str) -> list[str]:
    """Rows are asked for by whole keys: the name itself, or what it may stand for."""
    return list(dict.fromkeys((metric, metric.replace(".", "/"), metric.partition(".")[0])))
