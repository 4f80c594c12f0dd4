"""The life of trials in the store, against the tables in `sweeps.trial` and a model in memory.

Hypothesis makes up what agents, the reaper, users and the controller do, stale and repeated words
among it; the store must answer as the model does, and both must be in the same state after each.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from controller.store import Chunk, ChunkKind, NewTrial, open_store
from sweeps.errors import Fenced, IllegalTransition
from sweeps.protocol.chunks import pack_points
from sweeps.trial import (
    ATTEMPT_TRANSITIONS,
    TRIAL_TRANSITIONS,
    AttemptState,
    Outcome,
    Reason,
    TrialState,
)

SWEEP = "aaaaaaaa"
REASONS = {
    AttemptState.FINISHED: Reason.OK,
    AttemptState.STOPPED: Reason.EARLY_STOP,
    AttemptState.FAILED: Reason.ERROR,
    AttemptState.CANCELED: Reason.USER,
    AttemptState.PREEMPTED: Reason.PREEMPTED,
    AttemptState.LOST: Reason.LEASE_EXPIRED,
}
AS_TRIAL = {
    AttemptState.FINISHED: TrialState.FINISHED,
    AttemptState.STOPPED: TrialState.STOPPED,
    AttemptState.CANCELED: TrialState.CANCELED,
}
NUMBERS = st.integers(1, 5)
TOKENS = st.sampled_from([0, 0, 0, -1, 1])  # beside the newest: a stale one, or one too many
ENDS = st.sampled_from([*REASONS, AttemptState.LOST, AttemptState.FAILED])
AGENTS = st.sampled_from(["a", "b"])


@dataclass
class Trial:
    """What the model holds of a trial: its attempts' states by token, and what follows of them."""

    attempts: list[AttemptState] = field(default_factory=lambda: [AttemptState.QUEUED])
    state: TrialState = TrialState.QUEUED
    agents: dict[int, str] = field(default_factory=dict)
    seq: int | None = None
    objective: float | None = None
    writer: int = 0
    chunks: set[tuple[int, int]] = field(default_factory=set)
    ordered: set[int] = field(default_factory=set)  # attempts that a person wants to end

    @property
    def token(self) -> int:
        return len(self.attempts)


