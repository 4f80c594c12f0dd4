"""A W&B server, asked over its GraphQL: questions, pages of answers, and files.

Plain HTTP: no package of W&B's is needed. What fails for a moment is asked again; what fails for
good is said with the server's own words. Neighbours: wandb_project.py and wandb_artifacts.py
(what is asked), commands/import_wandb.py.
"""

from __future__ import annotations

import base64
import hashlib
import json
import netrc
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import urllib3

from sweeps.errors import ConfigurationError, ImportFailed, NotFoundError, ServerUnreachable
from sweeps.protocol.wire import check_url

CLOUD = "https://api.wandb.ai"
TRIES = 6
"""So often a question is asked before it is given up: about half a minute in all."""
_PIECE = 1 << 20
_AGAIN = frozenset({408, 429, 500, 502, 503, 504})


class WandbServer:
    """One server.

    Args:
        base_url: such as https://api.wandb.ai.
        key: an API key of it.
        wait: sleeps for so many seconds between two tries.

    Raises ConfigurationError for an address that is none.
    """

    def __init__(
        self, base_url: str, key: str, *, wait: Callable[[float], object] = time.sleep
    ) -> None:
        self.url = check_url(base_url).rstrip("/")
        self._head = urllib3.make_headers(basic_auth=f"api:{key}", user_agent="opensweep")
        self._wait = wait
        self._pool = urllib3.PoolManager(
            maxsize=16,
            timeout=urllib3.Timeout(connect=10.0, read=120.0),
            # Redirections are followed (the key stays with its server); trying again is done here.
            retries=urllib3.Retry(total=None, connect=0, read=0, redirect=5, status=0, other=0),
        )

    def ask(self, query: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        """The `data` of an answer.

        Raises ConfigurationError (the key is refused), ImportFailed (the server says no) and
        ServerUnreachable.
        """
        body = json.dumps({"query": query, "variables": variables}).encode()
        head = self._head | {"Content-Type": "application/json"}
        with self._answer("POST", f"{self.url}/graphql", head, body) as answer:
            data = answer.read()
        try:
            told = json.loads(data)
            errors, found = told.get("errors"), told.get("data")
        except (ValueError, AttributeError):
            raise ImportFailed(
                f"{self.url} answers, but not as a W&B server: is the address right?"
            ) from None
        if errors:
            raise ImportFailed(f"{self.url} says: {_messages(errors)}")
        return found if isinstance(found, dict) else {}

    def pages(
        self, query: str, variables: Mapping[str, Any], path: Sequence[str]
    ) -> Iterator[dict[str, Any]]:
        """The nodes of a connection, page by page, as they are needed.

        Args:
            query: takes `$cursor`.
            path: where in the answer the connection is. NotFoundError, naming the part, where it
                is not there.
        """
        cursor: str | None = None
        while True:
            found = within(self.ask(query, {**variables, "cursor": cursor}), path)
            for edge in found.get("edges") or ():
                if edge and isinstance(edge.get("node"), dict):
                    yield edge["node"]
            page = found.get("pageInfo") or {}
            before, cursor = cursor, page.get("endCursor")
            if not page.get("hasNextPage") or not cursor or cursor == before:
                return

    def download(self, url: str, target: Path, *, size: int | None, md5: str | None) -> None:
        """Brings a file; one that is there with this size and MD5 (base64) stays as it is.

        Raises ImportFailed when what came is something else, ServerUnreachable, OSError.
        """
        if md5 and target.exists() and _is_it(target, size, md5):
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f"{target.name}.part")
        own = urlsplit(url).netloc in ("", urlsplit(self.url).netloc)
        whole = url if urlsplit(url).netloc else self.url + url
        for turn in range(TRIES):
            try:
                # The key goes to its own server only: stored files have addresses that are signed.
                head = self._head if own else {}
                with self._answer("GET", whole, head, None) as answer, open(part, "wb") as file:
                    for piece in answer.stream(_PIECE):
                        file.write(piece)
                break
            except urllib3.exceptions.HTTPError as error:
                if turn == TRIES - 1:
                    raise ServerUnreachable(f"{whole}: {error}") from None
                self._wait(2.0**turn / 2)
        if not _is_it(part, size, md5):
            raise ImportFailed(f"{target.name}: what {self.url} sent is not what it announced")
        os.replace(part, target)

    def _answer(
        self, method: str, url: str, head: Mapping[str, str], body: bytes | None
    ) -> urllib3.BaseHTTPResponse:
        why = ""
        for turn in range(TRIES):
            if turn:
                self._wait(2.0 ** (turn - 1) / 2)
            try:
                answer = self._pool.request(
                    method, url, body=body, headers=head, preload_content=False, redirect=True
                )
            except urllib3.exceptions.HTTPError as error:
                why = str(error)
                continue
            if answer.status < 300:
                return answer
            said = answer.read()[:2000]
            answer.release_conn()
            if answer.status not in _AGAIN:
                raise self._refusal(answer.status, url, said)
            why = f"HTTP {answer.status}"
        raise ServerUnreachable(
            f"{self.url} does not answer ({why}): give the command again later, and it goes on "
            "where it stopped"
        )

    def _refusal(self, status: int, url: str, said: bytes) -> ConfigurationError | ImportFailed:
        if status in (401, 403):
            return ConfigurationError(
                f"{self.url} refuses the API key: give --api-key or set WANDB_API_KEY"
            )
        with suppress(ValueError, AttributeError):
            return ImportFailed(f"{self.url} says: {_messages(json.loads(said)['errors'])}")
        return ImportFailed(f"{self.url} answers HTTP {status} at {urlsplit(url).path}")


def within(data: Mapping[str, Any], path: Sequence[str]) -> dict[str, Any]:
    """What is at a path of an answer. Raises NotFoundError, naming the part that is not there."""
    found: Any = data
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
        if found is None:
            raise NotFoundError(f"the W&B server has no {name} there, or the key may not see it")
    return found if isinstance(found, dict) else {}


def known_key(base_url: str, environ: Mapping[str, str]) -> str:
    """The key that W&B's own client would take: of the environment, or of ~/.netrc.

    Raises ConfigurationError when there is none.
    """
    if key := environ.get("WANDB_API_KEY", "").strip():
        return key
    host = urlsplit(base_url).hostname or ""
    with suppress(OSError, netrc.NetrcParseError):
        path = environ.get("NETRC") or os.path.expanduser("~/.netrc")
        known = netrc.netrc(path).authenticators(host)
        if known and known[2]:
            return known[2]
    raise ConfigurationError(
        f"no API key for {base_url}: give --api-key, set WANDB_API_KEY, or `wandb login` first"
    )


def _messages(errors: Any) -> str:
    listed = errors if isinstance(errors, list) else [errors]
    return "; ".join(
        str(one.get("message", one) if isinstance(one, dict) else one) for one in listed
    )


def _is_it(path: Path, size: int | None, md5: str | None) -> bool:
    if size is not None and path.stat().st_size != size:
        return False
    if not md5:
        return True
    with open(path, "rb") as file:
        found = hashlib.file_digest(file, "md5").digest()
    return md5 in (base64.b64encode(found).decode(), found.hex())
