"""The process that carries one script's runs to the server: what logging_core/follower.py starts.

Reads run folders from its standard input, a JSON line each, until the script is gone, and follows
each in a thread (agent/follow.py). Ends by itself once all is sent, or when the script is gone and
the server has been away for PATIENCE_S: the folders keep what is left, and `sweep sync` sends it.
It talks to nobody: what it has to say stands in follow.log and sync.json of the run folder.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from opensweep._command import open_rooms

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import FrameType

    from agent.follow import Courier
    from sweeps.errors import OpensweepError
    from sweeps.protocol.client import Client

PATIENCE_S = 900.0
"""Seconds without the server after which a follower whose script is gone ends."""
NEVER_S = 60.0
"""The same where the server has never answered: most likely there is none."""
LOOK_S = 2.0
"""Seconds between two looks whether an absent server has moved."""


class Following:
    """Every run of one script."""

    def __init__(self) -> None:
        self._give_up = threading.Event()
        self._heard: float | None = None  # when the server last answered
        self._nudge = threading.Event()
        self._away = False
        self._looked = 0.0
        self._client: Client | None = None
        self._courier: Courier | None = None
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    def add(self, path: str) -> None:
        """Follows this folder from now on."""
        thread = threading.Thread(target=self._follow, args=(path,), name=f"follow {path}")
        thread.start()
        self._threads = [one for one in self._threads if one.is_alive()] + [thread]

    def look(self) -> None:
        """A run has ended: sees to it now."""
        self._nudge.set()

    def leave(self) -> None:
        """Lets go of everything as it is."""
        self._give_up.set()
        self._nudge.set()

    def finish(self) -> None:
        """The script is gone: sends what is left. Returns when that is done, or given up."""
        self._nudge.set()
        ended = time.monotonic()
        while any(thread.is_alive() for thread in self._threads):
            for thread in self._threads:
                thread.join(0.2)
            since = max(self._heard or ended, ended)
            patience_s = NEVER_S if self._heard is None else PATIENCE_S
            if self._away and time.monotonic() - since > patience_s:
                _say("the server stays away: `sweep sync` sends what is left")
                self.leave()

    def _follow(self, path: str) -> None:
        from agent.parcel import Note
        from logging_core.folder import RunFolder
        from sweeps.errors import OpensweepError, RunExists

        folder = RunFolder(path)
        try:
            courier = self._find_courier()
            if courier is not None:
                done = courier.carry(folder, live=True)
                _say(f"{path}: {done}")
        except OpensweepError as error:
            _say(f"{path}: {error}")
            if folder.path.is_dir():
                refused = isinstance(error, RunExists)
                replace(Note.read(folder), error=str(error), refused=refused).write(folder)

    def _find_courier(self) -> Courier | None:
        """To the server; None when it is given up. Raises ConfigurationError."""
        from agent.follow import BEAT_S, Courier
        from opensweep.local import find_server
        from sweeps.errors import ServerUnreachable

        with self._lock:
            pause = 0.1
            while self._courier is None and not self._give_up.is_set():
                client = find_server()
                try:
                    if client is None:
                        raise ServerUnreachable("the server does not answer")
                    hello = client.handshake()
                except ServerUnreachable as error:
                    self.server_away(error)
                    self._give_up.wait(pause)
                    pause = min(pause * 2, LOOK_S)
                    continue
                self.server_back()
                idle_s = float(hello["idle_s"] or 3 * BEAT_S)
                beat_s = min(BEAT_S, idle_s / 3)  # a server that ends when idle stays for a run
                self._client = client
                self._courier = Courier(
                    client,
                    str(hello["server_id"]),
                    self,
                    self._give_up,
                    beat_s=beat_s,
                    nudge=self._nudge,
                )
            return self._courier

    # -- the Listener of what it starts -------------------------------------------------------

    def server_away(self, error: OpensweepError) -> None:
        if not self._away:
            _say(str(error))
        self._away = True
        client, now = self._client, time.monotonic()
        if client is None or now - self._looked < LOOK_S:
            return
        self._looked = now
        from opensweep.local import find_server
        from sweeps.errors import OpensweepError

        with suppress(OpensweepError):
            found = find_server()
            if found is not None:
                client.url, client.key = found.url, found.key
                found.close()

    def server_back(self) -> None:
        self._away = False
        self._heard = time.monotonic()

    def warn(self, message: str) -> None:
        _say(message)


class _Ended(Exception):
    """By a signal."""


def main(lines: Iterable[bytes] | None = None) -> None:
    """What the process does."""
    open_rooms()
    with suppress(OSError):
        os.nice(5)  # training comes first
    following = Following()

    def end(_number: int, _frame: FrameType | None) -> None:
        following.leave()
        raise _Ended

    signal.signal(signal.SIGTERM, end)
    for ignored in (signal.SIGINT, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    try:
        for line in sys.stdin.buffer if lines is None else lines:
            if line.strip():
                following.add(str(json.loads(line)["folder"]))
            else:  # it also asks whether we live
                following.look()
        following.finish()
    except _Ended:
        following.finish()


def _say(message: str) -> None:
    print(time.strftime("%F %T"), message, file=sys.stderr, flush=True)