class TrialLife(RuleBasedStateMachine):
    template: str

    def __init__(self):
        super().__init__()
        self.folder = tempfile.mkdtemp()
        self.path = shutil.copy(self.template, self.folder)
        self.store = open_store(f"sqlite:///{self.path}")
        self.store.create_sweep(
            sweep_id=SWEEP, name="", project="", yaml="", spec={}, seed=1, origin={}
        )
        self.owner = "controller"
        self.generation = self.store.take_sweep(SWEEP, self.owner, 600)
        self.trials: dict[int, Trial] = {}
        self.seen: dict[int, tuple[TrialState, list[AttemptState]]] = {}
        self.ends = 0
        self.feed: list[tuple[int, int]] = []
        self.add(3)

    @rule(who=st.sampled_from(["controller", "another"]))
    def restart(self, who):
        """The database is opened anew, and a controller takes the sweep over."""
        self.store.release_sweep(SWEEP, self.owner)
        self.store.close()
        self.store = open_store(f"sqlite:///{self.path}")
        before, self.owner = self.generation, who
        self.generation = self.store.take_sweep(SWEEP, who, 600)
        with pytest.raises(Fenced):
            self.store.add_trials(SWEEP, before, [NewTrial(99, {})], {})

    def teardown(self):
        self.store.close()
        shutil.rmtree(self.folder)

    def end(self, trial: Trial, state: TrialState) -> None:
        self.ends += 1
        trial.state, trial.seq = state, self.ends

    # -- what may happen ----------------------------------------------------------------------

    @precondition(lambda self: len(self.trials) < 5)
    @rule(count=st.integers(0, 2))
    def add(self, count):
        first = len(self.trials) + 1
        new = [NewTrial(first + k, {"x": k}) for k in range(count)]
        added = self.store.add_trials(SWEEP, self.generation, new, {"n": first})
        assert [attempt.number for attempt in added] == [trial.number for trial in new]
        self.trials.update((trial.number, Trial()) for trial in new)

    @rule(number=NUMBERS, beside=TOKENS, agent=AGENTS)
    def start(self, number, beside, agent):
        number, trial = self.pick(number)
        token = trial.token + beside
        may = beside == 0 and (
            trial.attempts[-1] is AttemptState.QUEUED
            or (trial.attempts[-1] is AttemptState.RUNNING and trial.agents[token] == agent)
        )
        try:
            self.store.start_attempt(
                f"{SWEEP}-{number}", token, agent_id=agent, host="h", device=""
            )
        except Fenced:
            assert not may
            return
        assert may
        trial.attempts[-1] = AttemptState.RUNNING
        trial.agents[token] = agent
        trial.state, trial.writer = TrialState.RUNNING, token

    @rule(
        number=NUMBERS,
        beside=TOKENS,
        state=ENDS,
        retry=st.booleans(),
        objective=st.none() | st.floats(-1, 1),
    )
    def finish(self, number, beside, state, retry, objective):
        number, trial = self.pick(number)
        token = trial.token + beside
        old = trial.attempts[token - 1] if 0 < token <= trial.token else None
        asked = []

        def policy(outcomes):
            asked.extend(outcome.state for outcome in outcomes)
            return retry

        try:
            ended = self.store.end_attempt(
                f"{SWEEP}-{number}",
                token,
                Outcome(state, REASONS[state]),
                objective=objective,
                retry=policy,
            )
        except Fenced:
            assert old is not state
            assert beside != 0 or old.over
            return
        assert ended.repeat is (old is state)
        if ended.repeat:
            return
        assert beside == 0
        assert not old.over
        trial.attempts[-1] = state
        if token in trial.ordered and state in (AttemptState.LOST, AttemptState.PREEMPTED):
            assert not asked
            self.end(trial, TrialState.STOPPED)
            trial.objective = objective
            return
        if state not in AS_TRIAL and token not in trial.ordered:
            assert asked == [s for s in trial.attempts if s is not AttemptState.SUPERSEDED]
        if asked and retry:
            trial.attempts.append(AttemptState.QUEUED)
            trial.state = TrialState.QUEUED
            return
        self.end(trial, AS_TRIAL.get(state, TrialState.FAILED))
        if state in (AttemptState.FINISHED, AttemptState.STOPPED):
            trial.objective = objective

    @rule(number=NUMBERS, agent=AGENTS, state=ENDS, retry=st.booleans(), late=st.integers(-1, 0))
    def live(self, number, agent, state, retry, late):
        """A whole attempt, with a chunk that may be its predecessor's: what happens most."""
        self.start(number, 0, agent)
        self.chunk(number, late, 0)
        self.finish(number, 0, state, retry, 0.5)

    @rule(number=NUMBERS, beside=TOKENS)
    def requeue(self, number, beside):
        number, trial = self.pick(number)
        may = beside == 0 and trial.attempts[-1] is AttemptState.QUEUED
        try:
            attempt = self.store.requeue_attempt(f"{SWEEP}-{number}", trial.token + beside)
        except Fenced:
            assert not may
            return
        assert may
        trial.attempts[-1:] = [AttemptState.SUPERSEDED, AttemptState.QUEUED]
        assert attempt.token == trial.token

    @rule(number=NUMBERS)
    def retry(self, number):
        number, trial = self.pick(number)
        try:
            retried = self.store.retry_trials(SWEEP, [f"{SWEEP}-{number}"])
        except IllegalTransition:
            assert trial.state.over
            assert trial.state is not TrialState.FAILED
            return
        if trial.state is not TrialState.FAILED:
            assert not retried
            return
        trial.attempts.append(AttemptState.QUEUED)
        trial.state, trial.seq = TrialState.QUEUED, None
        assert [each.token for each in retried] == [trial.token]

    @rule(number=NUMBERS)
    def stop(self, number):
        number, trial = self.pick(number)
        try:
            self.store.stop_trial(f"{SWEEP}-{number}", "stopped by a user")
        except IllegalTransition:
            assert trial.state.over
            return
        if trial.state is TrialState.RUNNING:
            trial.ordered.add(trial.token)
            return
        assert trial.state is TrialState.QUEUED
        trial.attempts[-1] = AttemptState.CANCELED
        self.end(trial, TrialState.CANCELED)

    @precondition(lambda self: len(self.trials) < 5)
    @rule()
    def enqueue(self):
        number = len(self.trials) + 1
        for _ in range(2):
            made = self.store.enqueue_trials(SWEEP, [NewTrial(number, {})], [f"ann:{number}"])
            assert [trial.number for trial in made] == [number]
        self.trials[number] = Trial()

    @precondition(lambda self: sum(not t.state.over for t in self.trials.values()) in (1, 4))
    @rule()
    def cancel(self):
        canceled = [trial.number for trial in self.store.cancel_queued(SWEEP)]
        assert canceled == [n for n, t in self.trials.items() if t.state is TrialState.QUEUED]
        for number in canceled:
            self.trials[number].attempts[-1] = AttemptState.CANCELED
            self.end(self.trials[number], TrialState.CANCELED)

    @rule(number=NUMBERS, beside=st.integers(-1, 0), seq=st.integers(0, 2))
    def chunk(self, number, beside, seq):
        number, trial = self.pick(number)
        writer = max(1, trial.token + beside)
        had = any(w == writer and seq <= newest for w, newest in trial.chunks)
        points = pack_points([(seq, 1.0)])
        chunk = Chunk(f"{SWEEP}-{number}", writer, ChunkKind.HISTORY, seq, seq, seq, 1, b"", points)
        try:
            kept = self.store.add_chunk(chunk)
        except Fenced:
            assert writer < trial.writer
            assert not had
            return
        assert kept is not had
        if kept:
            assert writer >= trial.writer
            trial.chunks.add((writer, seq))
            self.feed.append((number, writer))

    def pick(self, number):
        number = min(number, len(self.trials))
        return number, self.trials[number]

    # -- what must hold -----------------------------------------------------------------------

    @invariant()
    def the_store_says_what_the_model_says(self):
        trials = self.store.trials(SWEEP)
        assert [trial.number for trial in trials] == list(self.trials)
        for record in trials:
            trial = self.trials[record.number]
            assert (record.state, record.token) == (trial.state, trial.token)
            assert (record.ended_seq, record.objective) == (trial.seq, trial.objective)
            assert (record.ended is None) is (not trial.state.over)
            attempts = self.store.attempts(record.id)
            assert [attempt.state for attempt in attempts] == trial.attempts
            assert [attempt.token for attempt in attempts] == list(range(1, trial.token + 1))
            assert [(a.ended is None) for a in attempts] == [not s.over for s in trial.attempts]
            superseded = trial.attempts.count(AttemptState.SUPERSEDED)
            assert record.attempts == len(attempts) - superseded
            run = self.store.get_run(record.id)
            assert (run.state, run.writer) == (trial.state, trial.writer)

    @invariant()
    def only_the_newest_attempt_may_be_open(self):
        for state, list_them in [
            (AttemptState.QUEUED, self.store.queued_attempts),
            (AttemptState.RUNNING, self.store.running_attempts),
        ]:
            expected = [(n, t.token) for n, t in self.trials.items() if t.attempts[-1] is state]
            assert [(a.number, a.token) for a in list_them(SWEEP)] == expected
        assert not any(
            s in t.attempts[:-1]
            for t in self.trials.values()
            for s in (AttemptState.QUEUED, AttemptState.RUNNING)
        )

    @invariant()
    def ends_and_objective_values_are_numbered_without_gap(self):
        ended = {t.seq: n for n, t in self.trials.items() if t.seq is not None}
        listed = [(t.ended_seq, t.number) for t in self.store.ended_since(SWEEP, 0)]
        assert listed == sorted(ended.items())
        feed = self.store.objective_feed(SWEEP, 0)
        assert [p.feed for p in feed] == list(range(1, len(self.feed) + 1))
        assert [(p.number, p.token) for p in feed] == self.feed
        sweep = self.store.get_sweep(SWEEP)
        assert (sweep.ended_seq, sweep.feed) == (self.ends, len(self.feed))

    @invariant()
    def every_change_is_in_the_tables(self):
        """One call may take two steps: an attempt whose start went missing ran all the same."""
        for number, trial in self.trials.items():
            state, attempts = self.seen.get(number, (trial.state, trial.attempts))
            ways = TRIAL_TRANSITIONS[state] | {state}
            if TrialState.RUNNING in ways:
                ways |= TRIAL_TRANSITIONS[TrialState.RUNNING]
            assert trial.state in ways
            for before, now in zip(attempts, trial.attempts, strict=False):
                assert now is before or now in ATTEMPT_TRANSITIONS[before]
            self.seen[number] = (trial.state, list(trial.attempts))

    @invariant()
    def the_best_is_the_best(self):
        scores = [(t.objective, n) for n, t in self.trials.items() if t.objective is not None]
        best = self.store.best_trial(SWEEP, "minimize")
        assert (best and best.number) == (min(scores)[1] if scores else None)
        best = self.store.best_trial(SWEEP, "maximize")
        highest = max(scores, key=lambda score: (score[0], -score[1])) if scores else None
        assert (best and best.number) == (highest and highest[1])


@pytest.mark.timeout(600)  # only a failure takes long: it is made as small as can be
def test_the_life_of_trials(tmp_path):
    TrialLife.template = str(tmp_path / "template.db")
    open_store(f"sqlite:///{TrialLife.template}").close()
    case = TrialLife.TestCase()
    case.settings = settings(max_examples=30, stateful_step_count=40, deadline=None)
    case.runTest()
