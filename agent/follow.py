"""Carries one run folder to a server: live while a script writes it, or afterwards, or on and on.

Registers the run, ships each attempt in turn (`shipper.py`), says how it ended, and packs what the
server has. The live follower of a script and `sweep sync` are this same code: what a crash or an
outage left is taken up where it was, and what is there already is not sent again. One process at a
time carries a folder (`claim.py`). Never writes what a script writes; never decides whose run
an id is: the server does, and its RunExists comes out.

Neighbours: `parcel.py` (the folder), `shipper.py`; `delivery.py` (results of trials, which have an
outbox of their own); opensweep/following.py and opensweep/commands/sync.py, who call.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from agent import parcel
from agent.claim import Claim
from agent.listening import Backoff, Listener
from agent.parcel import OF_THE_FOLDER, Note, Who, read_who
from agent.shipper import Shipper
from logging_core.folder import RunFolder
from sweeps.errors import (
    ConfigurationError,
    Fenced,
    NotFoundError,
    ServerUnreachable,
    StoreUnavailable,
    UsageError,
)
from sweeps.protocol.client import Client

LOOK_S = 0.2
"""Seconds between two looks whether a script still writes."""
BEAT_S = 30.0

T = TypeVar("T")


class FolderBusy(UsageError):
    """The script still writes the folder, or another process carries it."""


@dataclass(frozen=True)
class Carried:
    """What became of a folder.

    Attributes:
        run_id: as the server has it.
        state: how the run ended: finished, failed or crashed; a trial: as its agent said.
        sent: False: the server had all of it already.
        complete: False: given up before all was sent; the next one goes on there.
        fenced: attempts of which a newer one took the place before all of theirs was sent.
        rows: rows of history that were read for it.
    """

    run_id: str
    state: str
    sent: bool = True
    complete: bool = True
    fenced: tuple[int, ...] = ()
    rows: int = 0


class Courier:
    """Carries folders to one server.

    Args:
        client: the server.
        server_id: which one it is, whatever its address.
        listener: told when the server is away or back, and of warnings.
        give_up: when it is set, what is under way is left as it is.
        beat_s: seconds between two signs of life of a run that is still written.
        nudge: set by whoever knows that a script has ended.
    """

    def __init__(
        self,
        client: Client,
        server_id: str,
        listener: Listener,
        give_up: threading.Event,
        *,
        beat_s: float = BEAT_S,
        nudge: threading.Event | None = None,
    ) -> None:
        self._client, self._server_id, self._listener = client, server_id, listener
        self._give_up, self._beat_s = give_up, beat_s
        self._nudge = nudge or threading.Event()

    def carry(self, folder: RunFolder, *, live: bool = False, run_id: str | None = None) -> Carried:
        """All of a folder, from where it was left.

        Args:
            live: wait for a script that still writes it, and for whoever carries it now.
            run_id: the id to record it under; None: its own.

        Raises UsageError (no run folder, or an unreadable one), FolderBusy, RunExists (the id is
        another run's), and whatever the server refuses.
        """
        who = read_who(folder)
        with self._alone(folder, live=live):
            if who.trial and run_id is None:
                return self._carry_trial(folder, who)
            return self._carry_run(folder, who, run_id, live=live)

    @contextmanager
    def _alone(self, folder: RunFolder, *, live: bool) -> Iterator[None]:
        """While nobody else carries the folder. Raises FolderBusy, UsageError."""
        if not os.access(folder.path, os.W_OK):
            raise UsageError(
                f"{folder.path} cannot be written, and what was sent is noted there: copy it to a "
                "place that you may write to, and sync the copy"
            )
        claim = Claim(folder)
        try:
            while not claim.take():
                if not live:
                    raise FolderBusy(
                        f"another process is sending {folder.path} (the follower of its script, "
                        "its agent or another sweep sync): wait for it, or use --follow"
                    )
                if self._give_up.wait(LOOK_S):
                    raise FolderBusy(f"another process is still sending {folder.path}")
            yield
        finally:
            claim.release()

    # -- runs without a sweep -----------------------------------------------------------------

    def _carry_run(self, folder: RunFolder, who: Who, run_id: str | None, *, live: bool) -> Carried:
        note = Note.read(folder)
        run_id = run_id or (note.run_id if note.server_id == self._server_id else "") or who.run_id
        if (note.server_id, note.run_id) != (self._server_id, run_id):
            if note.server_id:
                parcel.forget(folder)
            note = Note(self._server_id, run_id)
        elif note.sent:
            known = self._call(self._knows, run_id)
            if known is None:
                return Carried(run_id, note.state, complete=False)
            if not known:  # somebody deleted it there: all of it again
                parcel.forget(folder)
                note = Note(self._server_id, run_id)
        sent, rows, state = False, 0, note.state
        fenced: list[int] = []
        done: set[int] = set()
        while token := next((one for one in parcel.tokens(folder) if one not in done), 0):
            done.add(token)
            if note.sent.get(token) == parcel.stamp(folder, token) and not parcel.alive(
                folder, token
            ):
                continue
            sent = True
            shipped = self._ship(folder, who, run_id, token, live=live)
            if shipped is None:
                return Carried(run_id, state, complete=False, fenced=tuple(fenced), rows=rows)
            rows, state = rows + shipped.rows, shipped.state
            if shipped.fenced:
                fenced.append(token)
            note = note.with_sent(token, parcel.stamp(folder, token), state)
            note.write(folder)
        return Carried(run_id, state, sent=sent, fenced=tuple(fenced), rows=rows)

    def _ship(
        self, folder: RunFolder, who: Who, run_id: str, token: int, *, live: bool
    ) -> _Shipped | None:
        """One attempt, to its end. None: given up."""
        if parcel.alive(folder, token) and not live:
            raise FolderBusy(
                f"a script is still writing {folder.path}: wait for its end, or use --follow"
            )
        answer = self._call(self._register, who, run_id, token)
        if answer is None:
            return None
        writer = int(answer["writer"])
        try:
            shipper = Shipper(
                self._client,
                folder,
                run_id,
                token,
                None,
                self._listener,
                resume=True,
                as_writer=writer,
            )
        except ValueError as error:
            raise UsageError(f"what was sent of {folder.path} is not known: {error}") from error
        self._wait_for_script(shipper, folder, run_id, token, writer)
        shipper.stop()
        if parcel.alive(folder, token) and not shipper.fenced.is_set():
            return None  # told to leave it
        if not shipper.drain(self._give_up) or not shipper.finish_errands(self._give_up):
            return None
        state, code, ended = how_it_ended(shipper)
        fenced = shipper.fenced.is_set()
        if not fenced:
            if token == max(parcel.tokens(folder)):
                try:
                    if self._call(self._end, run_id, writer, state, code, ended) is None:
                        return None
                except Fenced:
                    fenced = True  # it goes on in another folder: the run has not ended
            self._pack(folder, token)
        return _Shipped(state, fenced, shipper.digest.rows)

    def _wait_for_script(
        self, shipper: Shipper, folder: RunFolder, run_id: str, token: int, writer: int
    ) -> None:
        """Ships while the script writes; returns when it does no more (or all is given up)."""
        if not parcel.alive(folder, token):
            return
        shipper.start()
        beat_at = time.monotonic() + self._beat_s
        while parcel.alive(folder, token) and not shipper.fenced.is_set():
            self._nudge.wait(LOOK_S)
            if self._give_up.is_set():
                return
            self._nudge.clear()
            if time.monotonic() >= beat_at:
                beat_at = time.monotonic() + self._beat_s
                try:
                    self._client.beat_run(run_id, writer)
                except (ServerUnreachable, StoreUnavailable, ConfigurationError) as error:
                    self._listener.server_away(error)
                except (Fenced, NotFoundError):
                    continue  # the shipper will meet it, too

    def _register(self, who: Who, run_id: str, token: int) -> dict[str, Any]:
        said = who.metadata
        return self._client.register_run(
            run_id,
            who.uid,
            token,
            project=str(said.get("project") or "uncategorized"),
            entity=str(said.get("entity") or ""),
            name=str(said.get("name") or run_id),
            config=who.config,
            metadata={k: v for k, v in said.items() if k not in OF_THE_FOLDER},
            parent=said.get("parent"),
            fork_step=said.get("fork_step"),
            started=said.get("started"),
            resume=str(said.get("resume") or ""),
        )

    def _end(
        self, run_id: str, writer: int, state: str, code: int | None, ended: float | None
    ) -> bool:
        self._client.end_run(run_id, writer, code, state=state, ended=ended)
        return True

    def _knows(self, run_id: str) -> bool:
        try:
            self._client.run(run_id)
        except NotFoundError:
            return False
        return True

    def _pack(self, folder: RunFolder, token: int) -> None:
        from agent.compact import compact_all

        try:
            compact_all(folder, token)
        except OSError as error:
            self._listener.warn(f"{folder.path} stays as large as it is: {error.strerror}")

    # -- trials -------------------------------------------------------------------------------

    def _carry_trial(self, folder: RunFolder, who: Who) -> Carried:
        """What an agent left of a trial: its rows, console and files. Its result is in an outbox,
        and its state is the sweep's business."""
        tokens = parcel.tokens(folder)
        if any(parcel.alive(folder, token) for token in tokens):
            raise FolderBusy(
                f"the trial {who.run_id} is still running: its agent sends {folder.path}"
            )
        trial = self._call(self._client.trial, who.run_id)
        sweep = self._call(self._client.sweep, str(trial["sweep_id"])) if trial else None
        if trial is None or sweep is None:
            return Carried(who.run_id, "", complete=False)
        metric = (sweep["metric"] or {}).get("name")
        state, before, rows = str(trial["state"]), parcel.shipped_so_far(folder), 0
        fenced: list[int] = []
        for token in tokens:
            shipper = Shipper(
                self._client, folder, who.run_id, token, metric, self._listener, resume=True
            )
            shipper.stop()
            if not shipper.drain(self._give_up) or not shipper.finish_errands(self._give_up):
                return Carried(who.run_id, state, complete=False, rows=rows)
            rows += shipper.digest.rows
            if shipper.fenced.is_set():
                fenced.append(token)
        sent = before != parcel.shipped_so_far(folder)
        return Carried(who.run_id, state, sent=sent, fenced=tuple(fenced), rows=rows)

    # -- the server ---------------------------------------------------------------------------

    def _call(self, call: Callable[..., T], *args: Any) -> T | None:
        """The server's answer, however long it is away. None: given up."""
        backoff = Backoff()
        while True:
            try:
                answer = call(*args)
            except (ServerUnreachable, StoreUnavailable) as error:
                self._listener.server_away(error)
                if self._give_up.wait(backoff.seconds()):
                    return None
            else:
                self._listener.server_back()
                return answer


@dataclass(frozen=True)
class _Shipped:
    state: str
    fenced: bool
    rows: int


def how_it_ended(shipper: Shipper) -> tuple[str, int | None, float | None]:
    """(state, exit code, when) of an attempt whose processes are gone; after `Shipper.stop`.

    A process that left no word has crashed. Of several processes the worst end counts, but not
    that of one which was told not to end the run.
    """
    ends = []
    for lane in shipper.digest.lanes:
        said = [v for k, v in lane.metadata.items() if k.startswith("lane.")]
        if not any(isinstance(one, dict) and one.get("ends_run") is False for one in said):
            ends.append(lane.finished)
    if not ends or any(end is None for end in ends):
        return "crashed", None, None
    code = next((end.exit_code for end in ends if end and end.exit_code), 0)
    return ("failed" if code else "finished"), code, max(end.time for end in ends if end)
