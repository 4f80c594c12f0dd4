"""What the store promises, on SQLite and on PostgreSQL alike."""

from __future__ import annotations

import math
import time
from concurrent.futures import Future

import pytest

from controller.store import Chunk, ChunkKind, NewTrial, open_store
from sweeps.errors import (
    ChunkError,
    Fenced,
    IllegalTransition,
    NotFoundError,
    StoreError,
    StoreUnavailable,
)
from sweeps.protocol.chunks import encode, pack_points
from sweeps.trial import AttemptState, Outcome, Reason, SweepState, TrialState

FINISHED = Outcome(AttemptState.FINISHED, Reason.OK, exit_code=0)
STOPPED = Outcome(AttemptState.STOPPED, Reason.EARLY_STOP)
FAILED = Outcome(AttemptState.FAILED, Reason.ERROR, "it broke", exit_code=1)
CANCELED = Outcome(AttemptState.CANCELED, Reason.USER)
PREEMPTED = Outcome(AttemptState.PREEMPTED, Reason.PREEMPTED, signal=15)
LOST = Outcome(AttemptState.LOST, Reason.LEASE_EXPIRED)


def never(outcomes):
    return False


def always(outcomes):
    return True


def unasked(outcomes):
    raise AssertionError(f"the retry policy was asked about {outcomes}")


@pytest.fixture
def store(migrated_url):
    with open_store(migrated_url) as opened:
        yield opened


def new_sweep(store, sweep_id="aaaaaaaa", trials=0, **changes):
    """A sweep with queued trials; returns the generation of its lease."""
    values = {"name": "n", "project": "p", "yaml": "", "spec": {}, "seed": 1, "origin": {}}
    store.create_sweep(sweep_id=sweep_id, **{**values, **changes})
    generation = store.take_sweep(sweep_id, "controller", 60)
    add(store, sweep_id, generation, *range(1, trials + 1))
    return generation


def add(store, sweep_id, generation, *numbers):
    trials = [NewTrial(number, {"x": number}) for number in numbers]
    return store.add_trials(sweep_id, generation, trials, {"asked": len(numbers)})


def start(store, trial_id, token=1, agent_id="agent", **where):
    return store.start_attempt(
        trial_id, token, agent_id=agent_id, host="box", device="gpu0", **where
    )


def run_trial(store, trial_id, outcome=FINISHED, **given):
    start(store, trial_id)
    return store.end_attempt(trial_id, 1, outcome, **{"retry": never, **given}).trial


def test_a_segment_knows_the_trial_that_it_goes_on_from(store):
    generation = new_sweep(store, trials=1)
    store.add_trials("aaaaaaaa", generation, [NewTrial(2, {"x": 2}, parent=1)], {})
    assert [trial.parent for trial in store.trials("aaaaaaaa")] == [None, 1]
    assert store.get_run("aaaaaaaa-2").metadata == {"parent": "aaaaaaaa-1"}
    assert store.trial_columns("aaaaaaaa").numbers["parent"] == [None, 1]


class TestSweeps:
    def test_a_sweep_comes_back_as_it_was_recorded(self, store):
        spec = {"parameters": {"é": {"values": [1, 2.5, None, True, "x", math.inf]}}}
        new = {
            "sweep_id": "aaaaaaaa",
            "name": "näme \U0001f600",
            "project": "p",
            "yaml": "method: grid\n# ünïcode\n",
            "spec": spec,
            "seed": 2**80,
            "origin": {"cwd": "/x"},
        }
        before = time.time()
        made = store.create_sweep(**new)
        assert made == store.get_sweep("aaaaaaaa")
        assert {key: getattr(made, key) for key in new if key != "sweep_id"} == {
            key: value for key, value in new.items() if key != "sweep_id"
        }
        assert (made.state, made.next_number, made.ended_seq, made.feed) == (
            SweepState.PENDING,
            1,
            0,
            0,
        )
        assert (made.snapshot, made.owner, made.started, made.ended) == (None, None, None, None)
        assert before - 5 < made.created < time.time() + 5

    def test_text_that_a_database_cannot_hold_is_mended(self, store):
        new_sweep(store, name="a\0b", yaml="half \udc80 of a pair")
        sweep = store.get_sweep("aaaaaaaa")
        assert (sweep.name, sweep.yaml) == ("a\ufffdb", "half \ufffd of a pair")

    def test_an_id_is_given_once(self, store):
        new_sweep(store)
        with pytest.raises(StoreError, match="aaaaaaaa"):
            new_sweep(store)

    @pytest.mark.parametrize("sweep_id", ["bbbbbbbb", "", "x\0y", "'; --", "x" * 5000])
    def test_what_is_not_there_is_said_so(self, store, sweep_id):
        with pytest.raises(NotFoundError):
            store.get_sweep(sweep_id)
        with pytest.raises(NotFoundError):
            store.set_sweep_state(sweep_id, SweepState.RUNNING)
        with pytest.raises(NotFoundError):
            store.take_sweep(sweep_id, "me", 1)
        with pytest.raises(NotFoundError):
            store.add_trials(sweep_id, 1, [], {})
        with pytest.raises(NotFoundError):
            store.get_trial(sweep_id)
        with pytest.raises(NotFoundError):
            store.attempts(sweep_id)
        with pytest.raises(NotFoundError):
            store.retry_trials(sweep_id)
        with pytest.raises(NotFoundError):
            store.stop_trial(sweep_id, "")
        with pytest.raises(NotFoundError):
            store.requeue_attempt(sweep_id, 1)
        with pytest.raises(NotFoundError):
            start(store, sweep_id)
        with pytest.raises(NotFoundError):
            store.end_attempt(sweep_id, 1, LOST, retry=never)
        with pytest.raises(NotFoundError):
            store.get_run(sweep_id)
        with pytest.raises(NotFoundError):
            store.history(sweep_id)
        with pytest.raises(NotFoundError):
            store.objective_curve(sweep_id)
        assert store.trials(sweep_id) == store.cancel_queued(sweep_id) == []

    def test_lists_are_in_order_of_creation(self, store):
        for sweep_id in ("bbbbbbbb", "aaaaaaaa", "cccccccc"):
            new_sweep(store, sweep_id)
        store.set_sweep_state("aaaaaaaa", SweepState.CANCELED)
        assert [s.id for s in store.list_sweeps()] == ["cccccccc", "aaaaaaaa", "bbbbbbbb"]
        assert [s.id for s in store.list_sweeps(SweepState.CANCELED)] == ["aaaaaaaa"]
        assert [s.id for s in store.open_sweeps()] == ["bbbbbbbb", "cccccccc"]

    def test_states_leave_their_times(self, store):
        new_sweep(store)
        running = store.set_sweep_state("aaaaaaaa", SweepState.RUNNING)
        assert running.started is not None
        store.set_sweep_state("aaaaaaaa", SweepState.PAUSED, "lunch")
        assert store.get_sweep("aaaaaaaa").reason == "lunch"
        again = store.set_sweep_state("aaaaaaaa", SweepState.RUNNING)
        assert (again.started, again.reason) == (running.started, "")
        over = store.set_sweep_state("aaaaaaaa", SweepState.FINISHED, "the space is exhausted")
        assert over.ended is not None
        assert over.ended >= running.started
        kept = store.set_sweep_state("aaaaaaaa", SweepState.FINISHED, "it really is")
        assert (kept.ended, kept.reason) == (over.ended, "it really is")
        assert store.set_sweep_state("aaaaaaaa", SweepState.RUNNING).ended is None

    def test_an_illegal_state_is_refused_and_changes_nothing(self, store):
        new_sweep(store)
        before = store.set_sweep_state("aaaaaaaa", SweepState.CANCELED)
        with pytest.raises(IllegalTransition):
            store.set_sweep_state("aaaaaaaa", SweepState.RUNNING)
        assert store.get_sweep("aaaaaaaa") == before


