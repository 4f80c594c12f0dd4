"""A run folder as whoever carries it sees it: whose it is, who writes it, how far it has gone.

Reads and notes; speaks to nobody. `sync.json` says to which server a folder went, and of each
attempt that is there how large its files were, so that a second look costs next to nothing.
Neighbours: `follow.py` (who carries), `logging_core.folder` (the names).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from logging_core.folder import RunFolder, WriterName, being_written
from sweeps.errors import UsageError


@dataclass(frozen=True)
class Who:
    """Whose folder it is, by its run.json.

    Attributes:
        uid: tells this folder from any other.
        trial: an agent made it, for a trial of a sweep.
    """

    run_id: str
    uid: str
    trial: bool
    config: Mapping[str, Any]
    metadata: Mapping[str, Any]


OF_THE_FOLDER = ("run_id", "uid", "locked", "parent", "fork_step", "resume", "resumed", "id")


def read_who(folder: RunFolder) -> Who:
    """Raises UsageError, saying what is wrong with the folder."""
    try:
        metadata, config = folder.read_metadata(), folder.read_config()
    except (OSError, ValueError) as error:
        raise UsageError(f"{folder.path} cannot be read: {error}") from error
    run_id = metadata.get("run_id")
    if not isinstance(run_id, str) or not run_id:
        raise UsageError(
            f"{folder.path} is not a run folder (it has no run.json): give the folder of a run, "
            "or one that has run folders in it, such as ./opensweep"
        )
    given = metadata.get("uid")
    # Folders of earlier versions have none: what they were made with tells them apart.
    made = f"{run_id} {metadata.get('started')} {metadata.get('host')} {metadata.get('pid')}"
    uid = given if isinstance(given, str) else hashlib.sha256(made.encode()).hexdigest()[:16]
    trial = bool(metadata.get("sweep_id")) and "attempt" in metadata
    return Who(run_id, uid, trial, config, metadata)


@dataclass(frozen=True)
class Note:
    """sync.json: where a folder has gone.

    Attributes:
        sent: of each attempt that the server has whole: how large its files were.
        state: how the run ended.
        error: why it is not sent any further.
        refused: because its id is another run's.
    """

    server_id: str = ""
    run_id: str = ""
    sent: Mapping[int, list[int]] = field(default_factory=dict)
    state: str = ""
    error: str = ""
    refused: bool = False

    @classmethod
    def read(cls, folder: RunFolder) -> Note:
        value = folder.read_sync()
        try:
            sent = {int(token): [int(n) for n in sizes] for token, sizes in value["sent"].items()}
            return cls(str(value["server_id"]), str(value["run_id"]), sent, str(value["state"]))
        except (KeyError, TypeError, ValueError, AttributeError):
            return cls()

    def with_sent(self, token: int, stamp: list[int], state: str) -> Note:
        return replace(self, sent={**self.sent, token: stamp}, state=state, error="")

    def write(self, folder: RunFolder) -> None:
        with suppress(OSError):  # it will be looked at once more than is needed
            folder.write_sync(vars(self))


def tokens(folder: RunFolder) -> list[int]:
    names = filter(None, map(WriterName.parse, folder.writers()))
    return sorted({name.token for name in names})


def alive(folder: RunFolder, token: int) -> bool:
    names = filter(None, map(WriterName.parse, folder.writers()))
    return any(being_written(folder.records(name)) for name in names if name.token == token)


def stamp(folder: RunFolder, token: int) -> list[int]:
    """The sizes of what an attempt wrote: if they are the same, nothing has come since."""
    sizes = []
    for name in filter(None, map(WriterName.parse, folder.writers())):
        if name.token == token:
            for path in (folder.records(name), folder.console(name), folder.system(name)):
                sizes.append(_size(path))
    return sizes


def _size(path: Path) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return -1


def shipped_so_far(folder: RunFolder) -> list[str]:
    found = []
    for writer in folder.writers():
        with suppress(OSError):
            found.append(folder.shipped(writer).read_text("utf-8"))
    return found


def forget(folder: RunFolder) -> None:
    """What was sent counts no more: another server, or another id."""
    from agent.compact import unpack

    for writer in folder.writers():
        unpack(folder, writer)
        folder.shipped(writer).unlink(missing_ok=True)
