"""Several processes that record one run: who makes its folder, which attempt it is, whose file.

Each process has a record file of its own, its lane; nobody waits for a lock, and none is ever taken
twice. Whoever comes first makes the folder; an attempt is over when none of its processes lives.
Neighbours: place.py, start.py.
"""

from __future__ import annotations

import itertools
import os
import re
import time

from logging_core.folder import RunFolder, WriterName, being_written

_JOIN_S = 5.0


def join(folder: RunFolder, resume: bool) -> tuple[int, bool]:
    """The attempt that this process is part of, and whether it goes on with one that is over.

    Makes the folder (not its parents) if it is not there. Raises OSError.
    """
    try:
        folder.path.mkdir()
    except FileExistsError:
        _await(folder)
    token = max(folder.last_token(), 1)
    names = [name for name in map(WriterName.parse, folder.writers()) if name]
    lives = any(_lives(folder, name) for name in names if name.token == token)
    goes_on = bool(names) and resume and not lives
    return token + goes_on, goes_on


def take_lane(folder: RunFolder, token: int, *wanted: str) -> WriterName:
    """A record file of this process alone: the first of these lanes that nobody has, else the last
    one with a number. Raises OSError."""
    lanes = [re.sub(r"[^A-Za-z0-9_]", "_", name)[:32] for name in wanted]
    for lane in itertools.chain(lanes, (f"{lanes[-1]}_{n}" for n in itertools.count(2))):
        writer = WriterName(token, lane)
        try:
            os.close(os.open(folder.records(writer), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644))
        except FileExistsError:
            continue
        return writer
    raise AssertionError  # the chain has no end


def _await(folder: RunFolder) -> None:
    """Until the process that made the folder has said whose it is; it is just doing so."""
    patience = time.monotonic() + _JOIN_S
    while not folder.run_json.exists() and time.monotonic() < patience:
        time.sleep(0.005)


def _lives(folder: RunFolder, name: WriterName) -> bool:
    """An empty file has just been taken, and is about to be opened."""
    path = folder.records(name)
    try:
        return os.stat(path).st_size == 0 or being_written(path)
    except OSError:
        return False
