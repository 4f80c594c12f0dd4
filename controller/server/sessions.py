"""Browsers that logged in: a signed cookie instead of the key; and codes that log in, once.

The cookie says which key it stands for (the beginning of its digest) and until when, signed with
the server's secret; a key that is revoked ends its sessions. It is HttpOnly and SameSite=Strict,
and counts only in requests of our own pages (auth.py looks). A code is how a terminal hands its
key's rights to a browser without the key: good once, for minutes, known to this process alone.
Neighbours: session_api.py (hands both out), auth.py (takes cookies for keys).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

LIFE_S = 30 * 24 * 3600.0
CODE_LIFE_S = 600.0
_DIGEST = 32  # of the 64 characters of a key's digest
_MOST_CODES = 1000


class Sessions:
    """Makes and reads the cookies of one server.

    Args:
        secret: the server's.
        server_id: two servers of one host get cookies of different names, because browsers give a
            cookie to every port of a host.
    """

    def __init__(self, secret: str, server_id: str) -> None:
        self._key = hmac.digest(secret.encode(), b"opensweep: sessions, 1", "sha256")
        self.cookie = "opensweep_" + hashlib.sha256(server_id.encode()).hexdigest()[:8]

    def token(self, key_digest: str, now: float) -> str:
        text = f"{key_digest[:_DIGEST]}.{int(now + LIFE_S)}"
        return f"{text}.{self._signature(text)}"

    def digest(self, cookies: str, now: float) -> str | None:
        """The beginning of the digest of the key that a Cookie header stands for; None: of none."""
        # By hand: http.cookies reads nothing at all where another program of this host has set a
        # cookie that is against the rules.
        pairs = (each.strip().partition("=") for each in cookies.split(";"))
        for name, _, value in pairs:
            if name == self.cookie and (found := self._read(value, now)) is not None:
                return found
        return None

    def _read(self, token: str, now: float) -> str | None:
        text, _, signature = token.rpartition(".")
        if not hmac.compare_digest(self._signature(text).encode(), signature.encode()):
            return None
        digest, _, expires = text.partition(".")
        return digest if now < int(expires) else None

    def _signature(self, text: str) -> str:
        signed = hmac.digest(self._key, text.encode(), "sha256")
        return base64.urlsafe_b64encode(signed).decode().rstrip("=")


class Codes:
    """Login codes that nobody has used yet. Belongs to one event loop."""

    def __init__(self) -> None:
        self._waiting: dict[str, tuple[str, float]] = {}

    def make(self, key_digest: str, now: float) -> str:
        """A new code for whoever has the key of that digest."""
        self._waiting = {code: each for code, each in self._waiting.items() if now < each[1]}
        while len(self._waiting) >= _MOST_CODES:
            del self._waiting[next(iter(self._waiting))]  # the oldest
        code = secrets.token_urlsafe(24)
        self._waiting[code] = (key_digest, now + CODE_LIFE_S)
        return code

    def take(self, code: str, now: float) -> str | None:
        """The digest of the key that the code stands for, this once; None: of none, or too late."""
        digest, until = self._waiting.pop(code, ("", 0.0))
        return digest if now < until else None