class TestLease:
    def test_one_owner_at_a_time(self, store):
        generation = new_sweep(store)
        assert store.take_sweep("aaaaaaaa", "controller", 60) == generation
        assert store.take_sweep("aaaaaaaa", "other", 60) is None
        assert store.get_sweep("aaaaaaaa").owner == "controller"

    def test_it_runs_out_by_the_databases_clock(self, store):
        generation = new_sweep(store)
        store.take_sweep("aaaaaaaa", "controller", 0.2)
        deadline = time.monotonic() + 20
        while (taken := store.take_sweep("aaaaaaaa", "other", 60)) is None:
            assert time.monotonic() < deadline
        assert taken > generation
        assert store.take_sweep("aaaaaaaa", "controller", 60) is None
        with pytest.raises(Fenced, match="other"):
            add(store, "aaaaaaaa", generation, 1)
        assert store.trials("aaaaaaaa") == []

    def test_an_owner_that_was_only_late_goes_on(self, store):
        generation = new_sweep(store)
        store.take_sweep("aaaaaaaa", "controller", -1)
        add(store, "aaaaaaaa", generation, 1)
        assert store.take_sweep("aaaaaaaa", "controller", 60) == generation

    def test_what_is_given_back_is_free_at_once_and_no_longer_ones_own(self, store):
        generation = new_sweep(store)
        store.release_sweep("aaaaaaaa", "other")
        assert store.take_sweep("aaaaaaaa", "other", 60) is None
        store.release_sweep("aaaaaaaa", "controller")
        with pytest.raises(Fenced):
            add(store, "aaaaaaaa", generation, 1)
        assert store.take_sweep("aaaaaaaa", "other", 60) > generation


class TestAdding:
    def test_trials_are_queued_with_their_first_attempt_and_their_run(self, store):
        generation = new_sweep(store)
        added = add(store, "aaaaaaaa", generation, 1, 2)
        assert added == store.queued_attempts("aaaaaaaa")
        assert [(a.trial_id, a.token, a.number, a.state) for a in added] == [
            ("aaaaaaaa-1", 1, 1, AttemptState.QUEUED),
            ("aaaaaaaa-2", 1, 2, AttemptState.QUEUED),
        ]
        trial = store.get_trial("aaaaaaaa-2")
        assert (trial.number, trial.config, trial.state) == (2, {"x": 2}, TrialState.QUEUED)
        assert (trial.token, trial.attempts, trial.steps, trial.summary) == (1, 1, 0, {})
        run = store.get_run("aaaaaaaa-2")
        assert (run.sweep_id, run.project, run.config) == ("aaaaaaaa", "p", {"x": 2})
        sweep = store.get_sweep("aaaaaaaa")
        assert (sweep.next_number, sweep.snapshot) == (3, {"asked": 2})

    def test_a_snapshot_alone_may_change(self, store):
        generation = new_sweep(store)
        assert store.add_trials("aaaaaaaa", generation, [], {"seen": 1}) == []
        assert store.get_sweep("aaaaaaaa").snapshot == {"seen": 1}

    @pytest.mark.parametrize("numbers", [[1], [4], [3, 5], [4, 3]])
    def test_numbers_go_on_without_gap_or_repeat(self, store, numbers):
        generation = new_sweep(store, trials=2)
        with pytest.raises(Fenced):
            add(store, "aaaaaaaa", generation, *numbers)
        assert store.get_sweep("aaaaaaaa").next_number == 3

    @pytest.mark.parametrize(
        "state", [SweepState.PAUSED, SweepState.STOPPING, SweepState.FINISHED, SweepState.CANCELED]
    )
    def test_a_sweep_that_takes_no_trials_gets_none(self, store, state):
        generation = new_sweep(store)
        store.set_sweep_state("aaaaaaaa", state)
        with pytest.raises(IllegalTransition, match=state.value):
            add(store, "aaaaaaaa", generation, 1)
        assert store.trials("aaaaaaaa") == []

    def test_all_or_nothing(self, store):
        generation = new_sweep(store)
        odd = [NewTrial(1, {"x": 1}), NewTrial(2, {"x": object()})]
        with pytest.raises(Exception, match="JSON"):
            store.add_trials("aaaaaaaa", generation, odd, {})
        assert store.trials("aaaaaaaa") == []
        assert store.get_sweep("aaaaaaaa").next_number == 1
        add(store, "aaaaaaaa", generation, 1)


