"""Lies in Redis, by somebody who has its password: nothing wrong is recorded, and the others go on.

Whoever may write to Redis can hold up the sweep that he lies about; that is known (SECURITY.md).
But no lie may end a thread of ours, hold up another sweep, run anything, or reach the record.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from depth import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.worker import Broker as AgentBroker
from agent.worker import SlotWorker
from controller import record
from controller.broker import Broker
from controller.loop import Loop
from controller.queue import TrialQueue
from controller.store.records import SweepRecord
from controller.store.store import Store, open_store
from sweeps.errors import Fenced
from sweeps.protocol.live import TRIAL_FUNCTION, AgentBeat, Claim, Live, Order, job_id
from sweeps.trial import SweepState, TrialState

FILE = """
program: train.py
method: random
metric: {name: loss}
parameters: {x: {min: 0.0, max: 1.0}}
"""
VICTIM_TRIALS = 3

short = st.one_of(
    st.binary(max_size=12),
    st.sampled_from([b"", b"1", b"-1", b"2", b"1.5", b"1e999", b"nan", b"9" * 30, b"\xff", b"\0"]),
    st.sampled_from(
        [b"queued", b"running", b"stop", b"cancel", b"{}", b"[]", b'{"a": 1}', b"null"]
    ),
)
scores = st.one_of(st.integers(-5, 5).map(float), st.sampled_from([0.0, 4e12, 9e15, -1e300]))


class Place:
    """A loop over a real Redis and a real database: one sweep is lied about, one not."""

    def __init__(self, store: Store, broker: Broker) -> None:
        self.store, self.connection = store, broker.connect()
        self.live, self.queue = Live(self.connection), TrialQueue(self.connection)
        self.agent_url = broker.agent_url(None)
        self.loop = Loop(store, self.live, self.queue, "test")
        self.victim, self.other = self._sweep(), self._sweep()
        self.beat(self.victim, VICTIM_TRIALS)
        self.loop.tick()
        self.trials = [trial.id for trial in store.trials(self.victim.id)]
        assert len(self.trials) == VICTIM_TRIALS
        store.start_attempt(self.trials[0], 1, agent_id="a", host="h", device="")

    def _sweep(self) -> SweepRecord:
        sweep, _ = record.create_sweep(self.store, FILE, origin={})
        return sweep

    def beat(self, sweep: SweepRecord, free: int) -> None:
        self.live.beat(AgentBeat(f"of-{sweep.id}", sweep.id, free))

    def forget(self) -> None:
        """An empty Redis, and another sweep beside the victim."""
        record.change_state(self.store, self.other.id, "cancel")
        self.other = self._sweep()
        self.connection.flushall()
        self.loop.tick()

    def waiting_of_other(self) -> int:
        return sum(t.state is TrialState.QUEUED for t in self.store.trials(self.other.id))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder: Path = tmp_path_factory.mktemp("lies")
    broker = Broker(folder / "broker", "test")
    broker.launch()
    with open_store(f"sqlite:///{folder / 'lies.db'}") as store:
        try:
            yield Place(store, broker)
        finally:
            broker.close()


def lies(place: Place) -> st.SearchStrategy[list[tuple[Any, ...]]]:
    """Commands to Redis, as an agent may give them."""
    victim = place.victim.id
    jobs = [job_id(trial, n) for trial in place.trials for n in (1, 2)]
    names = st.one_of(st.sampled_from([n.encode() for n in [*place.trials, *jobs, victim]]), short)
    queue = f"rq:queue:sweep-{victim}"

    def hashes(key: st.SearchStrategy[Any], fields: list[str]) -> st.SearchStrategy[Any]:
        return st.tuples(st.just("HSET"), key, st.sampled_from(fields), names)

    def key(prefix: str) -> st.SearchStrategy[bytes]:
        return names.map(lambda name: prefix.encode() + name)

    of_trials = st.sampled_from([f"sweep:attempt:{trial}".encode() for trial in place.trials])
    return st.lists(
        st.one_of(
            hashes(of_trials, ["token", "state", "agent", "order", "why", "sweep"]),
            hashes(key("sweep:attempt:"), ["token", "state", "agent", "order"]),
            hashes(key("sweep:agent:"), ["sweep", "free", "info"]),
            hashes(key("rq:job:"), ["data", "status", "created_at", "timeout", "worker_name"]),
            st.tuples(
                st.just("ZADD"), st.sampled_from(["sweep:leases", "sweep:agents"]), scores, names
            ),
            st.tuples(
                st.just("ZADD"),
                st.sampled_from([f"rq:wip:sweep-{victim}", f"rq:failed:sweep-{victim}"]),
                scores,
                names,
            ),
            st.tuples(st.just("RPUSH"), st.sampled_from([queue, "sweep:doorbell"]), names),
            st.tuples(st.just("SET"), st.just(f"sweep:state:{victim}"), names),
            st.tuples(st.just("SET"), st.just("sweep:epoch"), names),
            st.tuples(st.just("DEL"), of_trials),
            st.tuples(st.just("DEL"), st.just(queue)),
        ),
        min_size=1,
        max_size=6,
    )


@pytest.mark.timeout(600)
def test_the_controller(place: Place) -> None:
    @settings(deadline=None, max_examples=examples(40), suppress_health_check=list(HealthCheck))
    @given(lies(place))
    def check(told: list[tuple[Any, ...]]) -> None:
        place.forget()
        for command in told:
            place.connection.execute_command(*command)
        place.beat(place.other, 1)
        for _ in range(3):  # a new epoch, what waits there, what is new
            place.loop.tick()
        assert place.waiting_of_other() == 1, "another sweep is held up"
        for trial in place.store.trials(place.victim.id):
            assert trial.state in (TrialState.QUEUED, TrialState.RUNNING, TrialState.FAILED)
            assert trial.objective is None
        assert place.store.get_sweep(place.victim.id).state is SweepState.RUNNING

    check()


@pytest.mark.timeout(600)
def test_what_an_agent_reads(place: Place) -> None:
    @settings(deadline=None, max_examples=examples(60), suppress_health_check=list(HealthCheck))
    @given(lies(place))
    def check(told: list[tuple[Any, ...]]) -> None:
        place.connection.flushall()
        for command in told:
            place.connection.execute_command(*command)
        live = place.live
        for trial in place.trials:
            live.claim(trial, 1, "a")
            live.renew(trial, 1, "a")
            live.order(trial, 1, Order.STOP, "why")
            with contextlib.suppress(Fenced):
                live.project(trial, 1, place.victim.id, epoch="e")
            live.attempt(trial)
            live.finish(trial, 1)
        live.beat(AgentBeat("a", place.victim.id, 1))
        live.agents()
        live.expired()

    check()


class Slot:
    """Wants jobs until the queue is empty."""

    def __init__(self, place: Place) -> None:
        self.place, self.ran, self.refused = place, [], 0

    def wants_trial(self) -> bool:
        queue = f"rq:queue:sweep-{self.place.victim.id}"
        return bool(self.place.connection.llen(queue))

    def run_trial(self, trial_id: str, token: int) -> None:
        self.ran.append((trial_id, token))

    def job_refused(self, job: str, why: str) -> None:
        self.refused += 1

    def redis_away(self, error: Exception) -> None:
        raise error

    def redis_back(self) -> None:
        """It never was away."""


def test_what_lies_in_the_queue(place: Place) -> None:
    """Each entry is handed on if it is one of ours as we write them, else thrown away."""
    broker = AgentBroker(place.agent_url)
    good = f'["{TRIAL_FUNCTION}", null, ["{place.trials[0]}", 1], {{}}]'.encode()
    payloads = st.one_of(
        short,
        st.just(good),
        st.tuples(st.integers(0, len(good)), short).map(
            lambda t: good[: t[0]] + t[1] + good[t[0] :]
        ),
        st.tuples(st.integers(0, len(good)), st.integers(0, 255)).map(
            lambda t: good[: t[0]] + bytes([t[1]]) + good[t[0] + 1 :]
        ),
        st.integers(0, len(good)).map(lambda n: good[:n]),
        st.sampled_from(
            [
                b'["os.system", null, ["touch hacked"], {}]',
                b"[" * 60_000,
                b"\x80\x04cos\nsystem\n(S'touch hacked'\ntR.",
                b"x" * 70_000,
            ]
        ),
    )
    entries = st.tuples(
        st.one_of(st.just(job_id(place.trials[0], 1).encode()), short),
        payloads,
        st.dictionaries(
            st.sampled_from([b"success_callback_name", b"created_at", b"status", b"timeout"])
            | st.sampled_from([b"dependency_ids", b"repeats_left", b"worker_name", b"enqueued_at"]),
            short,
            max_size=4,
        ),
    )

    @settings(deadline=None, max_examples=examples(60), suppress_health_check=list(HealthCheck))
    @given(st.lists(entries, min_size=1, max_size=3))
    def check(told: list[tuple[bytes, bytes, dict[bytes, bytes]]]) -> None:
        place.connection.flushall()
        for name, data, fields in told:
            place.connection.hset(b"rq:job:" + name, mapping={**fields, b"data": data})
            place.connection.rpush(f"rq:queue:sweep-{place.victim.id}", name)
        slot = Slot(place)
        worker = SlotWorker(broker, place.victim.id, "w", slot)
        try:
            worker.work()
        finally:
            worker.close()
        assert set(slot.ran) <= {(place.trials[0], 1)}

    try:
        check()
    finally:
        broker.close()


def test_nothing_of_another_type_hangs(place: Place) -> None:
    """A key of the wrong type is an error of Redis: agents wait it out, the controller mends it."""
    place.connection.flushall()
    place.connection.set(f"sweep:attempt:{place.trials[0]}", "text")
    with pytest.raises(redis.exceptions.ResponseError, match="WRONGTYPE"):
        place.live.renew(place.trials[0], 1, "a")
    place.live.set_epoch("e")
    assert place.live.project(place.trials[0], 1, place.victim.id, epoch="e")
    assert place.live.claim(place.trials[0], 1, "a") is Claim.OK
