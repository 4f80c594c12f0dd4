"""Carries one attempt's run folder to the server while it grows, and what is left at its end.

A thread of its own per running trial: it looks at the folder ten times a second, posts rows with
the objective at once and everything else a little later: after a quarter of a second where the
server answers quickly, after a second where it has much to do. A chunk takes all that waits, so a
backlog makes chunks larger and not more. While the server is away it keeps nothing in memory: the
run folder is the spool. It never touches the training process and never decides anything; `fenced`
says that the server wants nothing more of this attempt.

Neighbours: `lane.py` (what is due), `streams.py` (chunks), `errands.py` (everything but chunks).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from agent.claim import Claim
from agent.errands import Errands, errands_for, lane_errands_for
from agent.listening import Backoff, Listener
from logging_core.folder import RunFolder, WriterName
from sweeps.errors import (
    ConfigurationError,
    Fenced,
    OpensweepError,
    ServerUnreachable,
    StoreUnavailable,
)
from sweeps.protocol.client import Client

if TYPE_CHECKING:  # NumPy comes with them: no trial's start shall wait for that
    from agent.description import Description
    from agent.digest import Digest
    from agent.lane import Lane
    from agent.streams import Chunk, Stream

POLL_S = 0.1
"""Seconds between two looks at the folder; no more posts than that for the objective's sake."""
_NEW_LANES_S = 1.0
_SHARE = 20  # a post may take one part in so many of the time
_REFUSALS = 5


