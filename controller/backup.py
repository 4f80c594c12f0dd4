"""A home folder in one file, taken while its server runs, and put back.

A tar in zstd: the database as it was at one moment (SQLite's own backup), the bytes of blobs, the
keys and settings of the home; last of all `manifest.json` with the size and SHA-256 of each, so
that a file which was broken off is never taken for a whole one. Blobs are copied after the
database: one that the database names is kept for a day at least, so it is still there.

Never copied: what is live only (Redis, locks, notes, logs), and what belongs to agents (run
folders, outboxes). A restore reads and checks everything before it changes anything, and never
writes into a home whose server lives. Neighbours: server/home.py (the lock), blobs.py (the files).
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import re
import shutil
import sqlite3
import tarfile
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import zstandard

from controller import record
from controller.private import home_folder, private_folder
from controller.server.home import Home
from controller.store.store import Store, open_store
from sweeps.errors import ConfigurationError, UsageError
from sweeps.trial import AttemptState, Outcome, Reason, SweepState

VERSION = 1
_MANIFEST = "manifest.json"
_DATABASE = "opensweep.db"
_KEPT = ("api_key", "signing_key", "server_id", "port", "alerts", "broker/agent_password")
_ARTIFACTS = "artifacts"
_BLOB = re.compile(r"artifacts/[0-9a-f]{2}/[0-9a-f]{64}")
_PART = 1 << 20
_TOKENS = 1000
"""More attempts than a trial has between a backup and its restore."""
_MANIFEST_BYTES = 1 << 30


@dataclass(frozen=True)
class Contents:
    """What a backup holds: when it was taken, how many blobs, how many bytes in all, and where
    blobs are that it does not hold (an object store's address, "" for none)."""

    taken: float
    blobs: int
    size: int
    artifacts_url: str


def backup(home_path: Path, target: Path, *, artifacts_url: str = "") -> Contents:
    """Writes a backup of the home to `target`, whole or not at all.

    Raises ConfigurationError (no database there, no room, `target` is there already).
    """
    home = Home(home_path)
    if not home.database_file.is_file():
        raise ConfigurationError(f"{home_path} holds no database: there is nothing to back up.")
    if target.exists():
        raise ConfigurationError(f"{target} is there already: name another file, or remove it.")
    fresh = target.with_name(f".{target.name}.{os.getpid()}.part")
    taken = time.time()
    try:
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".sweep-backup-") as folder:
            snapshot = Path(folder) / _DATABASE
            _copy_database(home.database_file, snapshot)
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                members = _write(file, home_path, snapshot, taken, artifacts_url)
                file.flush()
                os.fsync(file.fileno())
        os.replace(fresh, target)
    except sqlite3.Error as error:
        raise ConfigurationError(f"{home.database_file} cannot be copied: {error}.") from error
    except OSError as error:
        raise ConfigurationError(f"{target} cannot be written: {error.strerror}.") from error
    finally:
        fresh.unlink(missing_ok=True)
    return _contents({"taken": taken, "artifacts_url": artifacts_url, "members": members})


def _copy_database(source: Path, target: Path) -> None:
    with (
        contextlib.closing(sqlite3.connect(f"file:{source}?mode=rw", uri=True)) as database,
        contextlib.closing(sqlite3.connect(target)) as copy,
    ):
        database.backup(copy)


def _write(
    file: IO[bytes], home: Path, snapshot: Path, taken: float, artifacts_url: str
) -> dict[str, dict[str, Any]]:
    members: dict[str, dict[str, Any]] = {}
    with (
        zstandard.ZstdCompressor(level=3).stream_writer(file, closefd=False) as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as tar,
    ):
        for name, path in _sources(home, snapshot):
            with contextlib.suppress(FileNotFoundError), open(path, "rb") as source:
                members[name] = _add(tar, name, source, os.fstat(source.fileno()).st_size)
        manifest = {
            "version": VERSION,
            "taken": taken,
            "artifacts_url": artifacts_url,
            "members": members,
        }
        text = json.dumps(manifest).encode()
        _add(tar, _MANIFEST, io.BytesIO(text), len(text))
    return members


def _sources(home: Path, snapshot: Path) -> Iterator[tuple[str, Path]]:
    yield _DATABASE, snapshot
    for name in _KEPT:
        yield name, home / name
    for folder in sorted((home / _ARTIFACTS).glob("??")):
        for path in sorted(folder.iterdir()):
            name = f"{_ARTIFACTS}/{folder.name}/{path.name}"
            if _BLOB.fullmatch(name):
                yield name, path


def _add(tar: tarfile.TarFile, name: str, source: IO[bytes], size: int) -> dict[str, Any]:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o600
    reading = _Reading(source)
    tar.addfile(info, reading)
    return {"size": size, "sha256": reading.digest.hexdigest()}


