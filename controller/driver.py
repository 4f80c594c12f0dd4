"""One sweep's decisions: what has happened goes to the searcher and the stopping rule, and out come
stop orders, new trials and the sweep's end.

A driver is a cache of the database and nothing more: it is built from the store (`Driver(...)`),
and whatever goes wrong, the loop throws it away and builds another. So there is one path for a
first start, a restart, a takeover by another controller and a Redis that was wiped, and none of
them changes what is suggested next. It must never record a trial without its lease's generation.

Order within a tick, and why:
- ends are read before objective values, and told after them: a value that was recorded before its
  trial's end is then never missed;
- a trial is judged at each of its values, and all that run once everything is told;
- suggestions come last: made just in time, with everything known by then and what runs as pending.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence

from controller import record
from controller.costs import seconds
from controller.mind import Mind
from controller.prior import known
from controller.queue import TrialQueue
from controller.store.chunk_records import ObjectivePoints
from controller.store.records import AttemptRecord, NewTrial, SweepRecord, TrialRecord
from controller.store.store import Store
from sweeps.metrics import values_of
from sweeps.objective import best_of
from sweeps.protocol.live import Live, Order
from sweeps.search import Reported, Suggested, TrialSeen
from sweeps.spec import Goal
from sweeps.trial import SweepState, TrialState

_PAGE = 1000
_HANDS_OUT = (SweepState.PENDING, SweepState.RUNNING)
_TAKES_NONE = (SweepState.STOPPING, SweepState.CANCELED)


class Driver:
    """Drives one sweep whose lease this controller holds; not thread-safe.

    Args:
        generation: of the lease; the store refuses new trials from an older one (Fenced).
        epoch: of Redis; nothing is projected into one that was wiped since (Fenced).
        handed: what the driver before this one had put into the queue, where that is known: the
            sweep's file was changed, say, while it was held.
    """

    def __init__(
        self,
        store: Store,
        live: Live,
        queue: TrialQueue,
        sweep: SweepRecord,
        *,
        generation: int,
        epoch: str,
        handed: set[tuple[str, int]] | None = None,
    ) -> None:
        self._store, self._live, self._queue = store, live, queue
        self._id = sweep.id
        self._generation, self._epoch = generation, epoch
        self._changed = sweep.changed
        self._spec = record.spec_of(sweep)
        self._mind = Mind(self._spec, sweep.seed, known(sweep.prior))
        early = self._spec.early_terminate
        self._rule_name = "pbt" if early is None else early.type
        # Of trials that are open: (step, value) as merged over their attempts, and the newest
        # attempt that brought any.
        self._curves: dict[int, list[tuple[int, float]]] = {}
        self._tokens: dict[int, int] = {}
        self._stops: dict[int, str] = {}  # open trials that the rule has given up, and why
        self._spared: frozenset[int] = frozenset()  # a person's repeats: they are to show the noise
        self._ordered: set[tuple[str, int]] = set()
        # Attempts that wait in the database and were put into the queue; None before the first
        # `reconcile`, when it is not known which were.
        self._handed = handed
        self._news = True  # values came in since the verdicts were last given
        self._best: float | None = None
        self._feed = 0
        self._ended = 0
        self._exhausted = False
        self._projected: tuple[SweepState, str] | None = None
        self._rebuild(sweep)

    @property
    def handed(self) -> set[tuple[str, int]] | None:
        """For the driver that takes this one's place."""
        return self._handed

    @property
    def mind(self) -> Mind:
        """Its searcher and its rule. In trouble they hand out nothing new, and all else goes on."""
        return self._mind

    def fits(self, sweep: SweepRecord) -> bool:
        """Whether the sweep's file is still the one that this driver was built from."""
        return sweep.changed == self._changed

    # -- the tick -----------------------------------------------------------------------------

    def tick(self, sweep: SweepRecord, free: int) -> None:
        """Takes in what is new, decides, and hands out trials for `free` waiting slots."""
        self._learn()
        queued = self._store.queued_attempts(self._id)
        if queued and sweep.state in _TAKES_NONE:
            # Their cancellation is the second step of an order whose first was the state.
            self._store.cancel_queued(self._id)
            queued = self._store.queued_attempts(self._id)
        running = self._store.running_attempts(self._id)
        if self._handed is not None:
            self._handed.intersection_update((a.trial_id, a.token) for a in queued)
        self._order(sweep, running)
        sweep = self._decide(sweep, queued, running)
        if sweep.state in _HANDS_OUT:
            sweep = self._hand_out(sweep, queued, free)
        self._project_state(sweep)

    def reconcile(self) -> None:
        """Makes Redis agree with the database about this sweep's open attempts.

        Heals what a crash between two writes left behind, a queue entry that RQ lost, and a Redis
        that was wiped. Running attempts get their lease back, and are reaped if nobody renews it.
        Waiting ones that are not in the queue get a new token: whoever was handed the old one in
        the meantime is fenced out, so that nothing runs twice.
        """
        for attempt in self._store.running_attempts(self._id):
            self._live.project(
                attempt.trial_id,
                attempt.token,
                self._id,
                epoch=self._epoch,
                state="running",
                agent_id=attempt.agent_id or "",
            )
        queued = self._store.queued_attempts(self._id)
        # Asked in this order: a job that is handed out in between shows as claimed, not as lost.
        waiting = self._queue.waiting(self._id)
        lost = []
        for attempt in queued:
            name = (attempt.trial_id, attempt.token)
            if name in waiting or (self._handed is not None and name not in self._handed):
                continue  # there, or about to be handed out
            held = self._live.attempt(attempt.trial_id)
            if held.get("token") != str(attempt.token) or held.get("state") == "queued":
                lost.append(attempt)
        if self._handed is None:
            self._handed = {(a.trial_id, a.token) for a in queued}
        self._enqueue([self._store.requeue_attempt(a.trial_id, a.token) for a in lost])
        self._queue.clean(self._id)

    # -- learning -----------------------------------------------------------------------------

    def _rebuild(self, sweep: SweepRecord) -> None:
        trials = self._store.trials(self._id)
        self._ended = max((t.ended_seq or 0 for t in trials), default=0)
        # An order of trials builds a new driver, so that none comes later.
        self._spared = _repeats(trials) if self._spec.early_terminate is not None else frozenset()
        open_numbers = {t.number for t in trials if not t.state.over}
        self._retell({t.number: t.state for t in trials if t.state.over})
        cost = seconds(self._store.attempt_times(self._id))
        self._mind.restore(sweep.snapshot, (self._seen(trial, cost) for trial in trials))
        for number in self._curves.keys() - open_numbers:
            self._drop(number)
        for trial in trials:
            self._note(trial.objective)

    def _retell(self, over: Mapping[int, TrialState]) -> None:
        """The whole feed anew, each end right behind its trial's last value: a rule may judge by
        who had come to an end by then."""
        entries = [entry for page in self._pages() for entry in page]
        last = {entry.number: entry.feed for entry in entries}
        for entry in entries:
            self._take(entry, told=True)
            state = over.get(entry.number)
            if state is not None and last[entry.number] == entry.feed:
                self._mind.close(entry.number, state)

    def _seen(self, trial: TrialRecord, cost: Mapping[int, float]) -> TrialSeen:
        """All that a searcher may know of a trial; its curve as the feed has it."""
        curve = tuple(value for _, value in self._curves.get(trial.number, ()))
        if not trial.state.over:
            return TrialSeen(trial.number, trial.config, trial.state, None, curve)
        return TrialSeen(
            trial.number,
            trial.config,
            trial.state,
            trial.objective,
            curve,
            values_of(self._spec.metrics, trial.summary),
            cost.get(trial.number),
            trial.reason,
        )

    def _learn(self) -> None:
        ended = self._store.ended_since(self._id, self._ended)
        self._read_feed()
        numbers = [trial.number for trial in ended]
        cost = seconds(self._store.attempt_times(self._id, numbers)) if ended else {}
        for trial in ended:
            self._ended = trial.ended_seq or self._ended
            self._mind.tell(self._seen(trial, cost).end())
            self._mind.close(trial.number, trial.state)
            self._drop(trial.number)
            self._note(trial.objective)

    def _drop(self, number: int) -> None:
        self._curves.pop(number, None)
        self._tokens.pop(number, None)
        self._stops.pop(number, None)

    def _note(self, value: float | None) -> None:
        """Keeps the best value seen, for the target."""
        metric = self._spec.metric
        if metric is not None:
            self._best = best_of([self._best, value], maximize=metric.goal is Goal.MAXIMIZE)

    def _pages(self) -> Iterator[Sequence[ObjectivePoints]]:
        """New objective values."""
        while True:
            page = self._store.objective_feed(self._id, self._feed, _PAGE)
            if page:
                self._feed = page[-1].feed
            yield page
            if len(page) < _PAGE:
                return

    def _read_feed(self) -> None:
        for page in self._pages():
            for entry in page:
                self._take(entry)

    def _take(self, entry: ObjectivePoints, *, told: bool = False) -> None:
        """A resumed attempt goes on after the rows it kept; one that starts anew replaces them.
        `told`: the searcher will be told of them otherwise."""
        number = entry.number
        curve = self._curves.setdefault(number, [])
        fresh = [point for point in entry.points if math.isfinite(point[1])]
        if fresh and entry.token > self._tokens.get(number, 0):
            self._tokens[number] = entry.token
            kept = [point for point in curve if point[0] < fresh[0][0]]
            if len(kept) < len(curve):
                self._mind.forget(number)
                self._stops.pop(number, None)
                curve.clear()
                fresh = kept + fresh
                if not told:
                    config = self._store.get_trial(entry.trial_id).config
                    self._mind.tell(Suggested(number, config))
        for step, value in fresh:
            curve.append((step, value))
            if not told:
                self._mind.tell(Reported(number, len(curve), value))
            self._mind.report(number, value)
            self._judge(number)
            self._note(value)
        self._news = True

    def _judge(self, number: int) -> None:
        """Judged at each value, not at each tick: how values are batched must decide nothing.

        A quick script is past a band before the next tick, and W&B's rule looks at the last band.
        """
        if number in self._spared:
            return
        if number not in self._stops and self._curves.get(number):
            verdict = self._mind.judge(number)
            if verdict.stop:
                # By both: rules, rungs and their settings count reports from 1, charts of runs and
                # what a script says of itself have its own steps, from 0 unless it gives them.
                curve = self._curves[number]
                when = f"iteration {len(curve)} (step {curve[-1][0]})"
                self._stops[number] = f"{self._rule_name} at {when}: {verdict.why}"

    # -- deciding -----------------------------------------------------------------------------

    def _order(self, sweep: SweepRecord, running: list[AttemptRecord]) -> None:
        """Tells agents which attempts are to end. An order stands in Redis until they do.

        Any trial's new value can change the verdict on every other (W&B looks at all of them, too).
        """
        for attempt in running:
            name = (attempt.trial_id, attempt.token)
            if name in self._ordered:
                continue
            if self._news:
                self._judge(attempt.number)
            if sweep.state is SweepState.CANCELED:
                order, why = Order.CANCEL, sweep.reason
            elif attempt.ordered is not None:
                order, why = Order.STOP, attempt.ordered
            elif attempt.number in self._stops:
                order, why = Order.STOP, self._stops[attempt.number]
            else:
                continue
            if self._live.order(*name, order, why):  # else again at the next tick
                self._ordered.add(name)
        self._news = False
        self._ordered.intersection_update((a.trial_id, a.token) for a in running)

    def _decide(
        self, sweep: SweepRecord, queued: list[AttemptRecord], running: list[AttemptRecord]
    ) -> SweepRecord:
        """Ends the sweep when its target is reached, or when there is nothing left to do."""
        if sweep.state.over:
            return sweep
        if sweep.state in _HANDS_OUT and (reached := self._target_reached()):
            self._store.cancel_queued(self._id)
            return self._store.set_sweep_state(self._id, SweepState.STOPPING, reached)
        if queued or running:
            return sweep
        if sweep.state is SweepState.STOPPING:
            return self._store.finish_sweep(sweep, sweep.reason)
        if sweep.state in _HANDS_OUT:
            total = self._mind.total
            if self._exhausted or (total is not None and sweep.next_number > total):
                return self._store.finish_sweep(sweep, "every configuration was tried")
            if self._room(sweep) == 0:
                return self._store.finish_sweep(sweep, f"run_cap {self._spec.run_cap} is reached")
        return sweep

    def _target_reached(self) -> str:
        metric = self._spec.metric
        if metric is None or metric.target is None:
            return ""
        if self._best is None:
            return ""
        maximize = metric.goal is Goal.MAXIMIZE
        if self._best >= metric.target if maximize else self._best <= metric.target:
            return f"the target {metric.target:g} of {metric.name} is reached ({self._best:g})"
        return ""

    # -- handing out --------------------------------------------------------------------------

    def _room(self, sweep: SweepRecord) -> int | None:
        """How many more trials run_cap allows; None without one."""
        if self._spec.run_cap is None:
            return None
        return max(0, self._spec.run_cap - (sweep.next_number - 1))

    def _hand_out(self, sweep: SweepRecord, queued: list[AttemptRecord], free: int) -> SweepRecord:
        handed = self._handed or set()
        # A trial that is queued again comes without a job.
        self._enqueue([a for a in queued if (a.trial_id, a.token) not in handed])
        want = free - len(queued)
        room = self._room(sweep)
        if room is not None:
            want = min(want, room)
        if want <= 0 or self._exhausted:
            return sweep
        told = self._mind.ask(want)
        if told is None:
            return sweep
        suggestions, snapshot = told
        self._exhausted = len(suggestions) < want
        if not suggestions:
            return sweep
        if sweep.state is SweepState.PENDING:
            sweep = self._store.set_sweep_state(self._id, SweepState.RUNNING)
        attempts = self._store.add_trials(
            self._id,
            self._generation,
            [NewTrial(s.number, s.config, s.parent) for s in suggestions],
            snapshot,
        )
        self._enqueue(attempts)
        return sweep

    def _enqueue(self, attempts: Sequence[AttemptRecord]) -> None:
        if not attempts:
            return
        pairs = [(a.trial_id, a.token) for a in attempts]
        for trial_id, token in pairs:
            self._live.project(trial_id, token, self._id, epoch=self._epoch)
        self._queue.enqueue(self._id, pairs)
        self._handed = (self._handed or set()).union(pairs)

    def _project_state(self, sweep: SweepRecord) -> None:
        told = (sweep.state, sweep.trouble)
        if told != self._projected:
            self._live.set_sweep_state(self._id, sweep.state.value, sweep.trouble)
            self._projected = told


def _repeats(trials: Sequence[TrialRecord]) -> frozenset[int]:
    """Trials that a person enqueued with a configuration that an earlier one has."""
    seen: set[str] = set()
    found = []
    for trial in trials:
        config = json.dumps(trial.config, sort_keys=True)
        if config in seen and trial.enqueued is not None:
            found.append(trial.number)
        seen.add(config)
    return frozenset(found)
