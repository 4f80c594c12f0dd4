"""What a person orders about a sweep's trials: checked against the sweep, and written down.

Stop one, try failed ones again, try a configuration next. Nothing here talks to Redis or to agents:
the driver finds the orders in the database and sees to them, whoever is killed in between. Each is
safe to repeat. Neighbours: record.py (orders about a whole sweep), store/orders.py (the
transactions), driver.py (who carries them out).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from controller import record
from controller.store.records import NewTrial, SweepRecord, TrialRecord
from controller.store.store import Store
from sweeps.errors import Fenced, IllegalTransition, UsageError
from sweeps.search import complete
from sweeps.space import Space
from sweeps.spec import Goal, SweepSpec

MOST = 1000
"""Configurations of one order."""
_GOES = 20  # at a number that nobody else takes meanwhile


def stop_trial(store: Store, trial_id: str, *, user: str) -> TrialRecord:
    """Ends one trial: a running one as a stopping rule would (its values count), one that waits
    at once. Raises NotFoundError; IllegalTransition: it is over."""
    return store.stop_trial(trial_id, f"stopped by {user}")


def retry_trials(
    store: Store, sweep_id: str, trial_ids: Sequence[str] | None = None
) -> list[TrialRecord]:
    """Queues failed trials again, those named or all of the sweep; which it were.

    A sweep that was finished goes on with them. Raises NotFoundError; IllegalTransition: one has
    not failed, or the sweep takes no trials any more.
    """
    sweep = store.get_sweep(sweep_id)
    _refuse_at_target(store, sweep, record.spec_of(sweep))
    return store.retry_trials(sweep_id, trial_ids)


def enqueue(
    store: Store, sweep_id: str, configs: Sequence[Mapping[str, Any]], *, user: str, key: str
) -> list[TrialRecord]:
    """Makes trials of a person's configurations; they are tried before anything else.

    They count as trials (for `run_cap`, too), and the search knows of them. What a partial one
    lacks is filled in as in the sweep file's `enqueue`, whose own turn comes first.

    Args:
        configs: nested, or with dotted names of nested parameters.
        key: names the order among the user's: a repeat adds nothing and answers the same.

    Raises:
        NotFoundError: no such sweep.
        SpecError: a value is outside the space.
        UsageError: no configuration, or too many.
        IllegalTransition: the sweep takes no trials any more, or its run_cap leaves no room.
    """
    if not 0 < len(configs) <= MOST:
        raise UsageError(f"expected 1 to {MOST:,} configurations, not {len(configs)}")
    for _ in range(_GOES):
        sweep = store.get_sweep(sweep_id)
        spec = record.spec_of(sweep)
        _refuse_at_target(store, sweep, spec)
        wanted = [_fitting(spec.parameters, config) for config in configs]
        first = sweep.next_number
        # The file's own come first; those whose turn is over are below `first`.
        partial = [*spec.enqueue[first - 1 :], *wanted]
        new = [
            NewTrial(number, complete(spec, sweep.seed, number, config))
            for number, config in enumerate(partial, start=first)
        ]
        names = [f"{user}:{key}/{place}" for place in range(len(wanted))]
        own: list[str | None] = [None] * (len(new) - len(wanted))
        try:
            return store.enqueue_trials(sweep_id, new, [*own, *names], most=spec.run_cap)
        except Fenced:
            continue  # the loop has handed out trials meanwhile
    raise Fenced(f"sweep {sweep_id} gets trials faster than one can be added: try again")


def _fitting(space: Space, config: Mapping[str, Any]) -> dict[str, Any]:
    """A config as the space nests it. Raises SpecError where it does not fit."""
    dotted = {".".join(each.path): each.path for each in space.parameters if len(each.path) > 1}
    nested = {name: value for name, value in config.items() if name not in dotted}
    flat = {dotted[name]: value for name, value in config.items() if name in dotted}
    space.check(nested)
    space.check(space.nest(flat))
    whole = space.nest({**space.flatten(nested), **flat})
    space.check(whole)
    return whole


def _refuse_at_target(store: Store, sweep: SweepRecord, spec: SweepSpec) -> None:
    """A sweep that has reached its target would only cancel what it is given."""
    metric = spec.metric
    if metric is None or metric.target is None or sweep.next_number == 1:
        return
    best = store.best_trial(sweep.id, metric.goal.value)
    if best is None or best.objective is None:
        return
    if (
        best.objective >= metric.target
        if metric.goal is Goal.MAXIMIZE
        else best.objective <= metric.target
    ):
        raise IllegalTransition(
            f"sweep {sweep.id} has reached its target {metric.target:g} of {metric.name}: set "
            "another target first (`sweep update`)"
        )
