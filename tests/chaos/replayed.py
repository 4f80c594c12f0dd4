"""Agents of W&B's client, replayed in a thread: their words over HTTP, without their processes.

Like the real one they send again what was not answered. Killed, they fall silent in mid-trial, and
another one comes in their place. Neighbours: benchmarks/wandb_sweeps.py (the words),
`chaos_script.py` (the same rows).
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import urllib3
from chaos_script import STEPS, TrialLock, loss

from benchmarks.wandb_sweeps import Door, ReplayedAgent, ReplayedScript

_PAUSE_S = 0.15
_T = TypeVar("_T")


class _Killed(Exception):
    """It was killed: not one word more."""


class _Refused(Exception):
    """The server wants no more of this trial, or of this agent."""


class WandbBox(threading.Thread):
    """One agent at a time, until the sweep is over or `end` is called.

    Args:
        name: its host.
        url: of its wire to the server.
    """

    def __init__(self, root: Path, name: str, url: str, key: str, sweep: str) -> None:
        super().__init__(name=name, daemon=True)
        self._root, self._host, self._sweep = root, name, sweep
        self._door = Door(url, key, 1, timeout_s=5)
        self._killed, self._over = threading.Event(), threading.Event()
        self.failure: Exception | None = None
        self.done = False
        """It was told that the sweep is over."""

    def kill(self) -> None:
        self._killed.set()

    def end(self) -> None:
        self._over.set()
        self._killed.set()
        self.join()

    def run(self) -> None:
        while not self._over.is_set() and not self.done:
            self._killed.clear()
            try:
                self._live()
            except (_Killed, _Refused):
                self._over.wait(1.0)
            except Exception as error:
                self.failure = error
                return

    def _live(self) -> None:
        agent = self._tried(lambda: ReplayedAgent(self._door, self._sweep, self._host))
        while True:
            command = self._tried(agent.beat)
            if command is None:
                self._pause()
            elif command["type"] == "exit":
                self.done = True
                return
            elif command["type"] == "run":
                self._train(agent, command)

    def _train(self, agent: ReplayedAgent, command: dict[str, Any]) -> None:
        name = str(command["run_id"])
        trial, _, token = name.partition("_")
        number, attempt = int(trial.rpartition("-")[2]), int(token or 1)
        lock = TrialLock(self._root, number, attempt, self._host)
        try:
            script = self._tried(lambda: _Script(self._door, self._sweep, name, self._host))
            for step in range(STEPS):
                row = {"loss": loss(number, step), "at": step, "attempt": attempt}
                script.add(row)
                if self._tried(script.send):
                    return  # told to stop
                order = self._tried(lambda: agent.beat(name))
                if order is not None and order["type"] in ("stop", "exit"):
                    return
                self._pause()
            self._tried(lambda: script.stream({"files": script.summary({"steps": STEPS})}))
            self._tried(script.end)
        except _Refused:
            return
        finally:
            lock.close()

    def _tried(self, call: Callable[[], _T]) -> _T:
        """`call`, again until there is an answer."""
        while not self._killed.is_set():
            try:
                return call()
            except (urllib3.exceptions.HTTPError, ValueError):
                pass
            except RuntimeError as error:
                if not str(error).startswith("5"):
                    raise _Refused(str(error)) from error
            self._killed.wait(0.3)
        raise _Killed

    def _pause(self) -> None:
        if self._killed.wait(_PAUSE_S):
            raise _Killed


class _Script(ReplayedScript):
    """One that sends a line again until it was taken."""

    def __init__(self, door: Door, sweep: str, name: str, host: str) -> None:
        super().__init__(door, sweep, name, host)
        self._last: dict[str, Any] = {}
        self._row: dict[str, Any] | None = None

    def add(self, row: dict[str, Any]) -> None:
        self._last, self._row = row, row

    def send(self) -> bool:
        """Whether the script is to end."""
        before = self._sent
        try:
            assert self._row is not None
            return self.log({**self._row, "_timestamp": time.time()})
        except Exception:
            self._sent = before
            raise

    def summary(self, more: dict[str, Any]) -> dict[str, Any]:
        line = json.dumps({**self._last, **more})
        return {"wandb-summary.json": {"offset": 0, "content": [line]}}
