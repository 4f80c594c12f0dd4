"""Results of trials on disk, from the moment that a trial ends until nothing is left to do for it.

First the server must have the result (`<trial>.<token>.json`), then the rest of its run must be
brought and packed (`.recorded`).

Each agent has a folder of its own under `<home>/outbox/`, and holds a lock on it while it lives;
a kill -9 lets go of the lock, and the next agent on this machine delivers what it finds there.
A file is written whole or not at all. Nothing here speaks to a server: `delivery.py` does.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sweeps.trial import Outcome

_LOCK = "lock"
_SUFFIX = ".json"
_RECORDED = ".recorded"


@dataclass(frozen=True)
class Result:
    """The end of one attempt, as the server is told of it.

    Attributes:
        sweep_id, trial_id, token: which attempt.
        outcome: how it ended.
        summary: the run's summary values.
        logged_keys: names of everything that it logged.
        server_id: of the server that it belongs to: its address may be another one by then.
        folder: its run folder, which may hold records that are not shipped yet.
        metric: name of the objective, None if the sweep has none.
        config: what the script added to its configuration.
        metadata: what the run says of itself.
        seconds: how long its process ran; None when none did, or nobody knows.
    """

    sweep_id: str
    trial_id: str
    token: int
    outcome: Outcome
    summary: Mapping[str, Any]
    logged_keys: tuple[str, ...]
    server_id: str
    folder: str
    metric: str | None
    config: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    seconds: float | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            **{name: getattr(self, name) for name in _PLAIN},
            "outcome": self.outcome.to_json(),
            "summary": dict(self.summary),
            "logged_keys": list(self.logged_keys),
            "config": dict(self.config),
            "metadata": dict(self.metadata),
            "seconds": self.seconds,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Result:
        """Raises ValueError, KeyError or TypeError on anything that `to_json` does not make."""
        plain = {name: data[name] for name in _PLAIN}
        seconds = data.get("seconds")  # not in files of earlier versions
        return cls(
            **plain,
            outcome=Outcome.from_json(data["outcome"]),
            summary=dict(data["summary"]),
            logged_keys=tuple(data["logged_keys"]),
            config=dict(data["config"]),
            metadata=dict(data["metadata"]),
            seconds=None if seconds is None else float(seconds),
        )


_PLAIN = ("sweep_id", "trial_id", "token", "server_id", "folder", "metric")


class Outbox:
    """One agent's undelivered results. Thread-safe: each result is a file of its own."""

    def __init__(self, home: str | Path, agent_id: str) -> None:
        """Makes `<home>/outbox/<agent_id>` and locks it. Raises OSError."""
        self.path = Path(home) / "outbox" / agent_id
        while True:
            self.path.mkdir(parents=True, exist_ok=True)
            try:
                self._lock = os.open(
                    self.path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
                )
            except FileNotFoundError:
                continue  # cleared away as below, before there was a lock in it
            fcntl.flock(self._lock, fcntl.LOCK_EX)
            if (self.path / _LOCK).exists():
                return
            # Another agent took the folder, not locked yet, for a dead one's and cleared it away.
            os.close(self._lock)

    def put(self, result: Result) -> None:
        """Writes a result down; when this returns, a power cut cannot take it. Raises OSError."""
        final = self._file(result)
        draft = final.with_suffix(".draft")
        with open(draft, "w", encoding="utf-8") as file:
            json.dump(result.to_json(), file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, final)
        folder = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def record(self, result: Result) -> None:
        """The server has it; what is left to do for its run waits for `settle`."""
        with suppress(OSError):
            os.replace(self._file(result), self._file(result, _RECORDED))

    def settle(self, result: Result) -> None:
        """Nothing is left to do (or the server refuses it for good): it is forgotten here."""
        for suffix in (_SUFFIX, _RECORDED):
            with suppress(FileNotFoundError):
                os.unlink(self._file(result, suffix))

    def pending(self) -> list[Result]:
        """What the server does not have, oldest first; a file that cannot be read is left."""
        return list(_read_all(self.path, _SUFFIX))

    def recorded(self) -> list[Result]:
        """What the server has, and whose runs are not settled."""
        return list(_read_all(self.path, _RECORDED))

    def close(self) -> None:
        """Lets go; the folder stays only if something in it is not settled."""
        if self._lock < 0:
            return
        if not _holds_something(self.path):
            shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)
        self._lock = -1

    def _file(self, result: Result, suffix: str = _SUFFIX) -> Path:
        return self.path / f"{result.trial_id}.{result.token}{suffix}"


def abandoned(home: str | Path) -> Iterator[Outbox]:
    """The outboxes of agents that are dead, each locked by us while it is handed out.

    The caller delivers `pending()`, finishes `recorded()`, settles both, and closes; an outbox
    that is empty is cleared away at once.
    """
    root = Path(home) / "outbox"
    for path in sorted(root.iterdir()) if root.is_dir() else ():
        outbox = _adopt(path)
        if outbox is None:
            continue
        if _holds_something(path):
            yield outbox
        else:
            outbox.close()


def _adopt(path: Path) -> Outbox | None:
    """The outbox at `path` if its agent is dead; None while it lives or when it is just gone.

    A folder that is quite empty (its agent was killed while making it or clearing it away) goes.
    """
    try:
        lock = os.open(path / _LOCK, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        with suppress(OSError):
            os.rmdir(path)
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Whoever held it may have cleared the folder away between our open and our lock.
        ours = (path / _LOCK).exists()
    except OSError:
        ours = False
    if not ours:
        os.close(lock)
        return None
    outbox = Outbox.__new__(Outbox)
    outbox.path, outbox._lock = path, lock
    return outbox


def _holds_something(path: Path) -> bool:
    return any(path.glob(f"*{_SUFFIX}")) or any(path.glob(f"*{_RECORDED}"))


def _read_all(path: Path, suffix: str) -> Iterator[Result]:
    files = sorted(path.glob(f"*{suffix}"), key=lambda file: file.stat().st_mtime_ns)
    for file in files:
        with suppress(OSError, ValueError, KeyError, TypeError):
            yield Result.from_json(json.loads(file.read_text(encoding="utf-8")))
