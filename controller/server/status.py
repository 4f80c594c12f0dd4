"""The JSON of sweeps and trials, as every listing and the dashboard show them.

Reads the store and Redis and changes nothing. Redis only adds the live agents: while it is away the
rest is still told. All times are seconds since the epoch, durations seconds.

A sweep: {"id", "name", "project", "state", "reason", "trouble": text | null, "method",
"metric": {"name", "goal"} | null,
"metrics": [{"name", "goal", "at_most", "at_least", "missing", "broken", "of", "nearest"}],
"created", "started", "ended", "changed", "total", "run_cap", "counts": {state: n},
"best": trial | null, "keeps_limits": true | false | null, "agents": [{"id", "host", "slots",
"free", "running", "devices", "quarantined"}], "eta_s", "elapsed_s", "throughput"}. trouble: why it
gets no new trials though it should. metrics: what outcomes.py says of those beside the metric.
total: how many trials there will be, null when there is no end. throughput: trials that ended per
hour, over the last ones; null before the first end. eta_s: null when it cannot be known. best:
among those that keep the limits of metrics, where one does, which keeps_limits says (null: no trial
has a score yet, or the file has no metrics).

A trial: {"id", "sweep_id", "number", "config", "state", "objective", "attempts", "reason",
"detail", "summary", "steps", "created", "started", "ended", "agent_id", "host", "device",
"enqueued", "parent"}. enqueued: the user who asked for this configuration, null when the search
did. parent: the id of the trial whose training it goes on with, null for none.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import redis

from controller import record
from controller.prior import known
from controller.server.outcomes import measures_json, outcome
from controller.store.records import AttemptRecord, SweepRecord, TrialRecord
from controller.store.standings import Standing
from controller.store.store import Store
from sweeps.errors import OpensweepError
from sweeps.protocol.live import AgentBeat, Live
from sweeps.spec import Method, SweepSpec
from sweeps.trial import SweepState, TrialState

log = logging.getLogger(__name__)


def sweep_json(
    store: Store,
    sweep: SweepRecord,
    agents: Sequence[AgentBeat],
    clock: Callable[[], float] = time.time,
) -> dict[str, Any]:
    """One sweep; `agents` are those that live, of any sweep."""
    return sweeps_json(store, [sweep], agents, clock)[0]


def sweeps_json(
    store: Store,
    listed: Sequence[SweepRecord],
    agents: Sequence[AgentBeat],
    clock: Callable[[], float] = time.time,
) -> list[dict[str, Any]]:
    """Many, by a handful of questions to the database."""
    specs = {sweep.id: record.spec_of(sweep) for sweep in listed}
    goals = {each: spec.metric.goal.value for each, spec in specs.items() if spec.metric}
    standings = store.standings(listed, goals)
    at_work: dict[str, list[AgentBeat]] = {}
    for agent in agents:
        at_work.setdefault(agent.sweep_id, []).append(agent)
    now = clock()
    return [
        _sweep_json(store, sweep, specs[sweep.id], standings[sweep.id], at_work, now)
        for sweep in listed
    ]


def _sweep_json(
    store: Store,
    sweep: SweepRecord,
    spec: SweepSpec,
    standing: Standing,
    at_work: Mapping[str, Sequence[AgentBeat]],
    now: float,
) -> dict[str, Any]:
    mine = at_work.get(sweep.id, ())
    weighed = outcome(store, sweep) if spec.metrics else None
    best = weighed.best if weighed else standing.best
    total = total_trials(store, sweep)
    throughput = _throughput(sweep, standing, now)
    return {
        "id": sweep.id,
        "name": sweep.name,
        "project": sweep.project,
        "imported_from": sweep.origin.get("imported_from"),
        "state": sweep.state.value,
        "reason": sweep.reason,
        "trouble": sweep.trouble or None,
        "method": spec.method.value,
        "metric": metric_json(spec),
        "metrics": measures_json(spec, weighed),
        "created": sweep.created,
        "started": sweep.started,
        "ended": sweep.ended,
        "changed": sweep.changed,
        "total": total,
        "run_cap": spec.run_cap,
        "counts": {state.value: number for state, number in standing.counts.items()},
        "best": trial_json(best) if best else None,
        "keeps_limits": weighed.keeps if weighed and best else None,
        "agents": [agent_json(agent) for agent in mine],
        "eta_s": _eta_s(sweep.state, total, standing.counts, throughput)
        if mine and not sweep.trouble
        else None,
        "elapsed_s": _elapsed_s(sweep, now),
        "throughput": throughput,
    }


def trial_json(trial: TrialRecord) -> dict[str, Any]:
    return {
        "id": trial.id,
        "sweep_id": trial.sweep_id,
        "number": trial.number,
        "config": dict(trial.config),
        "state": trial.state.value,
        "objective": trial.objective,
        "attempts": trial.attempts,
        "reason": trial.reason.value if trial.reason else None,
        "detail": trial.detail,
        "summary": dict(trial.summary),
        "steps": trial.steps,
        "created": trial.created,
        "started": trial.started,
        "ended": trial.ended,
        "agent_id": trial.agent_id,
        "host": trial.host,
        "device": trial.device,
        "enqueued": enqueued_by(trial.enqueued),
        "parent": None if trial.parent is None else f"{trial.sweep_id}-{trial.parent}",
    }


def enqueued_by(name: str | None) -> str | None:
    """The user whose order made a trial; None: nobody's did."""
    return None if name is None else name.partition(":")[0]


