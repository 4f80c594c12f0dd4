"""Runs of before that a sweep's search begins with: what of each is kept, and what is told of it.

Looked at once, when they are named; what becomes of them later changes nothing any more. On record
with the sweep (`SweepRecord.prior`), each {"run": its id, "config": {…}, "objective": number or
null}. Neighbours: record.py (who keeps them), driver.py (whose searcher is told).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from controller.store.records import RunRecord
from controller.store.store import Store
from sweeps.objective import best_of, metric_value
from sweeps.search import Prior
from sweeps.spec import Goal, SweepSpec

_WITHOUT_VALUE = ("failed", "crashed", "canceled")


def observe(store: Store, spec: SweepSpec, runs: Sequence[RunRecord]) -> list[dict[str, Any]]:
    """What a sweep keeps of these runs. As with trials, the best finite value of history and
    summary counts; a run that failed has none."""
    space = spec.parameters
    return [
        {
            "run": run.id,
            "config": space.nest(space.flatten(run.config)),
            "objective": _objective(store, spec, run),
        }
        for run in runs
    ]


def known(kept: Iterable[Mapping[str, Any]]) -> list[Prior]:
    """What the searcher is told."""
    return [Prior(each["config"], each["objective"]) for each in kept]


def _objective(store: Store, spec: SweepSpec, run: RunRecord) -> float | None:
    metric = spec.metric
    if metric is None or run.state in _WITHOUT_VALUE:
        return None
    names = list(dict.fromkeys((metric.name, metric.name.replace(".", "/"))))
    history = store.history(run.id, names)
    values = [value for name in names for value in history.points(name)[1].tolist()]
    last = metric_value(run.summary, metric.name)
    return best_of([*values, last], maximize=metric.goal is Goal.MAXIMIZE)