class TestStart:
    def test_it_is_recorded_with_its_place(self, store):
        new_sweep(store, trials=2)
        trial = start(store, "aaaaaaaa-1", pid=7)
        assert (trial.state, trial.agent_id, trial.host, trial.device) == (
            TrialState.RUNNING,
            "agent",
            "box",
            "gpu0",
        )
        (attempt,) = store.running_attempts("aaaaaaaa")
        assert (attempt.trial_id, attempt.pid) == ("aaaaaaaa-1", 7)
        assert attempt.started == trial.started is not None
        assert [a.trial_id for a in store.queued_attempts("aaaaaaaa")] == ["aaaaaaaa-2"]
        run = store.get_run("aaaaaaaa-1")
        assert (run.state, run.writer) == (TrialState.RUNNING, 1)

    def test_a_repeat_by_the_same_agent_changes_nothing_but_the_pid(self, store):
        new_sweep(store, trials=1)
        first = start(store, "aaaaaaaa-1")
        assert start(store, "aaaaaaaa-1", pid=9) == first
        assert store.running_attempts("aaaaaaaa")[0].pid == 9
        start(store, "aaaaaaaa-1")
        assert store.running_attempts("aaaaaaaa")[0].pid == 9

    def test_another_agent_is_fenced(self, store):
        new_sweep(store, trials=1)
        start(store, "aaaaaaaa-1", agent_id="first")
        with pytest.raises(Fenced, match="first"):
            start(store, "aaaaaaaa-1", agent_id="second")
        assert store.get_trial("aaaaaaaa-1").agent_id == "first"

    @pytest.mark.parametrize("token", [0, 2, 99])
    def test_a_token_that_was_not_given_out_is_fenced(self, store, token):
        new_sweep(store, trials=1)
        with pytest.raises(Fenced):
            start(store, "aaaaaaaa-1", token)

    def test_what_is_over_does_not_start(self, store):
        new_sweep(store, trials=2)
        run_trial(store, "aaaaaaaa-1")
        store.cancel_queued("aaaaaaaa")
        for trial_id in ("aaaaaaaa-1", "aaaaaaaa-2"):
            before = store.get_trial(trial_id)
            with pytest.raises(Fenced):
                start(store, trial_id)
            assert store.get_trial(trial_id) == before


