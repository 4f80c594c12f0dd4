"""What the controller writes down on somebody's word: a new sweep, a trial's end, a user's order.

The server calls these for its clients, the loop for what it sees itself (an expired lease). Each
is one decision and one transaction of the store; nothing here talks to Redis, so that all of it
works while Redis is away.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import string
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from controller.prior import observe, of_no_use, resolve
from controller.store.records import Ended, RunRecord, SweepRecord
from controller.store.store import Store
from sweeps import retry
from sweeps.errors import Fenced, IllegalTransition, SpecError, UsageError
from sweeps.metrics import values_of
from sweeps.objective import best_of, lost_value, metric_value, no_measures, no_objective
from sweeps.project import OWN_ENTITY, whole_name
from sweeps.spec import Goal, SweepSpec, load_spec, spec_from_mapping
from sweeps.trial import AttemptState, Outcome, Reason, SweepState
from sweeps.yaml_edit import with_values

_ALPHABET = string.ascii_lowercase + string.digits
_HANDS_OUT = (SweepState.PENDING, SweepState.RUNNING, SweepState.PAUSED)
"""A sweep that is stopping or over queues nothing again, or it might never end."""


def create_sweep(
    store: Store,
    yaml: str,
    *,
    path: str | None = None,
    origin: Mapping[str, Any],
    own_entity: str = OWN_ENTITY,
    project: str | None = None,
    prior: Sequence[RunRecord] = (),
    tables: Mapping[str, str] | None = None,
    runnable: bool = True,
) -> tuple[SweepRecord, SweepSpec]:
    """Checks a sweep file and records it. Raises SpecError; nothing is recorded then.

    Args:
        yaml: the file's text.
        path: its name as the user gave it, for messages.
        origin: where it comes from (cwd, host), for agents that look for the program.
        own_entity: the server's own.
        project: the whole name of the project that it is for; None: the file says it.
        prior: runs whose results the search is to begin with.
        tables: the texts of the CSV files that the file names under `prior`, by those names.
        runnable: whether the file must say what is to be started; functions need no program.
    """
    spec = load_spec(yaml, path=path, runnable=runnable, searched_here=True)
    sweep_id = "".join(secrets.choice(_ALPHABET) for _ in range(8))
    if project is None:
        project = whole_name(spec.project, spec.entity, own=own_entity)
    before, spec = resolve(store, spec, spec.prior, tables or {})
    seen = observe(store, spec, prior)
    sweep = store.create_sweep(
        sweep_id=sweep_id,
        name=spec.name or sweep_id,
        project=project,
        yaml=yaml,
        spec=spec.source,
        seed=spec.seed if spec.seed is not None else secrets.randbelow(2**31),
        origin=origin,
        prior=[*before, *seen],
    )
    return sweep, replace(spec, warnings=(*spec.warnings, *of_no_use(spec, seen)))


def update_sweep(
    store: Store,
    sweep_id: str,
    yaml: str,
    *,
    path: str | None = None,
    prior: Sequence[RunRecord] = (),
    tables: Mapping[str, str] | None = None,
    runnable: bool = True,
) -> tuple[SweepRecord, SweepSpec]:
    """Gives a sweep another file; what was tried under the old one is known to the search. A
    finished sweep goes on, if the new file leaves it anything to do.

    Its project and its seed stay. The arguments are those of `create_sweep`; `prior` adds to what
    was given before, and so does what the new file names that the old one did not.

    Raises:
        SpecError: the file is wrong, or names another metric while there are trials.
        NotFoundError: no such sweep.
        IllegalTransition: it is canceled, or about to end.
    """
    spec = load_spec(yaml, path=path, runnable=runnable, searched_here=True)
    sweep = store.get_sweep(sweep_id)
    if sweep.state in (SweepState.CANCELED, SweepState.STOPPING):
        raise IllegalTransition(
            f"sweep {sweep_id} is {sweep.state}: it takes no trials, whatever its file says. "
            "Create a new one."
        )
    old = spec_of(sweep)
    if sweep.next_number > 1 and _objective(old) != _objective(spec):
        raise SpecError(
            f"the sweep has trials that were scored by {_objective(old)}: another metric or goal "
            "would mix them with what is no score.",
            key_path="metric",
            path=path,
            hint="Create a new sweep.",
        )
    named = [entry for entry in spec.prior if entry not in old.prior]
    before, spec = resolve(store, spec, named, tables or {})
    seen = observe(store, spec, prior)
    told = (*sweep.prior, *before, *seen)
    known = {each["run"]: each for each in told}
    sweep = store.change_sweep(
        sweep_id,
        name=spec.name,
        yaml=yaml,
        spec=spec.source,
        prior=list(known.values()),
    )
    if sweep.state.over:
        sweep = store.set_sweep_state(sweep_id, SweepState.RUNNING)
    return sweep, replace(spec, warnings=(*spec.warnings, *of_no_use(spec, seen)))


def change_run_cap(store: Store, sweep_id: str, run_cap: int | None) -> SweepRecord:
    """Changes that alone, in the sweep's file; raises as `update_sweep` does."""
    sweep = store.get_sweep(sweep_id)
    yaml = with_values(sweep.yaml, {"run_cap": run_cap})
    runnable = sweep.origin.get("imported_from") is None
    return update_sweep(store, sweep_id, yaml, runnable=runnable)[0]


