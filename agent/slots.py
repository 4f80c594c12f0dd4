"""The slots of an agent: which may take a trial, how many are free, and the thread of each.

`Gate` is the arithmetic (count, free, closed) under one lock, without I/O. A `SlotThread` holds
the slot's device, waits at the gate, and lets an RQ worker pop and run one trial after the other.
Neighbours: `agent.py` opens and closes the gate and runs the trials; `worker.py` pops.
"""

from __future__ import annotations

import threading
from typing import Protocol

from agent.devices import Slot
from agent.listening import Backoff
from agent.voice import Voice
from agent.worker import Broker, SlotWorker


class Gate:
    """Says which slots may take a trial. Thread-safe.

    Args:
        count: trials in all; None: no limit.
    """

    def __init__(self, count: int | None) -> None:
        self._left = count
        self._ready: set[int] = set()
        self._closed = self._resting = False
        self._changed = threading.Condition()

    @property
    def free(self) -> int:
        """Slots that wait for a trial."""
        with self._changed:
            return 0 if self._closed or self._resting else len(self._ready)

    @property
    def closed(self) -> bool:
        with self._changed:
            return self._closed

    @property
    def resting(self) -> bool:
        with self._changed:
            return self._resting

    def rest(self, resting: bool) -> None:
        """While it rests no slot takes a trial."""
        with self._changed:
            self._resting = resting
            if resting:
                self._ready.clear()
            self._changed.notify_all()

    def enter(self, slot: int) -> tuple[bool, bool]:
        """Makes a slot free; blocks while all trials that are left are spoken for by others, and
        while the gate rests.

        Returns (may take a trial, was not free before).
        """
        with self._changed:
            if slot in self._ready:
                return not self._closed, False
            while not self._closed and (self._resting or self._spoken_for()):
                if self._left == 0:
                    return False, False
                self._changed.wait()
            if self._closed:
                return False, False
            self._ready.add(slot)
            return True, True

    def _spoken_for(self) -> bool:
        return self._left is not None and len(self._ready) >= self._left

    def taken(self, slot: int) -> None:
        """The slot claimed a trial: it is not free, and there is one trial less to take."""
        with self._changed:
            self._ready.discard(slot)
            if self._left is not None:
                self._left -= 1
            self._changed.notify_all()

    def withdraw(self, slot: int) -> None:
        """The slot waits for no trial any more."""
        with self._changed:
            self._ready.discard(slot)
            self._changed.notify_all()

    def close(self) -> None:
        """No slot takes another trial."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


class Host(Protocol):
    """What a slot needs of its agent."""

    broker: Broker
    sweep_id: str
    agent_id: str
    gate: Gate
    ending: threading.Event
    voice: Voice

    def run_trial(self, slot: Slot, index: int, trial_id: str, token: int) -> None:
        """Claims and runs an attempt to its receipt. Must not raise."""

    def slot_is_free(self) -> None:
        """A slot waits for a trial: the controller wants to know."""

    def slot_ended(self, error: Exception | None) -> None:
        """A slot's thread is about to end; `error`: before its time."""


class SlotThread(threading.Thread):
    """Runs trials on one slot until the gate closes. Is the `Slot` that a SlotWorker works for."""

    def __init__(self, host: Host, slot: Slot, index: int) -> None:
        super().__init__(name=f"slot {slot.name}", daemon=True)
        self._host, self._slot, self._index = host, slot, index
        self._backoff = Backoff()
        self._broker = host.broker
        self.worker: SlotWorker | None = None

    def run(self) -> None:
        failure: Exception | None = None
        try:
            self._hold_device()
        except Exception as error:
            failure = error  # the other slots go on
        self._host.gate.withdraw(self._index)
        self._host.slot_ended(failure)

    def _hold_device(self) -> None:
        lock = self._slot.lock
        if lock is None:
            self._work()
        elif lock.acquire(self._host.ending, self._host.voice.wait_for):
            try:
                self._work()
            finally:
                lock.release()

    def _work(self) -> None:
        while not self._host.gate.closed:
            self._broker = self._host.broker
            name = f"{self._host.agent_id}.{self._slot.name}"
            worker = SlotWorker(self._broker, self._host.sweep_id, name, self)
            self.worker = worker
            try:
                worker.work()
            finally:
                self.worker = None
                worker.close()
            if self._broker is self._host.broker:
                return

    # -- what the worker asks (worker.Slot) ---------------------------------------------------

    def wants_trial(self) -> bool:
        if self._broker is not self._host.broker:
            return False  # another Redis: begin anew
        may, fresh = self._host.gate.enter(self._index)
        if may and fresh:
            self._host.slot_is_free()
        return may

    def run_trial(self, trial_id: str, token: int) -> None:
        self._host.run_trial(self._slot, self._index, trial_id, token)

    def job_refused(self, job: str, why: str) -> None:
        self._host.voice.warn(
            f"a job in the queue is none of ours and was thrown away ({job}): {why}"
        )

    def redis_away(self, error: Exception) -> None:
        self._host.voice.redis_away(error)
        self._host.ending.wait(self._backoff.seconds())

    def redis_back(self) -> None:
        self._backoff.reset()
        self._host.voice.redis_back()