def attempt_json(attempt: AttemptRecord) -> dict[str, Any]:
    return {
        "token": attempt.token,
        "state": attempt.state.value,
        "reason": attempt.reason.value if attempt.reason else None,
        "detail": attempt.detail,
        "exit_code": attempt.exit_code,
        "signal": attempt.signal,
        "created": attempt.created,
        "started": attempt.started,
        "ended": attempt.ended,
        "agent_id": attempt.agent_id,
        "host": attempt.host,
        "device": attempt.device,
        "pid": attempt.pid,
        "ordered": attempt.ordered,
    }


def agent_json(agent: AgentBeat) -> dict[str, Any]:
    """What an agent says of itself; an older or newer one may say less."""
    info = agent.info
    return {
        "id": agent.agent_id,
        "host": info.get("host"),
        "slots": info.get("slots"),
        "free": agent.free,
        "running": info.get("running") or [],
        "devices": info.get("devices") or [],
        "quarantined": info.get("quarantined") or [],
    }


def metric_json(spec: SweepSpec) -> dict[str, Any] | None:
    """{"name", "goal"} of what the sweep optimises; None when it has no metric."""
    return {"name": spec.metric.name, "goal": spec.metric.goal.value} if spec.metric else None


def live_agents(live: Live) -> list[AgentBeat]:
    """The agents that live; none while Redis is away."""
    try:
        return live.agents()
    except redis.exceptions.RedisError as error:
        log.warning("Redis cannot say which agents live: %s", error)
        return []


def total_trials(store: Store, sweep: SweepRecord) -> int | None:
    """How many trials there will be in all; None when nothing ends the sweep."""
    spec = record.spec_of(sweep)
    ends = [] if spec.run_cap is None else [spec.run_cap]
    if spec.method is Method.GRID:
        size = _grid_size(store, sweep)
        ends += [] if size is None else [size]
    # A run_cap below what there is takes nothing back: no more will come, and those count.
    return max(min(ends), sweep.next_number - 1) if ends else None


_sizes: dict[tuple[str, float, float | None], int | None] = {}
_MOST_SIZES = 10_000


def _grid_size(store: Store, sweep: SweepRecord) -> int | None:
    """Of a grid; what is known of one whose file was changed hangs on the trials of before alone,
    and so it is worked out once for each file."""
    name = (sweep.id, sweep.created, sweep.changed)
    if name not in _sizes:
        if len(_sizes) >= _MOST_SIZES:
            _sizes.clear()
        _sizes[name] = _count_grid(store, sweep)
    return _sizes[name]


def _count_grid(store: Store, sweep: SweepRecord) -> int | None:
    try:
        from sweeps.search import Suggested, make_searcher

        searcher = make_searcher(record.spec_of(sweep), 0, known(sweep.prior))
        # Trials of a grid of before count, too; of this one they change nothing.
        for trial in store.trials(sweep.id) if sweep.changed is not None else ():
            searcher.tell(Suggested(trial.number, trial.config))
        return searcher.total
    except OpensweepError:  # it was checked when the sweep was recorded; a listing goes on
        return None


def _elapsed_s(sweep: SweepRecord, now: float) -> float:
    if sweep.started is None:
        return 0.0
    return max((now if sweep.ended is None else sweep.ended) - sweep.started, 0.0)


def _throughput(sweep: SweepRecord, standing: Standing, now: float) -> float | None:
    """Ends per hour from the end before the window (or the sweep's start) until now."""
    if sweep.started is None or standing.ends == 0:
        return None
    since = sweep.started if standing.since is None else standing.since
    until = sweep.ended if sweep.ended is not None else now
    return 3600.0 * standing.ends / (until - since) if until > since else None


def _eta_s(
    state: SweepState,
    total: int | None,
    counts: Mapping[TrialState, int],
    throughput: float | None,
) -> float | None:
    if state not in (SweepState.RUNNING, SweepState.STOPPING) or not throughput:
        return None
    open_now = sum(number for trial, number in counts.items() if not trial.over)
    ended = sum(number for trial, number in counts.items() if trial.over)
    left = open_now if state is SweepState.STOPPING else None if total is None else total - ended
    if left is None:
        return None
    eta = 3600.0 * max(left, 0) / throughput
    return eta if math.isfinite(eta) else None
