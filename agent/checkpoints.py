"""Checkpoint folders that go from one trial to another, as in population based training.

    seed    before a trial's script starts: its folder gets what its parent's had at its end
    keep    after a script's end, before that is on record: the folder's files go to the server,
            as the run's files below `_checkpoints/`

A parent that ended on this machine is copied from its run folder, one that ended elsewhere comes
from the server, where its files are before its end is: so they are there whenever a child starts.
What is copied is copied: a child may write over its files. A folder is whole or not there at all.
A parent without files (its script saved none, or its agent died before it could send them) leaves
the child to begin from nothing, which the agent says. Neighbours: attempt.py (when), sending.py.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from agent.listening import Backoff, Listener
from agent.sending import PIECE, Origin, digest_steps, send_steps
from logging_core.folder import RunFolder
from sweeps.errors import (
    Fenced,
    NotFoundError,
    OpensweepError,
    ServerUnreachable,
    StoreUnavailable,
)
from sweeps.protocol.client import Client

PREFIX = "_checkpoints/"
_COMING = "checkpoints.coming"
_BATCH = 1000
_TRIES = 3  # of a file that changes while it is sent

Answer = TypeVar("Answer")


def seed(
    client: Client,
    folder: RunFolder,
    parent: Mapping[str, Any] | None,
    listener: Listener,
    give_up: threading.Event,
) -> bool:
    """Fills the folder of a trial that has none of its own yet; whether it has its parent's now.

    Args:
        parent: {id, token}: the trial, and its newest attempt; None: there is none.
        give_up: the trial is to end before it began.

    Raises OSError: there is no room.
    """
    if parent is None:
        return False
    own = folder.checkpoints
    if any(own.iterdir()):
        return True  # an earlier attempt of this trial brought it, or got further
    trial, token = str(parent["id"]), int(parent["token"])
    here = RunFolder(folder.path.with_name(trial))
    coming = folder.path / _COMING
    shutil.rmtree(coming, ignore_errors=True)
    if here.last_token() == token and here.checkpoints.is_dir():
        shutil.copytree(here.checkpoints, coming, symlinks=True)
    else:
        coming.mkdir()
        try:
            _again(lambda: _bring(client, trial, coming), listener, give_up)
        except OpensweepError as error:
            listener.warn(f"the checkpoint of {trial} cannot be had: {error}")
            shutil.rmtree(coming, ignore_errors=True)
            return False
    if not any(coming.iterdir()):
        coming.rmdir()
        if not give_up.is_set():
            listener.warn(
                f"{folder.path.name} begins from nothing: {trial} left nothing in its checkpoint "
                "folder (run.checkpoint_dir)"
            )
        return False
    own.rmdir()
    coming.rename(own)
    return True


def keep(
    client: Client,
    folder: RunFolder,
    trial_id: str,
    token: int,
    listener: Listener,
    give_up: threading.Event,
) -> None:
    """Sends the folder's files, however long the server is away, unless `give_up` is set."""
    try:
        _again(lambda: _send(client, folder, trial_id, token), listener, give_up)
    except Fenced:
        pass  # the trial is somebody else's by now, and so is its checkpoint
    except (OpensweepError, OSError) as error:
        listener.warn(f"the checkpoint of {trial_id} is on this machine only: {error}")


def _again(
    work: Callable[[], Answer], listener: Listener, give_up: threading.Event
) -> Answer | None:
    backoff = Backoff()
    while not give_up.is_set():
        try:
            answer = work()
        except (ServerUnreachable, StoreUnavailable) as error:
            listener.server_away(error)
            give_up.wait(backoff.seconds())
        else:
            listener.server_back()
            return answer
    return None


# -- to the server --------------------------------------------------------------------------------


def _send(client: Client, folder: RunFolder, trial_id: str, token: int) -> None:
    for _ in range(_TRIES):
        wanted: dict[str, str] = {}
        origins: dict[str, Origin | None] = {}
        for path in _files(folder.checkpoints):
            digest = _finished(digest_steps(str(path)))
            wanted[PREFIX + path.relative_to(folder.checkpoints).as_posix()] = digest
            origins[digest] = Origin(str(path), path.stat().st_size)
        lost = _finished(send_steps(client, origins))
        names = list(wanted)
        missing = [
            digest
            for start in range(0, len(names), _BATCH)
            for digest in client.save_files(
                trial_id, token, {name: wanted[name] for name in names[start : start + _BATCH]}
            )
        ]
        if not (lost or missing):
            return
    raise OSError("a file of it changes all the time")


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            yield path


def _finished(steps: Any) -> Any:
    """What a generator returns at its end."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


# -- from the server ------------------------------------------------------------------------------


def _bring(client: Client, trial_id: str, coming: Path) -> None:
    after = ""
    while True:
        listed = client.files(trial_id, prefix=PREFIX, after=after, limit=_BATCH)
        for one in listed:
            _bring_file(client, one, coming)
            after = str(one["path"])
        if len(listed) < _BATCH:
            return


def _bring_file(client: Client, one: Mapping[str, Any], coming: Path) -> None:
    target = coming / str(one["path"]).removeprefix(PREFIX)
    if not target.resolve().is_relative_to(coming.resolve()):
        raise NotFoundError(f"{one['path']!r} is no path of a checkpoint")
    target.parent.mkdir(parents=True, exist_ok=True)
    found, size = hashlib.sha256(), int(one["size"])
    with open(target, "wb") as file:
        while file.tell() < size:
            part = client.read_blob(str(one["digest"]), file.tell(), min(PIECE, size - file.tell()))
            found.update(part)
            file.write(part)
        os.fsync(file.fileno())
    if found.hexdigest() != one["digest"]:
        raise NotFoundError(f"{one['path']!r} came as something else than it was")