class TestEnd:
    @pytest.mark.parametrize(
        ("outcome", "state", "kept"),
        [
            (FINISHED, TrialState.FINISHED, 0.5),
            (STOPPED, TrialState.STOPPED, 0.5),
            (FAILED, TrialState.FAILED, None),
            (CANCELED, TrialState.CANCELED, None),
            (PREEMPTED, TrialState.FAILED, None),
            (LOST, TrialState.FAILED, None),
        ],
    )
    def test_the_trial_ends_as_its_attempt_did(self, store, outcome, state, kept):
        new_sweep(store, trials=1)
        trial = run_trial(store, "aaaaaaaa-1", outcome, summary={"l": math.nan}, objective=0.5)
        assert trial == store.get_trial("aaaaaaaa-1")
        assert (trial.state, trial.objective, trial.ended_seq) == (state, kept, 1)
        assert (trial.reason, trial.detail) == (outcome.reason, outcome.detail)
        assert math.isnan(trial.summary["l"])
        (attempt,) = store.attempts("aaaaaaaa-1")
        assert attempt.outcome == outcome
        assert attempt.ended == trial.ended == store.get_run("aaaaaaaa-1").ended
        assert store.get_run("aaaaaaaa-1").state is state
        assert store.running_attempts("aaaaaaaa") == store.queued_attempts("aaaaaaaa") == []

    def test_its_duration_is_what_its_agent_says(self, store):
        """The word of an end may come long after it, when the server was away."""
        new_sweep(store, trials=2)
        trial = run_trial(store, "aaaaaaaa-1", seconds=0.0)
        assert trial.ended == trial.started
        late = run_trial(store, "aaaaaaaa-2", seconds=3600.0)
        assert late.started <= late.ended < late.started + 3600, "not in the future"

    def test_when_attempts_ran_is_read_at_once(self, store):
        new_sweep(store, trials=3)
        trial = run_trial(store, "aaaaaaaa-2", seconds=0.0)
        start(store, "aaaaaaaa-3")
        assert store.attempt_times("aaaaaaaa") == [(2, trial.started, trial.ended, "gpu0")]
        assert store.attempt_times("aaaaaaaa", [2, 3]) == store.attempt_times("aaaaaaaa")
        assert store.attempt_times("aaaaaaaa", [1]) == []

    @pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, None])
    def test_an_objective_that_orders_nothing_is_none(self, store, value):
        new_sweep(store, trials=1)
        assert run_trial(store, "aaaaaaaa-1", objective=value).objective is None
        assert store.best_trial("aaaaaaaa", "minimize") is None

    def test_a_repeat_is_answered_and_changes_nothing(self, store):
        new_sweep(store, trials=1)
        trial = run_trial(store, "aaaaaaaa-1", objective=1.0)
        again = store.end_attempt("aaaaaaaa-1", 1, FINISHED, objective=2.0, retry=unasked)
        assert (again.trial, again.repeat) == (trial, True)

    @pytest.mark.parametrize(("first", "late"), [(LOST, FINISHED), (FINISHED, LOST)])
    def test_another_end_than_the_recorded_one_is_fenced(self, store, first, late):
        new_sweep(store, trials=1)
        trial = run_trial(store, "aaaaaaaa-1", first, objective=1.0)
        with pytest.raises(Fenced, match=first.state.value):
            store.end_attempt("aaaaaaaa-1", 1, late, objective=2.0, retry=unasked)
        assert store.get_trial("aaaaaaaa-1") == trial

    def test_a_late_attempt_cannot_end_the_trial_of_a_newer_one(self, store):
        new_sweep(store, trials=1)
        run_trial(store, "aaaaaaaa-1", LOST, retry=always)
        before = start(store, "aaaaaaaa-1", 2, agent_id="newer")
        with pytest.raises(Fenced, match=r"attempt 2.*newer"):
            store.end_attempt("aaaaaaaa-1", 1, FINISHED, objective=1.0, retry=unasked)
        assert store.get_trial("aaaaaaaa-1") == before

    @pytest.mark.parametrize("outcome", [FAILED, PREEMPTED, LOST])
    def test_a_retry_queues_the_next_token(self, store, outcome):
        new_sweep(store, trials=1)
        trial = run_trial(store, "aaaaaaaa-1", outcome, retry=always, summary={"epoch": 3})
        assert (trial.state, trial.token, trial.attempts) == (TrialState.QUEUED, 2, 2)
        assert (trial.ended, trial.ended_seq, trial.summary) == (None, None, {"epoch": 3})
        assert trial.reason is outcome.reason
        (queued,) = store.queued_attempts("aaaaaaaa")
        assert (queued.trial_id, queued.token) == ("aaaaaaaa-1", 2)
        assert store.get_run("aaaaaaaa-1").state is TrialState.QUEUED
        assert store.end_attempt("aaaaaaaa-1", 1, outcome, retry=unasked).repeat

    def test_the_policy_sees_all_outcomes(self, store):
        new_sweep(store, trials=1)
        seen = []

        def policy(outcomes):
            seen.append(list(outcomes))
            return len(outcomes) < 3

        for token, outcome in enumerate([LOST, FAILED, PREEMPTED], 1):
            start(store, "aaaaaaaa-1", token)
            ended = store.end_attempt("aaaaaaaa-1", token, outcome, retry=policy)
        assert seen == [[LOST], [LOST, FAILED], [LOST, FAILED, PREEMPTED]]
        assert (ended.trial.state, ended.trial.attempts) == (TrialState.FAILED, 3)

    @pytest.mark.parametrize("outcome", [FINISHED, STOPPED, CANCELED])
    def test_what_ended_as_wished_is_never_tried_again(self, store, outcome):
        new_sweep(store, trials=1)
        assert run_trial(store, "aaaaaaaa-1", outcome, retry=unasked).state.over

    def test_an_end_whose_start_was_never_recorded_counts(self, store):
        new_sweep(store, trials=1)
        ended = store.end_attempt("aaaaaaaa-1", 1, FINISHED, objective=1.0, retry=never)
        assert (ended.trial.state, ended.trial.objective) == (TrialState.FINISHED, 1.0)

    @pytest.mark.parametrize("state", [AttemptState.RUNNING, AttemptState.SUPERSEDED])
    def test_an_outcome_that_is_no_end_is_refused(self, store, state):
        new_sweep(store, trials=1)
        with pytest.raises(IllegalTransition):
            run_trial(store, "aaaaaaaa-1", Outcome(state, Reason.OK))
        assert store.get_trial("aaaaaaaa-1").state is TrialState.RUNNING

    def test_a_policy_that_fails_leaves_everything_as_it_was(self, store):
        new_sweep(store, trials=1)
        before = start(store, "aaaaaaaa-1")
        with pytest.raises(AssertionError):
            store.end_attempt("aaaaaaaa-1", 1, LOST, summary={"a": 1}, retry=unasked)
        assert store.get_trial("aaaaaaaa-1") == before
        assert len(store.running_attempts("aaaaaaaa")) == 1