def _objective(spec: SweepSpec) -> str:
    return "nothing" if spec.metric is None else f"{spec.metric.name} ({spec.metric.goal})"


def spec_of(sweep: SweepRecord) -> SweepSpec:
    """The checked form of a recorded sweep's file."""
    return _parse(json.dumps(sweep.spec))


@lru_cache(maxsize=2048)
def _parse(source: str) -> SweepSpec:
    return spec_from_mapping(json.loads(source))


def record_end(
    store: Store,
    trial_id: str,
    token: int,
    outcome: Outcome,
    *,
    summary: Mapping[str, Any] | None = None,
    logged_keys: Sequence[str] = (),
    config: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
    seconds: float | None = None,
) -> Ended:
    """Records how an attempt ended, scores it, and queues the trial again where the policy says so.

    A trial's score is the best finite value of the metric over its history and its summary. One
    that ended well without a value has failed, and its reason names what it did log. One that has
    no last value of a further metric, or whose last value of the metric itself is NaN or infinite,
    is no failure, and its reason names that.

    Args:
        config: what the script added to its configuration, by top-level key.
        metadata: what the run says of itself.
        seconds: how long it ran, by its agent's clock.

    Raises:
        Fenced: the attempt is no longer the trial's newest, or ended otherwise already.
        NotFoundError: no such trial.
    """
    trial = store.get_trial(trial_id)
    sweep = store.get_sweep(trial.sweep_id)
    spec = spec_of(sweep)
    objective = None
    if not summary:
        # A script that uses the real wandb client under our agent left nothing in its run folder:
        # what it said went to the server.
        run = store.get_run(trial_id)
        summary = run.summary if "wandb" in run.metadata else summary
    if spec.metric is not None:
        curve = [value for _, value in store.objective_curve(trial_id)]
        last = metric_value(summary or {}, spec.metric.name)
        objective = best_of([*curve, last], maximize=spec.metric.goal is Goal.MAXIMIZE)
        if objective is None and outcome.state is AttemptState.FINISHED:
            detail = no_objective(spec.metric.name, logged_keys)
            outcome = replace(
                outcome, state=AttemptState.FAILED, reason=Reason.NO_OBJECTIVE, detail=detail
            )
    if outcome.state is AttemptState.FINISHED and not outcome.detail:
        outcome = replace(outcome, detail=_lacking(spec, summary or {}, logged_keys))
    if config or metadata:
        # Before the end: its answer is what the agent waits for, and without it says both again.
        with contextlib.suppress(Fenced):
            store.describe_run(trial_id, token, config=config or None, metadata=metadata or None)
    return store.end_attempt(
        trial_id,
        token,
        outcome,
        summary=summary,
        objective=objective,
        seconds=seconds,
        retry=lambda outcomes: sweep.state in _HANDS_OUT and retry.decide(spec.retry, outcomes),
    )


def _lacking(spec: SweepSpec, summary: Mapping[str, Any], logged_keys: Sequence[str]) -> str:
    """What the last values of a trial that ended well lack; "" where nothing."""
    if spec.metric is not None and lost_value(summary, spec.metric.name):
        return (
            f"its last {spec.metric.name!r} is no finite number; it is scored by the best value "
            "before"
        )
    there = values_of(spec.metrics, summary)
    missing = [each.name for each in spec.metrics if each.name not in there]
    said = logged_keys or [key for key in summary if not key.startswith("_")]
    return no_measures(missing, said) if missing else ""


_ACTIONS = {
    "pause": (SweepState.PAUSED, "paused by a user"),
    "resume": (SweepState.RUNNING, ""),
    "stop": (SweepState.STOPPING, "stopped by a user"),
    "cancel": (SweepState.CANCELED, "canceled by a user"),
}


def change_state(store: Store, sweep_id: str, action: str) -> SweepRecord:
    """Carries out pause, resume, stop or cancel; the loop sees to the trials that run.

    Raises:
        UsageError: no such action.
        NotFoundError: no such sweep.
        IllegalTransition: the sweep is over, or was never paused.
    """
    if action not in _ACTIONS:
        raise UsageError(f"no action {action!r}; there are {', '.join(_ACTIONS)}")
    state, reason = _ACTIONS[action]
    sweep = store.get_sweep(sweep_id)
    if action == "resume" and sweep.state is SweepState.PENDING:
        return sweep
    sweep = store.set_sweep_state(sweep_id, state, reason)
    if state in (SweepState.CANCELED, SweepState.STOPPING):
        store.cancel_queued(sweep_id)
    return sweep
