"""Carries one attempt's run folder to the server while it grows, and what is left at its end.

A thread of its own per running trial: it looks at the folder ten times a second, posts rows with
the objective at once and everything else about once a second. While the server is away it waits
and keeps nothing in memory: the run folder is the spool. It never touches the training process and
never decides anything; `fenced` says that the server wants nothing more of this attempt.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import Protocol

from agent.digest import Digest
from agent.streams import Chunk, ConsoleStream, HistoryStream, Progress, Stream
from logging_core.folder import RunFolder
from sweeps.errors import (
    ConfigurationError,
    Fenced,
    OpensweepError,
    ServerUnreachable,
    StoreUnavailable,
)
from sweeps.protocol.client import Client

POLL_S = 0.1
"""Seconds between two looks at the folder; no more posts than that for the objective's sake."""
PATIENCE_S = 1.0
"""Seconds that rows without the objective, and console lines, may wait."""
EAGER_ROWS = 1000
EAGER_BYTES = 64 * 1024
_REFUSALS = 5
_POINT_BYTES = 16


class Listener(Protocol):
    """Whom the agent's threads tell what they meet."""

    def server_away(self, error: OpensweepError) -> None:
        """The server does not answer (or cannot store); it will be tried again."""

    def server_back(self) -> None:
        """The server answered."""

    def warn(self, message: str) -> None:
        """Something is lost or odd, and the work goes on."""


class Backoff:
    """How long to wait before the next try: twice as long each time, from 0.2 to 5 s, jittered."""

    def __init__(self) -> None:
        self._next = 0.2

    def reset(self) -> None:
        self._next = 0.2

    def seconds(self) -> float:
        now, self._next = self._next, min(self._next * 2, 5.0)
        return now * random.uniform(0.5, 1.0)  # noqa: S311


class Shipper:
    """One attempt's records and console, on their way to the server.

    Args:
        client: the server.
        folder: the run folder.
        run_id: the trial's id.
        writer: the attempt's token.
        metric: name of the objective, None for none.
        listener: told when the server is away or back, and of warnings.
        resume: an earlier agent may have sent some of it: go on where it was.
        on_fenced: called, in the shipper's thread, when a newer attempt owns the trial.

    Attributes:
        digest: what the records amount to; complete after `stop`.
        fenced: set when a newer attempt owns the trial: nothing more is sent.

    Raises:
        ValueError: what an earlier agent remembered of this attempt cannot be read.
    """

    def __init__(
        self,
        client: Client,
        folder: RunFolder,
        run_id: str,
        writer: int,
        metric: str | None,
        listener: Listener,
        *,
        resume: bool = False,
        on_fenced: Callable[[], None] = lambda: None,
    ) -> None:
        self._client, self._run_id, self._writer = client, run_id, writer
        self._listener, self._on_fenced = listener, on_fenced
        progress = Progress(folder.path, writer)
        if resume:
            progress.load()
        records = folder.records(writer)
        self.digest = Digest(records, metric, listener.warn)
        self._history = HistoryStream(records, progress, metric, listener.warn)
        self._console = ConsoleStream(folder.console(writer), progress)
        self._sent_rows = self._sent_points = self._refused = 0
        self._backoff = Backoff()
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self.fenced = threading.Event()

    def start(self) -> None:
        """Begins to follow the folder."""
        self._thread = threading.Thread(
            target=self._follow, name=f"ship {self._run_id}", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """The training process is dead: ends the following, and completes the digest.

        Takes no longer than one post that is under way.
        """
        self._over.set()
        if self._thread is not None:
            self._thread.join()
        self.digest.read(final=True)
        self._history.final = True

    def drain(self, give_up: threading.Event) -> bool:
        """Sends all that is left, however long the server is away; after `stop`.

        Returns False when `give_up` was set before all was sent. An attempt that is fenced has
        nothing left to send.
        """
        for stream in (self._history, self._console):
            while not self.fenced.is_set() and (chunk := stream.take()) is not None:
                if not self._send(stream, chunk) and give_up.wait(self._backoff.seconds()):
                    return False
            stream.settle()
        return True

    def _follow(self) -> None:
        history_at = console_at = time.monotonic()
        pause = POLL_S
        while not self._over.wait(pause) and not self.fenced.is_set():
            self.digest.read()
            now, sent = time.monotonic(), True
            if self._history_is_due(now - history_at):
                history_at, sent = now, self._send_next(self._history)
            waiting = self._console.waiting_bytes
            if sent and waiting and (waiting >= EAGER_BYTES or now - console_at >= PATIENCE_S):
                console_at, sent = now, self._send_next(self._console)
            pause = POLL_S if sent else self._backoff.seconds()

    def _history_is_due(self, since_last_s: float) -> bool:
        rows = self.digest.rows - self._sent_rows
        objective = self.digest.points > self._sent_points
        return rows > 0 and (objective or rows >= EAGER_ROWS or since_last_s >= PATIENCE_S)

    def _send_next(self, stream: Stream) -> bool:
        chunk = stream.take()
        if chunk is not None:
            return self._send(stream, chunk)
        if stream is self._history:  # the rows that seemed due cannot be sent
            self._sent_rows, self._sent_points = self.digest.rows, self.digest.points
        return True

    def _send(self, stream: Stream, chunk: Chunk) -> bool:
        """Posts a chunk once. False: it must be tried again later (or the attempt is fenced)."""
        try:
            self._client.post_chunk(
                self._run_id,
                self._writer,
                chunk.kind,
                chunk.seq,
                chunk.first,
                chunk.last,
                chunk.rows,
                chunk.objective,
                chunk.data,
            )
        except Fenced:
            self.fenced.set()
            self._on_fenced()
            return False
        except (ServerUnreachable, StoreUnavailable, ConfigurationError) as error:
            self._listener.server_away(error)
            return False
        except OpensweepError as error:
            # The server is there and does not want this chunk. One that it will never take must
            # not keep back all that comes after it.
            self._refused += 1
            if self._refused < _REFUSALS:
                return False
            self._listener.warn(
                f"the server refuses {chunk.kind} chunk {chunk.seq} of {self._run_id}"
                f" ({chunk.rows} rows, still in the run folder): {error}"
            )
        else:
            self._listener.server_back()
        self._refused = 0
        self._backoff.reset()
        stream.acknowledge(chunk)
        if stream is self._history:
            self._sent_rows += chunk.rows
            self._sent_points += len(chunk.objective) // _POINT_BYTES
        return True