class _Reading:
    """A file whose digest is made while it is read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self.digest.update(data)
        return data


# -- putting it back -------------------------------------------------------------------------------


def check(source: Path) -> Contents:
    """Reads a whole backup. Raises UsageError when it is none, is damaged, or was broken off."""
    return _contents(_checked(source))


def turn_back(store: Store) -> None:
    """Makes void what began before or after the backup and has not ended in it.

    Agents that still live go on with attempts of the database that was lost, under tokens that
    this one would hand out again, and send only what that one had not acknowledged. So each
    attempt that is open gives way to one with a token that nobody has, new trials begin with such
    tokens, and the agents learn that they were fenced.
    """
    store.raise_tokens(_TOKENS)
    for sweep in store.list_sweeps():
        canceled = sweep.state is SweepState.CANCELED
        lost = Outcome(
            AttemptState.CANCELED if canceled else AttemptState.LOST,
            Reason.RESTORED,
            "the server went back to a backup",
        )
        for running in store.running_attempts(sweep.id):
            record.record_end(store, running.trial_id, running.token, lost)
        for queued in store.queued_attempts(sweep.id):
            store.requeue_attempt(queued.trial_id, queued.token, skip=_TOKENS)


def restore(source: Path, home_path: Path, *, force: bool = False) -> tuple[Contents, Path | None]:
    """Puts a backup into a home, after all of it was checked.

    Args:
        force: the home may hold a database; what it holds is put aside, not deleted.

    Returns what was restored, and where that which was there is now.

    Raises:
        UsageError: the backup is none, is damaged or was broken off.
        ConfigurationError: the home holds a database (without `force`), or cannot be written.
        HomeInUse: its server runs.
    """
    manifest = _checked(source)
    home_folder(home_path)
    home = Home(home_path)
    home.acquire()
    try:
        there = [name for name in (_DATABASE, _ARTIFACTS) if (home_path / name).exists()]
        if there and not force:
            raise ConfigurationError(
                f"{home_path} holds {' and '.join(there)} already: set OPENSWEEP_HOME to an empty "
                "folder, or say --force, which puts aside what is there."
            )
        fresh = Path(tempfile.mkdtemp(dir=home_path, prefix=".restoring-"))
        try:
            _extract(source, manifest, fresh)
            with open_store(f"sqlite:///{fresh / _DATABASE}") as store:
                turn_back(store)
            aside = _put_aside(home_path)
            _move(fresh, home_path)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    except OSError as error:
        raise ConfigurationError(f"{home_path} cannot be written: {error.strerror}.") from error
    finally:
        home.release()
    return _contents(manifest), aside


def _checked(source: Path) -> dict[str, Any]:
    found: dict[str, dict[str, Any]] = {}
    manifest: Any = None
    with _members(source) as members:
        for name, file in members:
            if name == _MANIFEST:
                manifest = json.loads(file.read(_MANIFEST_BYTES))
                continue
            digest, size = hashlib.sha256(), 0
            while data := file.read(_PART):
                digest.update(data)
                size += len(data)
            found[name] = {"size": size, "sha256": digest.hexdigest()}
    if not isinstance(manifest, dict):
        raise UsageError(f"{source} is no whole backup: it ends before its list of contents.")
    if manifest.get("version") != VERSION:
        raise UsageError(f"{source} was made by another version of opensweep: use that one.")
    if manifest.get("members") != found or _DATABASE not in found:
        raise UsageError(f"{source} is damaged: what it holds is not what it lists.")
    if not isinstance(manifest.get("taken"), float):
        raise UsageError(f"{source} is damaged: it does not say when it was taken.")
    return manifest


@contextlib.contextmanager
def _members(source: Path) -> Iterator[Iterator[tuple[str, IO[bytes]]]]:
    """(name, content) of each file; only names that we write. Raises UsageError."""

    def each(tar: tarfile.TarFile) -> Iterator[tuple[str, IO[bytes]]]:
        for info in tar:
            file = tar.extractfile(info) if info.isreg() else None
            known = info.name in (_DATABASE, _MANIFEST, *_KEPT) or _BLOB.fullmatch(info.name)
            if file is None or not known:
                raise UsageError(f"{source} is no backup: it holds {info.name[:100]!r}.")
            yield info.name, file

    try:
        with (
            open(source, "rb") as file,
            zstandard.ZstdDecompressor().stream_reader(file) as plain,
            tarfile.open(fileobj=plain, mode="r|") as tar,
        ):
            yield each(tar)
    except (tarfile.TarError, zstandard.ZstdError, EOFError, ValueError, RecursionError) as error:
        raise UsageError(f"{source} is no backup, or was broken off: {error}.") from error
    except FileNotFoundError as error:
        raise UsageError(f"there is no file {source}.") from error


def _extract(source: Path, manifest: dict[str, Any], folder: Path) -> None:
    with _members(source) as members:
        for name, file in members:
            if name == _MANIFEST:
                continue
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            digest = hashlib.sha256()
            with os.fdopen(descriptor, "wb") as target:
                while data := file.read(_PART):
                    digest.update(data)
                    target.write(data)
                target.flush()
                os.fsync(target.fileno())
            if digest.hexdigest() != manifest["members"][name]["sha256"]:
                raise UsageError(f"{source} changed while it was read.")


def _put_aside(home: Path) -> Path | None:
    """What the backup takes the place of, and what Redis knew: that is projected anew."""
    names = [_DATABASE, f"{_DATABASE}-wal", f"{_DATABASE}-shm", _ARTIFACTS]
    names += ["broker/appendonlydir", *_KEPT]
    there = [name for name in names if (home / name).exists()]
    if not there:
        return None
    aside = home / f"before-restore-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
    private_folder(aside)
    for name in there:
        (aside / name).parent.mkdir(parents=True, exist_ok=True)
        os.replace(home / name, aside / name)
    return aside


def _move(fresh: Path, home: Path) -> None:
    """The database last: a home without one is empty, and the restore can be tried again."""
    names = [name for name in (*_KEPT, _ARTIFACTS, _DATABASE) if (fresh / name).exists()]
    for name in names:
        if "/" in name:
            private_folder((home / name).parent)
        os.replace(fresh / name, home / name)


def _contents(manifest: dict[str, Any]) -> Contents:
    members = manifest["members"]
    return Contents(
        taken=manifest["taken"],
        blobs=sum(name.startswith(f"{_ARTIFACTS}/") for name in members),
        size=sum(member["size"] for member in members.values()),
        artifacts_url=str(manifest.get("artifacts_url") or ""),
    )
