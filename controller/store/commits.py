"""Group commit: what many threads want recorded goes into few transactions.

A commit that survives a power cut costs the same for one change as for hundreds. So callers hand
in what they have and wait for an answer; one thread takes all that waits, commits it once, and
answers everybody. Nobody waits for company: while one commit runs, the next batch gathers. It knows
nothing of what it commits. Neighbours: `ingest.py` (chunks).
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from sweeps.errors import StoreUnavailable

T = TypeVar("T")
R = TypeVar("R")
_Entry = tuple[T, Callable[[R | Exception], None]]

MOST_ITEMS = 512
"""A transaction takes so many items at most: its length bounds how long others wait for it."""
MOST_WEIGHT = 16 << 20
"""And is full with the item that takes it to this weight."""


class GroupCommit(Generic[T, R]):
    """One thread that commits what is handed in. It starts with the first item.

    Args:
        commit: records a batch in one transaction and returns, once that is committed, an answer
            for each item, in order: a result, or the exception that this item alone has met. When
            it raises instead, nothing was recorded: StoreUnavailable goes to every caller; after
            any other error each item is tried by itself, so that a bad one fails alone.
        weigh: an item's weight, in bytes say.
    """

    def __init__(
        self,
        commit: Callable[[Sequence[T]], Sequence[R | Exception]],
        weigh: Callable[[T], int],
    ) -> None:
        self._commit = commit
        self._weigh = weigh
        self._waiting: SimpleQueue[_Entry[T, R] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False

    def submit(self, item: T, answer: Callable[[R | Exception], None]) -> None:
        """Hands an item in. Once it is committed, `answer` is called with its result, or with
        what went wrong: in the thread that commits, and so it must be quick and must not raise.

        Raises StoreUnavailable when it is closed.
        """
        with self._lock:
            if self._closed:
                raise StoreUnavailable("the store is closed")
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="commits", daemon=True)
                self._thread.start()
            self._waiting.put((item, answer))

    def wait_for(self, item: T) -> R:
        """Hands an item in and waits: its result. Raises what went wrong."""
        future: Future[R | Exception] = Future()
        self.submit(item, future.set_result)
        result = future.result()
        if isinstance(result, Exception):
            raise result
        return result

    def close(self) -> None:
        """Commits what waits, and ends the thread."""
        with self._lock:
            self._closed = True
            self._waiting.put(None)
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while True:
            batch, last = self._take()
            if batch:
                self._answer(batch)
            if last:
                return

    def _take(self) -> tuple[list[_Entry[T, R]], bool]:
        """What waits, at least one item; and whether nothing can come after it."""
        batch: list[_Entry[T, R]] = []
        weight = 0
        entry = self._waiting.get()
        while entry is not None:
            batch.append(entry)
            weight += self._weigh(entry[0])
            if len(batch) >= MOST_ITEMS or weight >= MOST_WEIGHT:
                return batch, False
            try:
                entry = self._waiting.get_nowait()
            except Empty:
                return batch, False
        return batch, True

    def _answer(self, batch: Sequence[_Entry[T, R]]) -> None:
        try:
            answers = self._commit([item for item, _ in batch])
        except Exception as error:
            if len(batch) > 1 and not isinstance(error, StoreUnavailable):
                for each in batch:
                    self._answer([each])
                return
            # A copy each: an exception that several threads raise collects all their tracebacks.
            answers = [copy.copy(error) for _ in batch]
        for (_, answer), result in zip(batch, answers, strict=True):
            answer(result)
