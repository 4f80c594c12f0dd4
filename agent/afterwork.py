"""What is left to do for a trial that is over and recorded: its errands, then its compaction.

A slot takes its next trial meanwhile. A few threads share the work of all slots; an agent that ends
waits for them, unless it is told to hurry: then the notes in its outbox say what is left, and the
next agent on this machine, or `sweep sync`, takes it up. Neighbours: `attempt.py` (hands over),
`delivery.py` (takes up what dead agents left), `errands.py`, `compact.py`.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from agent.listening import Listener

WORKERS = 4

Job = Callable[[threading.Event], None]
"""Does its work, or returns soon after the event that it is given was set."""


class Afterwork:
    """Does jobs in the background, in the order in which they came. Thread-safe.

    Args:
        give_up: set when the agent can wait no longer.
        listener: told of a job that failed.
    """

    def __init__(self, give_up: threading.Event, listener: Listener) -> None:
        self._give_up, self._listener = give_up, listener
        self._jobs: deque[Job] = deque()
        self._workers = self._left = 0
        self._changed = threading.Condition()

    @property
    def left(self) -> int:
        """Jobs that are not done."""
        with self._changed:
            return self._left

    def add(self, job: Job) -> None:
        """Does it some time; its exceptions are told to the listener."""
        with self._changed:
            self._jobs.append(job)
            self._left += 1
            if self._workers < WORKERS:
                self._workers += 1
                threading.Thread(target=self._work, name="afterwork", daemon=True).start()

    def wait(self, timeout_s: float) -> bool:
        """Waits until nothing is left to do; False after so long."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._workers, timeout_s)

    def _work(self) -> None:
        while True:
            with self._changed:
                if self._give_up.is_set() or not self._jobs:
                    self._workers -= 1
                    self._changed.notify_all()
                    return
                job = self._jobs.popleft()
            try:
                job(self._give_up)
            except Exception as error:  # the other jobs go on
                self._listener.warn(f"work after a trial failed: {type(error).__name__}: {error}")
            with self._changed:
                self._left -= 1