class TestOtherWays:
    def test_a_queued_attempt_is_superseded(self, store):
        new_sweep(store, trials=1)
        attempt = store.requeue_attempt("aaaaaaaa-1", 1)
        assert (attempt.token, attempt.state) == (2, AttemptState.QUEUED)
        assert store.queued_attempts("aaaaaaaa") == [attempt]
        assert [a.state for a in store.attempts("aaaaaaaa-1")] == [
            AttemptState.SUPERSEDED,
            AttemptState.QUEUED,
        ]
        assert store.get_trial("aaaaaaaa-1").attempts == 1
        with pytest.raises(Fenced):
            start(store, "aaaaaaaa-1", 1)
        with pytest.raises(Fenced):
            store.end_attempt("aaaaaaaa-1", 1, LOST, retry=unasked)
        start(store, "aaaaaaaa-1", 2)

    def test_an_attempt_that_moved_on_is_not_superseded(self, store):
        new_sweep(store, trials=1)
        start(store, "aaaaaaaa-1")
        with pytest.raises(Fenced, match="running"):
            store.requeue_attempt("aaaaaaaa-1", 1)
        store.end_attempt("aaaaaaaa-1", 1, LOST, retry=always)
        with pytest.raises(Fenced):
            store.requeue_attempt("aaaaaaaa-1", 1)

    def test_superseded_attempts_are_no_outcomes(self, store):
        new_sweep(store, trials=1)
        store.requeue_attempt("aaaaaaaa-1", 1)
        start(store, "aaaaaaaa-1", 2)
        seen = []
        store.end_attempt("aaaaaaaa-1", 2, LOST, retry=lambda outcomes: seen.extend(outcomes))
        assert seen == [LOST]

    def test_a_failed_trial_is_retried_on_a_users_word(self, store):
        new_sweep(store, trials=2)
        run_trial(store, "aaaaaaaa-1", FAILED)
        run_trial(store, "aaaaaaaa-2", FINISHED, objective=1.0)
        (trial,) = store.retry_trials("aaaaaaaa")
        assert (trial.state, trial.ended, trial.ended_seq) == (TrialState.QUEUED, None, None)
        assert (trial.token, trial.attempts) == (2, 2)
        assert store.retry_trials("aaaaaaaa", ["aaaaaaaa-1"]) == []  # safe to repeat
        start(store, "aaaaaaaa-1", 2)
        ended = store.end_attempt("aaaaaaaa-1", 2, FINISHED, objective=0.5, retry=never).trial
        assert (ended.ended_seq, ended.objective) == (3, 0.5)
        assert [t.number for t in store.ended_since("aaaaaaaa", 2)] == [1]

    def test_only_a_failed_trial_is_retried(self, store):
        new_sweep(store, trials=2)
        new_sweep(store, "bbbbbbbb", trials=1)
        run_trial(store, "aaaaaaaa-1")
        run_trial(store, "aaaaaaaa-2", FAILED)
        with pytest.raises(IllegalTransition, match="finished"):
            store.retry_trials("aaaaaaaa", ["aaaaaaaa-1", "aaaaaaaa-2"])
        with pytest.raises(IllegalTransition, match="not of sweep"):
            store.retry_trials("aaaaaaaa", ["aaaaaaaa-2", "bbbbbbbb-1"])
        with pytest.raises(NotFoundError):
            store.retry_trials("aaaaaaaa", ["aaaaaaaa-3"])
        assert store.get_trial("aaaaaaaa-2").state is TrialState.FAILED
        for state in (SweepState.STOPPING, SweepState.CANCELED):
            store.set_sweep_state("aaaaaaaa", state)
            with pytest.raises(IllegalTransition, match="takes no trials"):
                store.retry_trials("aaaaaaaa")

    def test_a_sweep_that_is_over_goes_on_with_what_it_is_given(self, store):
        generation = new_sweep(store, trials=1)
        run_trial(store, "aaaaaaaa-1", FAILED)
        sweep = store.finish_sweep(store.get_sweep("aaaaaaaa"), "done")
        assert (sweep.state, sweep.reason) == (SweepState.FINISHED, "done")
        store.retry_trials("aaaaaaaa")
        again = store.get_sweep("aaaaaaaa")
        assert (again.state, again.ended, again.reason) == (SweepState.RUNNING, None, "")
        with pytest.raises(Fenced, match="more to do"):
            store.finish_sweep(again, "by one who has not seen it")
        start(store, "aaaaaaaa-1", 2)
        store.end_attempt("aaaaaaaa-1", 2, FINISHED, retry=never)
        add(store, "aaaaaaaa", generation, 2)
        store.cancel_queued("aaaaaaaa")
        with pytest.raises(Fenced, match="more to do"):
            store.finish_sweep(again, "by one who has not seen the new trial")
        store.finish_sweep(store.get_sweep("aaaaaaaa"), "now")

    def test_what_a_person_asks_for_is_added_once(self, store):
        generation = new_sweep(store, trials=1)
        wanted = [NewTrial(2, {"x": 7}), NewTrial(3, {"x": 8})]
        names = ["ann:k/0", "ann:k/1"]
        for _ in range(2):
            made = store.enqueue_trials("aaaaaaaa", wanted, names, most=3)
            assert [(t.number, t.config["x"], t.enqueued) for t in made] == [
                (2, 7, "ann:k/0"),
                (3, 8, "ann:k/1"),
            ]
        assert [a.number for a in store.queued_attempts("aaaaaaaa")] == [1, 2, 3]
        with pytest.raises(Fenced, match="number 4"):
            store.enqueue_trials("aaaaaaaa", wanted, ["ben:k/0", "ben:k/1"])
        with pytest.raises(IllegalTransition, match="room for 0 more"):
            store.enqueue_trials("aaaaaaaa", [NewTrial(4, {})], ["ben:k/0"], most=3)
        with pytest.raises(Fenced, match="somebody else has added trials"):
            add(store, "aaaaaaaa", generation, 2)  # a controller that has not seen them

    def test_an_order_to_stop_stands_until_the_attempt_is_over(self, store):
        new_sweep(store, trials=3)
        start(store, "aaaaaaaa-1")
        for user in ("ann", "ben"):
            trial = store.stop_trial("aaaaaaaa-1", f"stopped by {user}")
            assert trial.state is TrialState.RUNNING
        assert [a.ordered for a in store.running_attempts("aaaaaaaa")] == ["stopped by ann"]
        ended = store.end_attempt("aaaaaaaa-1", 1, LOST, objective=0.5, retry=unasked).trial
        assert (ended.state, ended.reason, ended.detail, ended.objective) == (
            TrialState.STOPPED,
            Reason.USER,
            "stopped by ann",
            0.5,
        )
        assert store.attempts("aaaaaaaa-1")[0].state is AttemptState.LOST
        with pytest.raises(IllegalTransition, match="nothing to stop"):
            store.stop_trial("aaaaaaaa-1", "stopped by ann")

        start(store, "aaaaaaaa-2")
        store.stop_trial("aaaaaaaa-2", "stopped by ann")
        rule = Outcome(AttemptState.STOPPED, Reason.EARLY_STOP, "asha was quicker")
        trial = store.end_attempt("aaaaaaaa-2", 1, rule, retry=unasked).trial
        assert (trial.reason, trial.detail) == (Reason.EARLY_STOP, "asha was quicker")

        waited = store.stop_trial("aaaaaaaa-3", "stopped by ann")
        assert (waited.state, waited.ended_seq) == (TrialState.CANCELED, 3)
        with pytest.raises(Fenced, match="canceled"):
            start(store, "aaaaaaaa-3")

    def test_queued_trials_are_canceled_in_order_and_running_ones_are_not(self, store):
        new_sweep(store, trials=4)
        run_trial(store, "aaaaaaaa-3", LOST, retry=always)
        start(store, "aaaaaaaa-2")
        new_sweep(store, "bbbbbbbb", trials=1)
        canceled = store.cancel_queued("aaaaaaaa")
        assert [(t.number, t.ended_seq, t.state) for t in canceled] == [
            (1, 1, TrialState.CANCELED),
            (3, 2, TrialState.CANCELED),
            (4, 3, TrialState.CANCELED),
        ]
        assert store.attempts("aaaaaaaa-3")[1].outcome == CANCELED
        assert store.get_run("aaaaaaaa-1").state is TrialState.CANCELED
        assert store.get_trial("aaaaaaaa-2").state is TrialState.RUNNING
        assert store.get_trial("bbbbbbbb-1").state is TrialState.QUEUED
        assert store.cancel_queued("aaaaaaaa") == []
        assert store.get_sweep("aaaaaaaa").ended_seq == 3


