"""Which trial of a sweep is best where its file weighs more than one metric: limits, and fronts.

With limits the best trial is the best of those that keep them all (while none does, the best of
all, which is then said to keep none). With several objectives the front is the trials that no other
one beats in all of them, again among those that keep the limits. A trial's score counts for the
sweep's `metric`, of the others their last values. Neighbours: status.py and sweep_api.py, which
show it; sweeps/metrics.py, which decides.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from controller import record
from controller.store.records import SweepRecord, TrialRecord
from controller.store.store import Store
from sweeps.metrics import Measure, front, keeps, values_of
from sweeps.spec import Goal, SweepSpec
from sweeps.trial import TrialState


@dataclass(frozen=True)
class Outcome:
    """What a sweep with `metrics` came to.

    Attributes:
        best: by the sweep's metric; None: no trial has a score.
        keeps: whether it keeps the limits.
        front: the trials on it, the best by the metric first; () with one objective alone.
        missing: how many finished trials have no last value, by the names of `metrics`.
        broken: how many trials that have a score are not known to keep a limit, likewise; `of`:
            how many have a score.
        nearest: the value that breaks a limit least, or keeps it, likewise; no name without one.
    """

    best: TrialRecord | None
    keeps: bool
    front: tuple[TrialRecord, ...] = ()
    missing: Mapping[str, int] = field(default_factory=dict)
    broken: Mapping[str, int] = field(default_factory=dict)
    nearest: Mapping[str, float] = field(default_factory=dict)
    of: int = 0


class _Kept:
    """Outcomes by sweep and by how many of its trials had ended; the newest few."""

    MOST = 512

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: OrderedDict[tuple[Any, ...], Outcome] = OrderedDict()

    def get(self, key: tuple[Any, ...]) -> Outcome | None:
        with self._lock:
            return self._found.get(key)

    def put(self, key: tuple[Any, ...], outcome: Outcome) -> None:
        with self._lock:
            self._found[key] = outcome
            while len(self._found) > self.MOST:
                self._found.popitem(last=False)


_kept = _Kept()


def outcome(store: Store, sweep: SweepRecord) -> Outcome:
    """Of a sweep whose file has `metrics`; read anew when a trial has ended since."""
    key = (store.where, sweep.id, sweep.created, sweep.changed, sweep.ended_seq)
    found = _kept.get(key)
    if found is None:
        trials = [trial for trial in store.trials(sweep.id) if trial.objective is not None]
        found = weigh(record.spec_of(sweep), trials)
        _kept.put(key, found)
    return found


def weigh(spec: SweepSpec, trials: Sequence[TrialRecord]) -> Outcome:
    """Of trials that have a score, by number."""
    measures = spec.metrics
    if spec.metric is None or not trials:
        return Outcome(None, keeps=False)
    sign = -1.0 if spec.metric.goal is Goal.MAXIMIZE else 1.0
    values = {trial.number: values_of(measures, trial.summary) for trial in trials}
    kept = [trial for trial in trials if keeps(measures, values[trial.number])]
    ranked = sorted(kept or trials, key=lambda trial: sign * (trial.objective or 0.0))
    others = [measure for measure in measures if measure.goal is not None]
    members: tuple[TrialRecord, ...] = ()
    if others:
        scores = {}
        for trial in ranked:
            score = _score(others, values[trial.number])
            if score is not None:
                scores[trial.number] = (sign * (trial.objective or 0.0), *score)
        on = set(front(scores))
        members = tuple(trial for trial in ranked if trial.number in on)
    told = [(trial, values[trial.number]) for trial in trials]
    limits = [measure for measure in measures if measure.limited]
    over = {
        measure.name: {
            value: excess
            for _, found in told
            if (value := found.get(measure.name)) is not None
            and (excess := measure.excess(value)) is not None
        }
        for measure in limits
    }
    return Outcome(
        ranked[0],
        keeps=bool(kept),
        front=members,
        missing={
            measure.name: sum(
                trial.state is TrialState.FINISHED and measure.name not in found
                for trial, found in told
            )
            for measure in measures
        },
        broken={
            measure.name: sum(not keeps([measure], found) for _, found in told)
            for measure in limits
        },
        nearest={name: min(found, key=lambda v: found[v]) for name, found in over.items() if found},
        of=len(trials),
    )


def _score(others: Sequence[Measure], values: dict[str, float]) -> list[float] | None:
    """Smaller is better; None when one is missing."""
    found = []
    for measure in others:
        value = values.get(measure.name)
        if value is None:
            return None
        found.append(-value if measure.goal is Goal.MAXIMIZE else value)
    return found


def measures_json(spec: SweepSpec, told: Outcome | None) -> list[dict[str, Any]]:
    """The `metrics` beside the metric: {"name", "goal", "at_most", "at_least"}, null for none, and
    what came of each, as `Outcome` has it: {"missing", "broken", "of", "nearest"}."""
    told = told or Outcome(None, keeps=False)
    return [
        {
            "name": measure.name,
            "goal": None if measure.goal is None else measure.goal.value,
            "at_most": measure.at_most,
            "at_least": measure.at_least,
            "missing": told.missing.get(measure.name, 0),
            "broken": told.broken.get(measure.name, 0),
            "of": told.of,
            "nearest": told.nearest.get(measure.name),
        }
        for measure in spec.metrics
    ]
