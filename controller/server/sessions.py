"""Browsers that logged in: a signed cookie instead of the key.

The cookie says which key it stands for (the beginning of its digest) and until when, signed with
the server's secret; a key that is revoked ends its sessions. It is HttpOnly and SameSite=Strict,
and a request that changes something counts only when it comes from our own pages. Neighbours:
session_api.py (hands them out), auth.py (takes them for keys).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from http.cookies import SimpleCookie

LIFE_S = 30 * 24 * 3600.0
_DIGEST = 32  # of the 64 characters of a key's digest


class Sessions:
    """Makes and reads the cookies of one server.

    Args:
        secret: the server's.
        server_id: two servers of one host get cookies of different names.
    """

    def __init__(self, secret: str, server_id: str) -> None:
        self._key = hmac.digest(secret.encode(), b"opensweep: sessions, 1", "sha256")
        self.cookie = "opensweep_" + hashlib.sha256(server_id.encode()).hexdigest()[:8]

    def token(self, key_digest: str, now: float) -> str:
        text = f"{key_digest[:_DIGEST]}.{int(now + LIFE_S)}"
        return f"{text}.{self._signature(text)}"

    def digest(self, cookies: str, now: float) -> str | None:
        """The beginning of the digest of the key that a Cookie header stands for; None: of none."""
        jar: SimpleCookie = SimpleCookie()
        jar.load(cookies)
        if self.cookie not in jar:
            return None
        text, _, signature = jar[self.cookie].value.rpartition(".")
        if not hmac.compare_digest(self._signature(text).encode(), signature.encode()):
            return None
        digest, _, expires = text.partition(".")
        return digest if now < int(expires) else None

    def _signature(self, text: str) -> str:
        return base64.urlsafe_b64encode(hmac.digest(self._key, text.encode(), "sha256")).decode()
