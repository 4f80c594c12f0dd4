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
        self._waiting: SimpleQueue[tuple[T, Future[R]] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False

    def submit(self, item: T) -> Future[R]:
        """Hands an item in; the future has its answer once it is committed.

        Raises StoreUnavailable when it is closed.
        """
        future: Future[R] = Future()
        with self._lock:
            if self._closed:
                raise StoreUnavailable("the store is closed")
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="commits", daemon=True)
                self._thread.start()
            self._waiting.put((item, future))
        return future

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

    def _take(self) -> tuple[list[tuple[T, Future[R]]], bool]:
        """What waits, at least one item; and whether nothing can come after it."""
        batch: list[tuple[T, Future[R]]] = []
        weight = 0
        entry = self._waiting.get()
        while entry is not None:
            item, future = entry
            if future.set_running_or_notify_cancel():  # else its caller has gone
                batch.append(entry)
                weight += self._weigh(item)
            if len(batch) >= MOST_ITEMS or weight >= MOST_WEIGHT:
                return batch, False
            try:
                entry = self._waiting.get_nowait()
            except Empty:
                return batch, False
        return batch, True

    def _answer(self, batch: Sequence[tuple[T, Future[R]]]) -> None:
        try:
            answers = self._commit([item for item, _ in batch])
        except Exception as error:
            if len(batch) > 1 and not isinstance(error, StoreUnavailable):
                for each in batch:
                    self._answer([each])
                return
            # A copy each: an exception that several threads raise collects all their tracebacks.
            answers = [copy.copy(error) for _ in batch]
        for (_, future), answer in zip(batch, answers, strict=True):
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)