class TestListing:
    def test_pages(self, store):
        new_sweep(store, trials=5)
        new_sweep(store, "bbbbbbbb", trials=2)
        run_trial(store, "aaaaaaaa-2")
        run_trial(store, "aaaaaaaa-4")

        def numbers(**how):
            return [trial.number for trial in store.trials("aaaaaaaa", **how)]

        assert numbers() == [1, 2, 3, 4, 5]
        assert numbers(after_number=2, limit=2) == [3, 4]
        assert numbers(limit=0) == []
        assert numbers(state=TrialState.FINISHED) == [2, 4]
        assert numbers(state=TrialState.FINISHED, after_number=2) == [4]
        assert numbers(order="newest", limit=3) == [5, 4, 3]

    def test_ends_are_listed_in_their_order(self, store):
        new_sweep(store, trials=4)
        for number in (3, 1, 4):
            run_trial(store, f"aaaaaaaa-{number}")
        assert [(t.ended_seq, t.number) for t in store.ended_since("aaaaaaaa", 0)] == [
            (1, 3),
            (2, 1),
            (3, 4),
        ]
        assert [t.number for t in store.ended_since("aaaaaaaa", 1, limit=1)] == [1]
        assert store.ended_since("aaaaaaaa", 3) == []

    def test_counts_name_every_state(self, store):
        new_sweep(store, trials=3)
        assert store.counts("bbbbbbbb") == dict.fromkeys(TrialState, 0)
        run_trial(store, "aaaaaaaa-1")
        start(store, "aaaaaaaa-2")
        assert store.counts("aaaaaaaa") == {
            **dict.fromkeys(TrialState, 0),
            TrialState.FINISHED: 1,
            TrialState.RUNNING: 1,
            TrialState.QUEUED: 1,
        }

    def test_the_best(self, store):
        new_sweep(store, trials=6)
        ends = [
            (FINISHED, 3.0),
            (STOPPED, -1.0),
            (FINISHED, -1.0),
            (FAILED, -9.0),
            (FINISHED, math.nan),
            (STOPPED, 3.0),
        ]
        assert store.best_trial("aaaaaaaa", "minimize") is None
        for number, (outcome, value) in enumerate(ends, 1):
            run_trial(store, f"aaaaaaaa-{number}", outcome, objective=value)
        assert store.best_trial("aaaaaaaa", "minimize").number == 2
        assert store.best_trial("aaaaaaaa", "maximize").number == 1
        with pytest.raises(ValueError, match="goal"):
            store.best_trial("aaaaaaaa", "best")

    def test_all_is_there_after_a_restart(self, url):
        with open_store(url) as store:
            new_sweep(store, trials=2)
            run_trial(store, "aaaaaaaa-1", objective=1.0)
            before = [store.get_sweep("aaaaaaaa"), *store.trials("aaaaaaaa")]
        with open_store(url) as store:
            assert [store.get_sweep("aaaaaaaa"), *store.trials("aaaaaaaa")] == before


def history_chunk(run_id, writer, seq, steps, key="loss", points=True):
    """Rows {key: 100 * writer + step}; the objective is the same value."""
    rows = [(step, 1e9 + step, {key: 100.0 * writer + step}) for step in steps]
    packed = pack_points([(s, 100.0 * writer + s) for s in steps]) if points else None
    first, last = min(steps), max(steps)
    data = encode(rows)
    return Chunk(run_id, writer, ChunkKind.HISTORY, seq, first, last, len(rows), data, packed)


def offer(store, chunk):
    answer = Future()
    store.offer_chunk(chunk, answer.set_result)
    return answer


