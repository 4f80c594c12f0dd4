"""An agent without processes: its trials are function calls; the controller is all there is.

It keeps to the protocol of a real one (RQ's queue, claim, start, end, finish, beat), over the real
Redis, and records through the store directly. Used to measure the controller alone, and to test it
by the thousand.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

import redis
from redis.exceptions import RedisError

from controller import record
from controller.store.records import TrialRecord
from controller.store.store import Store
from sweeps.errors import Fenced
from sweeps.protocol import live as protocol
from sweeps.protocol.live import AgentBeat, Claim, Live
from sweeps.trial import AttemptState, Outcome, Reason

DONE = Outcome(AttemptState.FINISHED, Reason.OK, exit_code=0)


class FakeSlots:
    """`slots` threads that run the trials of one sweep until it is over.

    Args:
        script: called with the trial and its token; returns the outcome and the summary.
        wake: called after an end was recorded, as the server does.
    """

    def __init__(
        self,
        store: Store,
        connection: redis.Redis,
        sweep_id: str,
        slots: int,
        script: Callable[[TrialRecord, int], tuple[Outcome, Mapping[str, Any]]],
        wake: Callable[[], None],
        *,
        agent_id: str = "fake",
    ) -> None:
        self._store, self._connection, self._live = store, connection, Live(connection)
        self._sweep_id, self._slots, self._agent_id = sweep_id, slots, agent_id
        self._script, self._wake = script, wake
        self._free = slots
        self._lock = threading.Lock()
        self._over = threading.Event()
        self.errors: list[BaseException] = []
        self._threads = [
            threading.Thread(target=self._guard, args=(self._work,), name=f"slot-{i}")
            for i in range(slots)
        ] + [threading.Thread(target=self._guard, args=(self._beat_on,), name="beat")]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        self._over.set()
        self.join()

    def join(self, timeout_s: float | None = None) -> bool:
        """Waits until the sweep is over. False: it was not within `timeout_s` (for each thread)."""
        for thread in self._threads:
            thread.join(timeout_s)
        if self.errors:
            raise self.errors[0]
        return not any(thread.is_alive() for thread in self._threads)

    def _guard(self, target: Callable[[], None]) -> None:
        try:
            target()
        except BaseException as error:
            self.errors.append(error)
            self._over.set()

    def _beat(self, *, ring: bool) -> None:
        state = self._live.beat(AgentBeat(self._agent_id, self._sweep_id, self._free), ring=ring)
        if state in ("finished", "canceled", "failed"):
            self._over.set()

    def _beat_on(self) -> None:
        ring = True
        while not self._over.is_set():
            try:
                with self._lock:
                    self._beat(ring=ring)
                ring = False
            except RedisError:
                ring = True
            self._over.wait(0.3)

    def _work(self) -> None:
        key = f"rq:queue:{protocol.queue_name(self._sweep_id)}"
        while not self._over.is_set():
            try:
                popped: Any = self._connection.blpop([key], timeout=0.2)
                if popped is None:
                    continue
                job = popped[1].decode()
                self._connection.delete(f"rq:job:{job}")
                self._run(*protocol.parse_job_id(job))
            except RedisError:
                self._over.wait(0.1)

    def _run(self, trial_id: str, token: int) -> None:
        with self._lock:
            if self._live.claim(trial_id, token, self._agent_id) is not Claim.OK:
                return
            self._free -= 1
        try:
            trial = self._store.start_attempt(
                trial_id, token, agent_id=self._agent_id, host="here", device="fake"
            )
            outcome, summary = self._script(trial, token)
            record.record_end(
                self._store, trial_id, token, outcome, summary=summary, logged_keys=list(summary)
            )
        except Fenced:
            pass
        self._wake()
        with self._lock:
            self._free += 1
            self._live.finish(trial_id, token)
            self._beat(ring=True)
