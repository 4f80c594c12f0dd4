"""Addresses that are their own credential: what they allow is written in them, signed, and expires.

    /wandb-files/<grant>.<signature>/<name>

The `wandb` client sends and fetches bytes without its key, at whatever address it was given. A
grant names the method, the object and the expiry; the signature is an HMAC-SHA256 over the grant's
exact bytes, so that nothing is read or written by guessing. The name behind it is for people:
nobody believes it. Addresses are bearer secrets: they are never logged. Neighbours: transfers.py.
"""

from __future__ import annotations

import base64
import hmac
import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from controller.server.wire import SIGNED
from sweeps.errors import NotAllowed

LIFE_S = 24 * 3600.0
"""An upload that is tried again for hours must still fit."""
_ROUND_S = 3600.0
"""Within an hour one object has one address, so that browsers need not fetch it again."""


@dataclass(frozen=True)
class Grant:
    """What an address allows.

    Attributes:
        method: "GET" (which allows HEAD, too) or "PUT".
        kind: what sort of object.
        fields: which one.
    """

    method: str
    kind: str
    fields: Mapping[str, str]


class Signer:
    """Makes and checks such addresses."""

    def __init__(self, secret: str) -> None:
        self._key = hmac.digest(secret.encode(), b"opensweep: signed addresses, 1", "sha256")

    def path(self, grant: Grant, name: str = "", *, now: float | None = None) -> str:
        """The path of an address that allows `grant` for a day or a little more."""
        now = time.time() if now is None else now
        expires = math.ceil((now + LIFE_S) / _ROUND_S) * _ROUND_S
        said = [grant.method, grant.kind, dict(grant.fields), int(expires)]
        text = _base64(json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode())
        ending = quote(name.rpartition("/")[2], safe="") or "file"
        return f"{SIGNED}{text}.{self._signature(text)}/{ending}"

    def grant(self, token: str, method: str, *, now: float | None = None) -> Grant:
        """What an address allows. Raises NotAllowed: forged, expired, or of another method."""
        text, _, signature = token.partition(".")
        # Bytes: only those of ASCII may be compared as text.
        if not hmac.compare_digest(self._signature(text).encode(), signature.encode()):
            raise NotAllowed("the address is not one that this server signed")
        signed, kind, fields, expires = json.loads(
            base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        )
        if (time.time() if now is None else now) >= expires:
            raise NotAllowed("the address has expired: ask for a new one")
        if signed != ("GET" if method == "HEAD" else method):
            raise NotAllowed(f"the address is signed for {signed} alone")
        return Grant(signed, kind, fields)

    def _signature(self, text: str) -> str:
        return _base64(hmac.digest(self._key, text.encode(), "sha256"))


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
