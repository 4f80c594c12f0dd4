"""A whole sweep in memory on a virtual clock: no process, no Redis, no database, no waiting.

The same searcher, stopping rule, retry policy, `run_cap` and `target` as a real sweep, driven as
the controller drives them; what a trial does is a function. How search and stopping are tested and
benchmarked. Never looks at a real clock, so that the same call gives the same result to the bit.
Neighbour: the controller's loop, which does all this with real machines.
"""

from __future__ import annotations

import heapq
import json
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sweeps.metrics import keeps
from sweeps.objective import best_of, metric_value
from sweeps.retry import decide
from sweeps.search import Reported, Searcher, Suggested, TrialSeen, make_searcher
from sweeps.spec import Goal, SweepSpec
from sweeps.stopping import make_rule
from sweeps.trial import AttemptState, Outcome, Reason, TrialState

Objective = Callable[[Mapping[str, Any], int], "float | Mapping[str, Any] | None"]
"""(config, iteration from 1) -> the objective value that it reports; None or NaN: none. Or the
whole row that it logs, by the names of metrics."""
Duration = Callable[[Mapping[str, Any], int], float]
"""(config, iteration) -> seconds on the virtual clock, above 0."""
Fault = Callable[[int, int, int], Outcome | None]
"""(trial number, attempt token, iteration) -> how the attempt ends instead of the iteration."""

CRASH = Outcome(AttemptState.FAILED, Reason.ERROR, "the script failed", exit_code=1)
LOST = Outcome(AttemptState.LOST, Reason.LEASE_EXPIRED, "the machine fell silent")
PREEMPTED = Outcome(AttemptState.PREEMPTED, Reason.PREEMPTED, "the machine was taken away")

_OVER = {
    AttemptState.FINISHED: TrialState.FINISHED,
    AttemptState.STOPPED: TrialState.STOPPED,
    AttemptState.CANCELED: TrialState.CANCELED,
}


@dataclass
class SimTrial:
    """What became of a trial. Times are virtual seconds from the start of the sweep."""

    number: int
    config: dict[str, Any]
    parent: int | None = None  # the trial whose training it goes on with
    state: TrialState = TrialState.QUEUED
    objective: float | None = None
    curve: list[float] = field(default_factory=list)  # of its last attempt
    times: list[float] = field(default_factory=list)  # when each value of the curve came
    metrics: dict[str, float] = field(default_factory=dict)  # the last of each other one, the same
    seconds: float = 0.0  # that its last attempt ran
    outcomes: list[Outcome] = field(default_factory=list)  # one an attempt
    started: float = 0.0
    ended: float = 0.0
    why: str = ""  # the stopping rule's sentence

    def seen(self) -> TrialSeen:
        """What a searcher may know of it."""
        return TrialSeen(
            self.number,
            self.config,
            self.state,
            self.objective,
            tuple(self.curve),
            dict(self.metrics),
            self.seconds,
            self.outcomes[-1].reason if self.outcomes else None,
        )


@dataclass(frozen=True)
class Simulation:
    """A sweep that is over.

    Attributes:
        trials: by number.
        elapsed: virtual seconds until the last trial ended.
        busy: virtual seconds that slots spent on trials.
        best: the finished or stopped trial with the best objective, of those that keep the file's
            limits where one does; None when there is none.
        searcher: as it is at the end.
    """

    trials: tuple[SimTrial, ...]
    elapsed: float
    busy: float
    best: SimTrial | None
    searcher: Searcher

    def progress(self, *, maximize: bool) -> list[tuple[float, float]]:
        """When the best value reported so far changed, and to what: (virtual seconds, value)."""
        reports = sorted(
            (time, trial.number, value)
            for trial in self.trials
            for time, value in zip(trial.times, trial.curve, strict=True)
        )
        found: list[tuple[float, float]] = []
        for time, _, value in reports:
            if not found or (value > found[-1][1] if maximize else value < found[-1][1]):
                found.append((time, value))
        return found


Segment = Callable[[SimTrial, int], float | Mapping[str, Any] | None]
"""As an Objective, for what depends on the trial that it goes on from, too."""


def simulate(
    spec: SweepSpec,
    objective: Objective,
    *,
    seed: int = 0,
    slots: int = 1,
    iterations: int = 1,
    duration: Duration = lambda config, iteration: 1.0,  # noqa: ARG005
    fault: Fault = lambda number, token, iteration: None,  # noqa: ARG005
    restart_every: int | None = None,
    until: float | None = None,
    segment: Segment | None = None,
) -> Simulation:
    """Runs a sweep to its end.

    Args:
        spec: the sweep; one that never ends by itself needs a `run_cap`, a target or `until`.
        objective: what a trial reports after each iteration. A trial scores the best of them, and
            one that never reports anything has failed.
        seed: of the searcher.
        slots: how many trials run at the same time.
        iterations: the length of a trial that nobody stops.
        duration: how long an iteration takes.
        fault: where attempts go wrong. A new attempt starts again at iteration 1.
        restart_every: the searcher is thrown away, and restored from its snapshot (through JSON)
            and the trials, after every so many events: a controller that dies over and over.
        until: virtual seconds after which no new trial is started.
        segment: asked in place of `objective`.

    Raises:
        ValueError: nothing would ever end the sweep.
    """
    return _Sweep(
        spec, objective, seed, slots, iterations, duration, fault, restart_every, until, segment
    ).run()