class TestChunks:
    def test_a_chunk_is_kept_once_and_comes_back_whole(self, store):
        new_sweep(store, trials=1)
        start(store, "aaaaaaaa-1")
        chunk = history_chunk("aaaaaaaa-1", 1, 0, range(3))
        assert store.add_chunk(chunk) is True
        other = Chunk(
            "aaaaaaaa-1", 1, ChunkKind.HISTORY, 0, 7, 8, 9, b"other", pack_points([(1, 2)])
        )
        assert store.add_chunk(other) is False
        assert list(store.chunks("aaaaaaaa-1", "history")) == [chunk]
        assert store.get_sweep("aaaaaaaa").feed == 1

    def test_kinds_and_writers_are_apart(self, store):
        new_sweep(store, trials=1)
        start(store, "aaaaaaaa-1")
        sent = [
            Chunk("aaaaaaaa-1", 1, kind, seq, 0, 1, 1, bytes([seq]) * 3)
            for seq in range(2)
            for kind in ChunkKind
        ]
        for chunk in sent:
            assert store.add_chunk(chunk)
        for kind in ChunkKind:
            expected = [chunk for chunk in sent if chunk.kind is kind]
            assert list(store.chunks("aaaaaaaa-1", kind)) == expected
            assert list(store.chunks("aaaaaaaa-1", kind, after=(1, 0))) == expected[1:]

    def test_lanes_are_apart(self, store):
        new_sweep(store, trials=1)
        sent = [
            Chunk("aaaaaaaa-1", 1, ChunkKind.CONSOLE, 0, 0, 1, 1, lane.encode(), lane=lane)
            for lane in ("", "rank1", "rank2")
        ]
        assert [store.add_chunk(chunk) for chunk in sent * 2] == [True] * 3 + [False] * 3
        for chunk in sent:
            assert list(store.chunks("aaaaaaaa-1", "console", lane=chunk.lane)) == [chunk]

    def test_what_is_not_above_the_newest_number_is_a_repeat(self, store):
        new_sweep(store, trials=1)
        assert store.add_chunk(history_chunk("aaaaaaaa-1", 1, 3, range(3)))
        assert not store.add_chunk(history_chunk("aaaaaaaa-1", 1, 2, range(3, 6)))
        assert store.add_chunk(history_chunk("aaaaaaaa-1", 1, 5, range(3, 6)))
        assert len(store.history("aaaaaaaa-1")) == 6
        assert store.get_sweep("aaaaaaaa").feed == 2

    def test_many_at_once_are_each_answered(self, store):
        """They share a commit: what is wrong with one is nobody else's."""
        new_sweep(store, trials=2)
        start(store, "aaaaaaaa-2")
        store.end_attempt("aaaaaaaa-2", 1, LOST, retry=always)
        start(store, "aaaaaaaa-2", 2)
        offered = [
            offer(store, chunk)
            for seq in range(40)
            for chunk in (
                history_chunk("aaaaaaaa-1", 1, seq, [seq]),
                history_chunk("aaaaaaaa-2", 1, seq, [seq]),
                history_chunk("aaaaaaaa-2", 2, seq, [seq]),
                history_chunk("none", 1, seq, [seq]),
                Chunk("aaaaaaaa-1", 1, ChunkKind.CONSOLE, 2**40, 0, seq, 1, b""),
            )
        ]
        for seq in range(40):
            kept, fenced, newer, unknown, beyond = offered[5 * seq : 5 * seq + 5]
            assert kept.result(30) is newer.result(30) is True
            assert isinstance(fenced.result(30), Fenced)
            assert isinstance(unknown.result(30), NotFoundError)
            if store.where.startswith("the PostgreSQL"):  # a number that its columns do not hold
                assert isinstance(beyond.result(30), StoreError)
        feed = store.objective_feed("aaaaaaaa", 0)
        assert [p.feed for p in feed] == list(range(1, 81))
        for trial, token in ((1, 1), (2, 2)):
            mine = [p for p in feed if (p.number, p.token) == (trial, token)]
            assert [p.points[0][0] for p in mine] == list(range(40))

    def test_a_closed_store_takes_no_more(self, store):
        new_sweep(store, trials=1)
        waits = offer(store, history_chunk("aaaaaaaa-1", 1, 0, range(3)))
        store.close()
        assert waits.result(0) is True, "what was handed in is committed first"
        with pytest.raises(StoreUnavailable, match="closed"):
            store.add_chunk(history_chunk("aaaaaaaa-1", 1, 1, range(3)))

    def test_many_chunks_are_read_in_pages(self, store):
        new_sweep(store, trials=1)
        sent = [Chunk("aaaaaaaa-1", 1, ChunkKind.CONSOLE, n, n, n + 1, 0, b"x") for n in range(40)]
        for chunk in sent:
            store.add_chunk(chunk)
        assert list(store.chunks("aaaaaaaa-1", ChunkKind.CONSOLE)) == sent

    def test_bytes_of_any_value_are_kept(self, store):
        new_sweep(store, trials=1)
        data = bytes(range(256)) * 5000
        store.add_chunk(Chunk("aaaaaaaa-1", 1, ChunkKind.CONSOLE, 0, 0, len(data), 0, data))
        store.add_chunk(Chunk("aaaaaaaa-1", 1, ChunkKind.CONSOLE, 1, 0, 0, 0, b""))
        assert [c.data for c in store.chunks("aaaaaaaa-1", ChunkKind.CONSOLE)] == [data, b""]

    def test_an_older_writer_is_fenced_once_a_newer_one_has_started(self, store):
        new_sweep(store, trials=1)
        run_trial(store, "aaaaaaaa-1", LOST, retry=always)
        first = history_chunk("aaaaaaaa-1", 1, 0, range(3))
        assert store.add_chunk(first)  # token 2 is queued: what token 1 logged may still come
        store.describe_run("aaaaaaaa-1", 1, summary={"by": 1})
        start(store, "aaaaaaaa-1", 2)
        with pytest.raises(Fenced, match="attempt 2"):
            store.add_chunk(history_chunk("aaaaaaaa-1", 1, 1, range(3, 6)))
        with pytest.raises(Fenced):
            store.describe_run("aaaaaaaa-1", 1, summary={"by": "stale"})
        assert store.add_chunk(first) is False  # a repeat of what was kept is still no error
        assert store.get_run("aaaaaaaa-1").summary == {"by": 1}
        assert store.add_chunk(history_chunk("aaaaaaaa-1", 2, 0, range(3, 6)))

    def test_a_chunk_of_no_run_is_refused(self, store):
        with pytest.raises(NotFoundError):
            store.add_chunk(history_chunk("aaaaaaaa-1", 1, 0, range(3)))

    def test_torn_objective_values_are_refused(self, store):
        new_sweep(store, trials=1)
        with pytest.raises(ChunkError):
            store.add_chunk(Chunk("aaaaaaaa-1", 1, ChunkKind.HISTORY, 0, 0, 0, 1, b"", b"123"))
        assert list(store.chunks("aaaaaaaa-1", "history")) == []

    def test_steps_are_counted_for_the_newest_writer(self, store):
        new_sweep(store, trials=1)
        start(store, "aaaaaaaa-1")
        assert store.get_trial("aaaaaaaa-1").steps == 0
        store.add_chunk(history_chunk("aaaaaaaa-1", 1, 0, range(5, 10)))
        store.add_chunk(history_chunk("aaaaaaaa-1", 1, 1, range(5)))
        assert store.get_trial("aaaaaaaa-1").steps == 10
        store.end_attempt("aaaaaaaa-1", 1, LOST, retry=always)
        start(store, "aaaaaaaa-1", 2)
        assert store.get_trial("aaaaaaaa-1").steps == 10
        store.add_chunk(history_chunk("aaaaaaaa-1", 2, 0, range(6, 8)))
        assert store.get_trial("aaaaaaaa-1").steps == store.get_run("aaaaaaaa-1").steps == 8

    def test_a_run_is_described(self, store):
        new_sweep(store, trials=1)
        store.describe_run("aaaaaaaa-1", 1, metadata={"host": "box", "name": "a name"})
        store.describe_run("aaaaaaaa-1", 1, config={"more": 2}, summary={"loss": 1})
        run = store.get_run("aaaaaaaa-1")
        assert (run.name, run.metadata) == ("a name", {"host": "box", "name": "a name"})
        assert (run.config, run.summary) == ({"x": 1, "more": 2}, {"loss": 1})
        assert store.get_trial("aaaaaaaa-1").config == {"x": 1}