class Shipper:
    """One attempt's records, console and machine metrics, on their way to the server.

    Args:
        client: the server.
        folder: the run folder.
        run_id: the run's id.
        writer: the attempt's token: which files of the folder are its.
        metric: name of the objective, None for none.
        listener: told when the server is away or back, and of warnings.
        resume: an earlier agent may have sent some of it: go on where it was.
        on_fenced: called, in a thread of the shipper's, when a newer attempt owns the run.
        as_writer: the attempt's number at the server; None: the token.

    Attributes:
        about: metadata that others know of the run; whoever does adds to it, at any time.
        digest: what the records amount to; complete after `stop`.
        claim: the folder's lock; taken by and by where somebody else has it first.
        fenced: set when a newer attempt owns the run: nothing more is sent.

    Raises:
        ValueError: what an earlier agent remembered of this attempt cannot be read.
    """

    digest: Digest

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
        as_writer: int | None = None,
    ) -> None:
        self._client, self._folder, self._run_id = client, folder, run_id
        self._token, self._as_writer = writer, writer if as_writer is None else as_writer
        self._metric, self._listener, self._on_fenced = metric, listener, on_fenced
        self._resume = resume
        self._lanes: list[Lane] = []
        self._description: Description | None = None
        self._lanes_at = self._post_s = 0.0
        self._refused = 0
        self._backoff = Backoff()
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self.fenced = threading.Event()
        self.about: dict[str, Any] = {}
        self._errands = Errands(run_id, listener, self._fence)
        self.claim = Claim(folder)
        if resume:
            self._open()

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
        self._errands.stop()
        if self._thread is not None:
            self._thread.join()
        self._open()
        self._look_for_lanes()
        for lane in self._lanes:
            lane.end()
        if self._description is not None:
            self._description.look(now=True)

    def drain(self, give_up: threading.Event) -> bool:
        """Sends all that is left, however long the server is away; after `stop`.

        Returns False when `give_up` was set before all was sent. An attempt that is fenced has
        nothing left to send. What the errands have to bring waits for `finish_errands`.
        """
        for lane in self._lanes:
            for stream in lane.streams:
                while not self.fenced.is_set() and (chunk := stream.take()) is not None:
                    sent = self._send(lane, stream, chunk)
                    if not sent and give_up.wait(self._backoff.seconds()):
                        return False
                stream.settle()
        return True

    def finish_errands(self, give_up: threading.Event) -> bool:
        """Does what the errands have left, however long that takes; after `stop`.

        Returns False when `give_up` was set before all was done.
        """
        done = self.fenced.is_set() or self._errands.finish(give_up)
        self.claim.release()
        return done

    def result_is_told(self) -> None:
        """The server knows config, metadata and summary from the trial's result; after `stop`."""
        if self._description is not None:
            self._description.told()

    # -- its thread ---------------------------------------------------------------------------

    def _open(self) -> None:
        """Makes what needs NumPy, once. Raises ValueError as the class says."""
        if self._description is not None:
            return
        from agent.description import Description
        from agent.digest import Digest

        self.digest = Digest(self._metric, self.about)
        description = Description(self._client, self._run_id, self._as_writer, self.digest)
        given = (self._client, self._folder, self._run_id, self._as_writer)
        self._errands.add([description, *errands_for(*given, self._listener)])
        self._look_for_lanes()
        self._description = description

    def _look_for_lanes(self) -> None:
        from agent.lane import Lane, lanes_in
        from agent.streams import Progress

        self.claim.take()
        now = time.monotonic()
        self._lanes_at = now + _NEW_LANES_S
        known = {lane.name for lane in self._lanes}
        for name in lanes_in(self._folder, self._token):
            if name in known:
                continue
            writer = WriterName(self._token, name)
            progress = Progress(self._folder.shipped(writer))
            if self._resume:
                progress.load()
            given = (self._client, self._folder, self._run_id, self._as_writer, name)
            self._errands.add(lane_errands_for(*given, self._listener), name)
            lane = Lane(
                self._folder,
                writer,
                self._metric,
                self._listener.warn,
                partial(self._errands.take, name),
                progress,
                now,
            )
            self._lanes.append(lane)
            self.digest.lanes.append(lane.digest)

    def _follow(self) -> None:
        self._open()
        pause = POLL_S
        while not self._over.wait(pause) and not self.fenced.is_set():
            if time.monotonic() >= self._lanes_at:
                self._look_for_lanes()
            sent = True
            for lane in self._lanes:
                lane.digest.read()
                for stream in lane.due(time.monotonic(), self._patience_s()):
                    sent = sent and self._send_next(lane, stream)
            self._see_to_errands()
            behind = sent and any(lane.behind for lane in self._lanes)
            pause = 0.0 if behind else POLL_S if sent else self._backoff.seconds()

    def _patience_s(self) -> float:
        """How long rows may wait: the longer, the more time a post takes."""
        from agent.lane import LEAST_PATIENCE_S, PATIENCE_S

        return min(max(_SHARE * self._post_s, LEAST_PATIENCE_S), PATIENCE_S)

    def _see_to_errands(self) -> None:
        news = self._description is not None and self._description.look()
        if news or self._errands.wanted or self._folder.asks.exists():
            self._errands.start()

    def _send_next(self, lane: Lane, stream: Stream) -> bool:
        chunk = stream.take()
        if chunk is not None:
            return self._send(lane, stream, chunk)
        lane.sent(stream, 0, 0)  # the rows that seemed due cannot be sent
        return True

    def _send(self, lane: Lane, stream: Stream, chunk: Chunk) -> bool:
        """Posts a chunk once. False: it must be tried again later (or the attempt is fenced)."""
        from agent.lane import POINT_BYTES

        began = time.monotonic()
        try:
            self._client.post_chunk(
                self._run_id,
                self._as_writer,
                chunk.kind,
                chunk.seq,
                chunk.first,
                chunk.last,
                chunk.rows,
                chunk.objective,
                chunk.data,
                lane=lane.name,
            )
        except Fenced:
            self._fence()
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
            self._post_s += (time.monotonic() - began - self._post_s) / 4
        self._refused = 0
        self._backoff.reset()
        stream.acknowledge(chunk)
        lane.sent(stream, chunk.rows, len(chunk.objective) // POINT_BYTES)
        return True

    def _fence(self) -> None:
        self.fenced.set()
        self._on_fenced()