@dataclass
class _Sweep:
    spec: SweepSpec
    objective: Objective
    seed: int
    slots: int
    iterations: int
    duration: Duration
    fault: Fault
    restart_every: int | None
    until: float | None
    segment: Segment | None

    def __post_init__(self) -> None:
        metric = self.spec.metric
        self.name = "" if metric is None else metric.name
        self.maximize = metric is not None and metric.goal is Goal.MAXIMIZE
        self.target = None if metric is None else metric.target
        self.searcher = make_searcher(self.spec, self.seed)
        limits = (self.spec.run_cap, self.target, self.until, self.searcher.total)
        if all(limit is None for limit in limits):
            raise ValueError("nothing would ever end this sweep: give a run_cap, target or until")
        self.snapshot = self.searcher.snapshot()
        self.rule = make_rule(self.spec)
        self.trials: dict[int, SimTrial] = {}
        self.again: deque[SimTrial] = deque()  # queued once more; they go before new ones
        self.due: list[tuple[float, int, int]] = []  # (time, trial, iteration that is then done)
        self.now = 0.0
        self.busy = 0.0
        self.events = 0
        self.closed = False  # no new trials

    def run(self) -> Simulation:
        self._fill()
        while self.due:
            self.now, number, iteration = heapq.heappop(self.due)
            self._advance(self.trials[number], iteration)
            self.events += 1
            if self.restart_every and self.events % self.restart_every == 0:
                self._restart()
            self._fill()
        scored = [t for t in self.trials.values() if t.objective is not None]
        scored = [t for t in scored if keeps(self.spec.metrics, t.metrics)] or scored
        best = best_of((t.objective for t in scored), maximize=self.maximize)
        return Simulation(
            trials=tuple(self.trials[number] for number in sorted(self.trials)),
            elapsed=self.now,
            busy=self.busy,
            best=next((t for t in scored if t.objective == best), None),
            searcher=self.searcher,
        )

    def _fill(self) -> None:
        """Gives every free slot a trial, suggested only now, with all that is known."""
        while len(self.due) < self.slots:
            trial = self.again.popleft() if self.again else self._new_trial()
            if trial is None:
                return
            if trial.outcomes:  # it starts all over
                self.searcher.tell(Suggested(trial.number, trial.config))
            trial.state = TrialState.RUNNING
            trial.curve.clear()
            trial.times.clear()
            trial.metrics.clear()
            trial.seconds = 0.0
            self._schedule(trial, 1)

    def _new_trial(self) -> SimTrial | None:
        capped = self.spec.run_cap is not None and len(self.trials) >= self.spec.run_cap
        late = self.until is not None and self.now >= self.until
        if self.closed or capped or late:
            return None
        for suggestion in self.searcher.ask(1):
            self.snapshot = self.searcher.snapshot()
            trial = SimTrial(
                suggestion.number, suggestion.config, suggestion.parent, started=self.now
            )
            self.trials[trial.number] = trial
            return trial
        self.closed = True
        return None

    def _schedule(self, trial: SimTrial, iteration: int) -> None:
        seconds = self.duration(trial.config, iteration)
        self.busy += seconds
        trial.seconds += seconds
        heapq.heappush(self.due, (self.now + seconds, trial.number, iteration))

    def _advance(self, trial: SimTrial, iteration: int) -> None:
        outcome = self.fault(trial.number, len(trial.outcomes) + 1, iteration)
        if outcome is None:
            asked = self.segment
            outcome = self._report(
                trial, asked(trial, iteration) if asked else self.objective(trial.config, iteration)
            )
        if outcome is None and iteration < self.iterations:
            self._schedule(trial, iteration + 1)
        else:
            self._end(trial, outcome or _ended_well(trial))

    def _report(
        self, trial: SimTrial, reported: float | Mapping[str, Any] | None
    ) -> Outcome | None:
        if isinstance(reported, Mapping):
            found = {name: metric_value(reported, name) for name in reported if name != self.name}
            trial.metrics |= {name: value for name, value in found.items() if value is not None}
            reported = metric_value(reported, self.name)
        value = best_of([reported], maximize=self.maximize)
        if value is None:
            return None
        trial.curve.append(value)
        trial.times.append(self.now)
        self.searcher.tell(Reported(trial.number, len(trial.curve), value))
        if self.target is not None:
            self.closed |= value >= self.target if self.maximize else value <= self.target
        if self.rule is None:
            return None
        self.rule.report(trial.number, value)
        verdict = self.rule.judge(trial.number)
        trial.why = verdict.why
        return (
            Outcome(AttemptState.STOPPED, Reason.EARLY_STOP, verdict.why) if verdict.stop else None
        )

    def _end(self, trial: SimTrial, outcome: Outcome) -> None:
        trial.outcomes.append(outcome)
        if decide(self.spec.retry, trial.outcomes):
            trial.state = TrialState.QUEUED
            self.again.append(trial)
            if self.rule is not None:
                self.rule.forget(trial.number)
            return
        trial.state = _OVER.get(outcome.state, TrialState.FAILED)
        trial.ended = self.now
        if trial.state in (TrialState.FINISHED, TrialState.STOPPED):
            trial.objective = best_of(trial.curve, maximize=self.maximize)
        if self.rule is not None:
            self.rule.close(trial.number, trial.state)
        self.searcher.tell(trial.seen().end())

    def _restart(self) -> None:
        self.searcher = make_searcher(self.spec, self.seed)
        snapshot = json.loads(json.dumps(self.snapshot))
        self.searcher.restore(snapshot, [trial.seen() for trial in self.trials.values()])


def _ended_well(trial: SimTrial) -> Outcome:
    if trial.curve:
        return Outcome(AttemptState.FINISHED, Reason.OK)
    return Outcome(AttemptState.FAILED, Reason.NO_OBJECTIVE, "no objective was reported")
