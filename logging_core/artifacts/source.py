"""Where committed artifacts and files of other runs are asked for, and their bytes brought from.

Two ways, one face: over HTTP, where this process knows a server; or, under an agent, by questions
in the run folder (asking.py), because a training process holds no key. Never used by log(): only
what a script asks for waits for a network.
"""

from __future__ import annotations

import contextlib
import os
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Any, Callable, Iterator, Mapping, Sequence, cast

from logging_core.api.http import Server, from_environment
from logging_core.artifacts import bundles
from logging_core.artifacts.cache import Cache
from logging_core.errors import CommError, UsageError

_TRIES = 5
_THREADS = 4
_READ = 1 << 20


class Source:
    """Asks, and brings bytes into `cache`."""

    cache: Cache

    def json(
        self, method: str, path: str, query: Mapping[str, Any] | None = None, body: Any = None
    ) -> Any:
        """The server's answer, as Server.json."""
        raise NotImplementedError

    def fetch(self, blobs: Mapping[str, int]) -> None:
        """Brings blobs (digest -> size) into the cache. Raises CommError, OSError."""
        raise NotImplementedError


class HttpSource(Source):
    """Over HTTP.

    Args:
        server: whom to ask.
        cache: where bytes go.
        alive: called again and again while bytes come.
    """

    def __init__(
        self, server: Server, cache: Cache | None = None, alive: Callable[[], None] | None = None
    ) -> None:
        self.server = server
        self.cache = cache or Cache.from_environment()
        self._alive = alive or (lambda: None)

    def json(
        self, method: str, path: str, query: Mapping[str, Any] | None = None, body: Any = None
    ) -> Any:
        return self.server.json(method, path, query, body)

    def fetch(self, blobs: Mapping[str, int]) -> None:
        absent = {
            digest: size for digest, size in blobs.items() if not self.cache.has(digest, size)
        }
        if not absent:
            return
        small = [digest for digest, size in absent.items() if size <= bundles.SMALL]
        large = [digest for digest, size in absent.items() if size > bundles.SMALL]
        with ThreadPoolExecutor(_THREADS) as pool:
            jobs = [pool.submit(self._bundle, page) for page in _pages(small, absent)]
            jobs += [pool.submit(self._whole, digest, absent[digest]) for digest in large]
            try:
                for job in jobs:
                    job.result()
            except BaseException:
                for job in jobs:
                    job.cancel()
                raise
        self.cache.trim()

    def _bundle(self, digests: Sequence[str]) -> None:
        left = set(digests)
        for turn in range(_TRIES):
            try:
                body = _json_bytes({"digests": sorted(left)})
                with self.server.open("POST", "/api/blobs/fetch", None, body) as answer:
                    for digest, data in bundles.read(cast("IO[bytes]", answer)):
                        self.cache.put(digest, data)
                        left.discard(digest)
                        self._alive()
            except (CommError, bundles.BundleError) as error:
                if turn == _TRIES - 1:
                    raise CommError(f"files could not be fetched: {error}") from error
                continue
            break
        if left:
            raise CommError(f"the server has no blob {min(left)} (and {len(left) - 1} more)")

    def _whole(self, digest: str, size: int) -> None:
        path = self.cache.partial(digest)
        for turn in range(_TRIES):
            try:
                self._go_on(path, digest, size)
            except CommError:
                if turn == _TRIES - 1:
                    raise
                continue
            break
        self.cache.adopt(path, digest)

    def _go_on(self, path: str, digest: str, size: int) -> None:
        with open(path, "ab") as file:
            start = file.tell()
            if start < size:
                headers = {"Range": f"bytes={start}-"}
                with self.server.open("GET", "/api/blobs/" + digest, None, None, headers) as answer:
                    while True:
                        part = answer.read(_READ)
                        if not part:
                            break
                        file.write(part)
                        self._alive()
            if file.tell() < size:
                raise CommError(f"the connection broke after {file.tell():,} of {size:,} bytes")


def server_source() -> HttpSource:
    """The server that this process knows. Raises UsageError when it knows none."""
    server = from_environment()
    if server is None:
        raise UsageError(
            "no opensweep server is known here, and artifacts and files of other runs are asked for"
            " there: set OPENSWEEP_URL and OPENSWEEP_API_KEY, or start one (`sweep server start`)"
        )
    return HttpSource(server)


def source_for(run: Any) -> Source:
    """Whom a run's script asks: the agent that started it, else the server that it knows. `run`
    None: a script that has none.

    Raises UsageError when there is neither.
    """
    under_agent = os.environ.get("OPENSWEEP_RUN_DIR")
    folder = None if run is None else run._folder
    ours = folder is not None and under_agent and os.path.samefile(under_agent, folder.path)
    if under_agent and (run is None or ours):
        from logging_core.artifacts.asking import AskSource

        return AskSource(under_agent)
    return server_source()


def _pages(digests: Sequence[str], sizes: Mapping[str, int]) -> Iterator[list[str]]:
    """Bundles of bearable size."""
    page: list[str] = []
    total = 0
    for digest in digests:
        page.append(digest)
        total += sizes[digest] + bundles.HEAD_SIZE
        if total >= bundles.BUNDLE or len(page) == bundles.MANY:
            yield page
            page, total = [], 0
    if page:
        yield page


def _json_bytes(value: Any) -> bytes:
    import json

    return json.dumps(value).encode()


def remove(path: str) -> None:
    """A file that may be gone already."""
    with contextlib.suppress(OSError):
        os.unlink(path)