MERGED = [
    *((step, 100.0 + step) for step in range(5)),
    *((step, 200.0 + step) for step in (5, 6)),
    *((step, 300.0 + step) for step in range(7, 12)),
]


class TestMerging:
    @pytest.fixture
    def resumed(self, store):
        """Three attempts: steps 0 to 9; resumed at 5 up to 7; resumed at 7 up to 11."""
        new_sweep(store, trials=1)
        for writer, pieces in [
            (1, [range(5), range(5, 10)]),
            (2, [range(5, 8)]),
            (3, [range(7, 12)]),
        ]:
            start(store, "aaaaaaaa-1", writer)
            for seq, steps in enumerate(pieces):
                store.add_chunk(history_chunk("aaaaaaaa-1", writer, seq, steps))
            if writer < 3:
                store.end_attempt("aaaaaaaa-1", writer, LOST, retry=always)
        return store

    def test_a_later_attempts_rows_replace_earlier_ones_from_its_first_step_on(self, resumed):
        rows = list(resumed.history("aaaaaaaa-1").rows())
        assert [(step, row["loss"]) for step, _, row in rows] == MERGED

    def test_so_do_its_objective_values(self, resumed):
        assert resumed.objective_curve("aaaaaaaa-1") == MERGED

    def test_the_feed_tells_all_in_the_order_of_arrival(self, resumed):
        feed = resumed.objective_feed("aaaaaaaa", 0)
        assert [(p.feed, p.token, [s for s, _ in p.points]) for p in feed] == [
            (1, 1, [0, 1, 2, 3, 4]),
            (2, 1, [5, 6, 7, 8, 9]),
            (3, 2, [5, 6, 7]),
            (4, 3, [7, 8, 9, 10, 11]),
        ]
        assert {(p.trial_id, p.number) for p in feed} == {("aaaaaaaa-1", 1)}
        assert resumed.objective_feed("aaaaaaaa", 1, limit=2) == feed[1:3]
        assert resumed.objective_feed("aaaaaaaa", 4) == []

    def test_a_restart_from_nothing_replaces_all(self, resumed):
        resumed.end_attempt("aaaaaaaa-1", 3, LOST, retry=always)
        start(resumed, "aaaaaaaa-1", 4)
        assert resumed.objective_curve("aaaaaaaa-1") == MERGED
        resumed.add_chunk(history_chunk("aaaaaaaa-1", 4, 0, [0]))
        assert resumed.objective_curve("aaaaaaaa-1") == [(0, 400.0)]
        assert len(resumed.history("aaaaaaaa-1")) == 1

    def test_keys_are_picked(self, store):
        new_sweep(store, trials=1)
        store.add_chunk(history_chunk("aaaaaaaa-1", 1, 0, range(2), key="a"))
        store.add_chunk(history_chunk("aaaaaaaa-1", 1, 1, range(2, 4), key="b"))
        rows = list(store.history("aaaaaaaa-1", ["b", "none"]).rows())
        assert [(step, row) for step, _, row in rows] == [
            (0, {}),
            (1, {}),
            (2, {"b": 102.0}),
            (3, {"b": 103.0}),
        ]

    def test_a_run_that_logged_nothing_is_empty(self, store):
        new_sweep(store, trials=1)
        assert len(store.history("aaaaaaaa-1")) == 0
        assert store.objective_curve("aaaaaaaa-1") == []
        assert store.objective_feed("aaaaaaaa", 0) == []

    def test_a_damaged_chunk_is_said_so(self, store):
        new_sweep(store, trials=1)
        store.add_chunk(Chunk("aaaaaaaa-1", 1, ChunkKind.HISTORY, 0, 0, 1, 2, b"not a chunk"))
        with pytest.raises(ChunkError):
            store.history("aaaaaaaa-1")

    def test_only_chunks_with_values_are_numbered_and_each_sweep_has_its_own(self, store):
        new_sweep(store, trials=2)
        new_sweep(store, "bbbbbbbb", trials=1)
        store.add_chunk(history_chunk("aaaaaaaa-1", 1, 0, range(2)))
        store.add_chunk(history_chunk("aaaaaaaa-1", 1, 1, range(2, 4), points=False))
        store.add_chunk(history_chunk("bbbbbbbb-1", 1, 0, range(2)))
        store.add_chunk(history_chunk("aaaaaaaa-2", 1, 0, range(2)))
        assert [(p.feed, p.number) for p in store.objective_feed("aaaaaaaa", 0)] == [(1, 1), (2, 2)]
        assert [p.feed for p in store.objective_feed("bbbbbbbb", 0)] == [1]

    def test_objective_values_of_any_kind_come_back(self, store):
        new_sweep(store, trials=1)
        points = [(0, math.inf), (2**62, -0.0), (5, 1e-320)]
        chunk = Chunk("aaaaaaaa-1", 1, ChunkKind.HISTORY, 0, 0, 5, 3, b"", pack_points(points))
        store.add_chunk(chunk)
        assert store.objective_curve("aaaaaaaa-1") == points
        assert store.objective_feed("aaaaaaaa", 0)[0].points == points
