"""The errand that brings a run's files: what it saves while it lives, and all of files/ at its end.

    now    as soon as its record is read
    live   whenever it has changed, but not all the time
    end    when the run is over, and so with every file that no record names

A file that is as it was when it was sent is not read again (its size, times and inode say so;
`uploads.json` in the run folder remembers). One that changes while it is read is sent again. A
link that leads out of the folder is followed only where the script itself saved it. Neighbours:
sending.py (how bytes go), errands.py (who drives it), logging_core/saving.py (who records).
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import suppress
from typing import NamedTuple

from agent.listening import Listener
from agent.sending import Origin, Steps, Work, digest_steps, send_steps
from logging_core.artifacts import staging
from logging_core.artifacts.names import check_path
from logging_core.errors import UsageError as NamesError
from logging_core.folder import RunFolder
from logging_core.records import FileSaved, Record
from sweeps.protocol.client import Client

LIVE_S = 5.0
"""Seconds between two looks at the files that are saved live."""
_BATCH_FILES = 1000
_BATCH_BYTES = 256 << 20
_CHANGES = 3  # so often it may change under our eyes before a copy is sent


class _Look(NamedTuple):
    """A file as it was at one moment; another look tells whether it has changed."""

    size: int
    changed_ns: int
    inode: int


class _Kept(NamedTuple):
    """What the server has of a file: how it looked when it was sent, and its SHA-256."""

    look: _Look
    digest: str


class _Due(NamedTuple):
    """A file to be sent: its path in files/, its name with the server, its place here, its look."""

    relative: str
    name: str
    path: str
    look: _Look


class FileErrand:
    """Files of one attempt. `writer` is its number with the server."""

    def __init__(
        self, client: Client, folder: RunFolder, run_id: str, writer: int, listener: Listener
    ) -> None:
        self._client, self._run_id, self._writer = client, run_id, writer
        self._listener = listener
        self._root = os.path.realpath(folder.files)
        self._state = folder.path / "uploads.json"
        self._copies = folder.path / "uploading"
        self._now: dict[str, int] = {}  # paths in files/; which record of them it was
        self._records = 0
        self._live: dict[str, None] = {}
        self._named: dict[str, None] = {}
        self._sent = self._load()
        self._changes: dict[str, int] = {}
        self._said: set[str] = set()
        self._looked = 0.0
        self._swept = False
        self._work = Work()

    def take(self, record: Record) -> None:
        if isinstance(record, FileSaved):
            self._named[record.path] = None
            self._records += 1
            if record.policy == "now":
                self._now[record.path] = self._records
            elif record.policy == "live":
                self._live[record.path] = None

    def work(self, *, final: bool) -> bool:
        if not self._work.under_way and not (final and self._swept):
            self._work.begin(self._sweep() if final else self._send(self._due()))
        done = self._work.go_on()
        return done and (self._swept if final else not self._now)

    # -- what is due ---------------------------------------------------------------------------

    def _due(self) -> list[_Due]:
        due = self._looks(sorted(self._now, key=_media_first))
        self._now = {one.relative: self._now[one.relative] for one in due}  # the others are gone
        if time.monotonic() - self._looked >= LIVE_S:
            self._looked = time.monotonic()
            due += [one for one in self._looks(self._live) if not self._is_sent(one)]
        return due

    def _sweep(self) -> Steps:
        """Everything: the run is over. Media first, because people wait for them."""
        found = {one.name: one for one in self._walk()}
        found.update((one.name, one) for one in self._looks(self._named))
        everything = sorted(found.values(), key=lambda one: (_media_first(one.name), one.name))
        yield from self._send(everything, again=True)
        while due := self._due():  # those that changed meanwhile
            yield from self._send(due)
        shutil.rmtree(self._copies, ignore_errors=True)
        self._swept = True

    def _walk(self) -> Iterator[_Due]:
        for folder, folders, names in os.walk(self._root):
            folders.sort()
            for name in names:
                path = os.path.join(folder, name)
                if not os.path.islink(path):
                    due = self._look(os.path.relpath(path, self._root))
                    if due is not None:
                        yield due

    def _looks(self, relatives: Iterable[str]) -> list[_Due]:
        return [one for relative in relatives if (one := self._look(relative)) is not None]

    def _look(self, relative: str) -> _Due | None:
        """How a file looks now; None when there is none that may be sent."""
        name, path = _name(relative), os.path.join(self._root, relative)
        try:
            check_path(name)
        except NamesError as error:
            self._say(f"not kept: {error}")
            return None
        # The file may be a link that save() made; its folder must be the run's own.
        if os.path.commonpath([os.path.realpath(os.path.dirname(path)), self._root]) != self._root:
            self._say(f"{name!r} is not kept: its folder leads out of the run's files")
            return None
        try:
            found = os.stat(path)
        except OSError:
            return None  # gone already
        if not stat.S_ISREG(found.st_mode):
            return None
        return _Due(relative, name, path, _Look(found.st_size, found.st_mtime_ns, found.st_ino))

    def _is_sent(self, one: _Due) -> bool:
        return one.name in self._sent and self._sent[one.name].look == one.look

    # -- sending -------------------------------------------------------------------------------

    def _send(self, due: Iterable[_Due], *, again: bool = False) -> Steps:
        """Sends files in batches. `again`: also those that were sent, by name: a server that lost
        one asks for its bytes."""
        for batch in _batches(due):
            asked = {one.relative: self._now.get(one.relative) for one in batch}
            kept: dict[str, _Kept] = {}
            origins: dict[str, Origin | None] = {}
            for one in batch:
                if not self._is_sent(one):
                    prepared = yield from self._prepare(one)
                elif again:
                    prepared = self._sent[one.name].digest, Origin(one.path, one.look.size)
                else:
                    continue
                if prepared is not None:
                    digest, origin = prepared
                    kept[one.name], origins[digest] = _Kept(one.look, digest), origin
            lost = yield from send_steps(self._client, origins)
            digests = {name: one.digest for name, one in kept.items() if one.digest not in lost}
            if digests and self._client.save_files(self._run_id, self._writer, digests):
                digests = {}  # some went while we spoke: all of the batch once more
            for one in batch:
                if one.name in digests:
                    self._sent[one.name] = kept[one.name]
                elif one.name in kept:
                    self._later(one)
                # Unless the script saved it once more meanwhile.
                if self._is_sent(one) and self._now.get(one.relative) == asked[one.relative]:
                    self._now.pop(one.relative, None)
            if digests:
                self._save()
            yield

    def _prepare(self, one: _Due) -> Generator[None, None, tuple[str, Origin] | None]:
        """The digest of a file, and where its bytes are; None: not now, or not at all."""
        try:
            if self._changes.get(one.name, 0) >= _CHANGES:
                copied = staging.stage(one.path, str(self._copies))  # it never stands still
                return copied.digest, Origin(copied.path, copied.size)
            digest = yield from digest_steps(one.path)
        except OSError as error:
            self._say(f"{one.name!r} cannot be read: {error.strerror}")
            self._now.pop(one.relative, None)
            return None
        after = self._look(one.relative)
        if after is None or after.look != one.look:
            self._later(one)
            return None
        return digest, Origin(one.path, one.look.size)

    def _later(self, one: _Due) -> None:
        changes = self._changes[one.name] = self._changes.get(one.name, 0) + 1
        if changes > 2 * _CHANGES:
            self._say(f"{one.name!r} is not kept: it changes whenever it is sent")
            self._changes.pop(one.name)
            self._now.pop(one.relative, None)
            return
        self._sent.pop(one.name, None)
        self._now.setdefault(one.relative, 0)

    # -- what is remembered --------------------------------------------------------------------

    def _load(self) -> dict[str, _Kept]:
        try:
            said = json.loads(self._state.read_text("utf-8"))
            return {name: _Kept(_Look(*look), digest) for name, (look, digest) in said.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}  # then everything is digested again, and the server knows what it has

    def _save(self) -> None:
        fresh = self._state.with_name(f"{self._state.name}.{os.getpid()}.tmp")
        with suppress(OSError):  # it only spares work
            fresh.write_text(json.dumps(self._sent), "utf-8")
            fresh.replace(self._state)

    def _say(self, sentence: str) -> None:
        if sentence not in self._said:
            self._said.add(sentence)
            self._listener.warn(f"{self._run_id}: {sentence}")


def _name(relative: str) -> str:
    """A path as the server knows it: bytes that are no text as \\xff."""
    return os.fsencode(relative).decode("utf-8", "backslashreplace").replace(os.sep, "/")


def _media_first(name: str) -> bool:
    return not name.startswith("media/")


def _batches(due: Iterable[_Due]) -> Iterator[list[_Due]]:
    batch: list[_Due] = []
    total = 0
    for one in due:
        batch.append(one)
        total += one.look.size
        if len(batch) == _BATCH_FILES or total >= _BATCH_BYTES:
            yield batch
            batch, total = [], 0
    if batch:
        yield batch
