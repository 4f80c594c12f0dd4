"""Blobs that arrive in numbered parts, several at once, and are joined on the client's word.

    <incoming>/part.<upload>.<number>.<md5>   a part that has arrived
    <incoming>/part.<upload>.done             what the upload became, for a client that asks again

Parts survive a restart; those of an upload that was given up go with all else that is stale
(Blobs.drop_stale_uploads). Joining reads and writes everything once, which takes its time, so it
has a thread of its own, and who asks meanwhile is told to come again. Neighbours: arrivals.py.
"""

from __future__ import annotations

import json
import re
import secrets
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path

from controller.arrivals import Arrival, Received, keep
from controller.blobs import Blobs, room
from controller.store.store import Store
from sweeps.errors import DigestMismatch, StoreUnavailable, UsageError

PATIENCE_S = 15.0
"""Whoever asks for a join waits so long for it."""
MOST_PARTS = 10_000
_READ = 4 << 20
_UPLOAD = re.compile(r"[0-9a-f]{32}")
_MD5 = re.compile(r"[0-9a-f]{32}")


class Parts:
    """The uploads in parts of one server. Thread-safe; any method may raise StoreUnavailable."""

    def __init__(self, store: Store, blobs: Blobs) -> None:
        self._store, self._blobs = store, blobs
        self._lock = threading.Lock()
        self._joins: dict[str, Future[Received]] = {}

    @staticmethod
    def new_upload() -> str:
        """A name for an upload, which nobody guesses."""
        return secrets.token_hex(16)

    def put(self, upload: str, number: int, part: Arrival) -> None:
        """Keeps a part, all of which has arrived, in place of an earlier one of its number."""
        path = self._path(upload, f"{check_number(number)}.{part.received().md5}")
        part.move(path)
        for other in self._blobs.incoming.glob(f"part.{upload}.{number}.*"):
            if other != path:
                other.unlink(missing_ok=True)

    def join(self, upload: str, md5s: Mapping[int, str]) -> Received:
        """Makes a blob of the parts 1, 2, …, n, whose MD5s in hex are given. Safe to repeat.

        Raises:
            UsageError: parts are missing; send them again.
            DigestMismatch: a part is not what the client says it sent.
            StoreUnavailable: it is still being joined; ask again.
        """
        with self._lock:
            done = self._done(upload)
            if done is not None:
                return done
            join = self._joins.get(upload)
            if join is None:
                paths = self._find(upload, md5s)
                join = self._joins[upload] = Future()
                told = (upload, paths, join)
                threading.Thread(target=self._join, args=told, name="joining", daemon=True).start()
        try:
            return join.result(PATIENCE_S)
        except TimeoutError:
            raise StoreUnavailable(
                "the parts are being put together, which takes a while: ask again in a moment"
            ) from None

    def drop(self, upload: str) -> None:
        """Forgets an upload that the client has given up."""
        self._path(upload, "done")  # checks the name
        for path in self._blobs.incoming.glob(f"part.{upload}.*"):
            path.unlink(missing_ok=True)

    def _find(self, upload: str, md5s: Mapping[int, str]) -> list[Path]:
        if not md5s or sorted(md5s) != list(range(1, len(md5s) + 1)):
            raise UsageError("the parts of an upload are 1, 2, 3, …, without a gap")
        paths = [self._path(upload, f"{n}.{_plain(md5s[n])}") for n in sorted(md5s)]
        for number, path in enumerate(paths, 1):
            if not path.exists():
                if any(self._blobs.incoming.glob(f"part.{upload}.{number}.*")):
                    raise DigestMismatch(f"part {number} has another MD5 than {md5s[number]}")
                raise UsageError(f"part {number} of the upload is not here: send it again")
        return paths

    def _join(self, upload: str, paths: list[Path], join: Future[Received]) -> None:
        arrival = Arrival(self._blobs)
        try:
            for path in paths:
                with room(path), open(path, "rb") as file:
                    while data := file.read(_READ):
                        arrival.write(data)
            came = keep(self._store, self._blobs, arrival)
            draft = self._path(upload, "draft")
            with room(draft):
                draft.write_text(json.dumps(came._asdict()))
                draft.replace(self._path(upload, "done"))
                for path in paths:
                    path.unlink(missing_ok=True)
        except BaseException as error:  # to whoever waits
            join.set_exception(error)
        else:
            join.set_result(came)
        finally:
            arrival.close()
            with self._lock:
                del self._joins[upload]

    def _done(self, upload: str) -> Received | None:
        try:
            return Received(**json.loads(self._path(upload, "done").read_text()))
        except FileNotFoundError:
            return None

    def _path(self, upload: str, rest: str) -> Path:
        if not _UPLOAD.fullmatch(upload):
            raise UsageError(f"{upload!r} is no upload of this server")
        return self._blobs.incoming / f"part.{upload}.{rest}"


def _plain(md5: str) -> str:
    """An MD5 in hex, of an ETag too, which has quotes. Raises UsageError."""
    plain = md5.strip('"').lower()
    if not _MD5.fullmatch(plain):
        raise UsageError(f"{md5!r} is no MD5 in hex")
    return plain


def check_number(number: int) -> int:
    """`number` itself. Raises UsageError when no part can have it."""
    if not 1 <= number <= MOST_PARTS:
        raise UsageError(f"parts are numbered from 1 to {MOST_PARTS:,}")
    return number
