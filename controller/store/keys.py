"""The store's part for API keys: who may come in, as what.

Of a key the database has its SHA-256 alone: a key is 160 random bits, so that nobody finds it by
trying, and a slow hash would only cost each request time. The key of the server's home is not
here. Neighbours: controller/server/auth.py (lets requests in), controller/server/keys_api.py.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import RowMapping, and_, insert, select, update

from controller.store.engine import Database
from controller.store.schema import api_keys
from sweeps.errors import NotFoundError, UsageError

PREFIX = 8
"""So many of a key's characters are kept to tell keys apart: the 128 bits left stay secret."""


class Role(StrEnum):
    """What a key allows; each role includes the ones before it.

    read: to look at everything. write: to record, change and delete sweeps, runs and artifacts,
    and to run an agent. admin: to make and revoke keys.
    """

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"

    def includes(self, other: Role) -> bool:
        return _RANK[self] >= _RANK[other]


_RANK = {role: rank for rank, role in enumerate(Role)}


@dataclass(frozen=True)
class KeyRecord:
    """One API key, without the key.

    Attributes:
        id: 8 characters of [0-9a-f].
        user: whom it was made for; several keys may name one user.
        role: what it allows.
        prefix: its first characters, for people.
        description: what people call it; "" for nothing.
        created: when it was made.
        last_used: when it last opened something, to about a minute; None: never yet.
        revoked: since when it opens nothing; None: it is good.
    """

    id: str
    user: str
    role: Role
    prefix: str
    description: str
    created: float
    last_used: float | None
    revoked: float | None


_FIELDS = tuple(KeyRecord.__dataclass_fields__)
_KEYS = select(*(api_keys.c[name] for name in _FIELDS))


def new_key() -> str:
    """160 random bits as 40 lower-case hex characters: older wandb clients take no other length."""
    return secrets.token_hex(20)


def digest_of(key: bytes) -> str:
    """What is kept of a key."""
    return hashlib.sha256(key).hexdigest()


class KeyStore:
    """API keys. Each method is one transaction."""

    _db: Database

    def add_key(self, user: str, role: Role, description: str = "") -> tuple[KeyRecord, str]:
        """Makes a key. Returns it once; nobody can read it from the database."""
        key = new_key()
        with self._db.write() as connection:
            row = {
                "id": secrets.token_hex(4),
                "user": user,
                "role": role.value,
                "prefix": key[:PREFIX],
                "description": description,
                "created": self._db.read_clock(connection),
                "last_used": None,
                "revoked": None,
            }
            connection.execute(insert(api_keys).values(digest=digest_of(key.encode()), **row))
        return _record(row), key

    def list_keys(self) -> list[KeyRecord]:
        """All that were ever made, the oldest first."""
        with self._db.read() as connection:
            rows = connection.execute(_KEYS.order_by(api_keys.c.created, api_keys.c.id))
            return [_record(row) for row in rows.mappings()]

    def good_keys(self) -> dict[str, KeyRecord]:
        """Those that are not revoked, by their digests (`digest_of`)."""
        query = _KEYS.add_columns(api_keys.c.digest).where(api_keys.c.revoked.is_(None))
        with self._db.read() as connection:
            rows = connection.execute(query).mappings()
            return {row["digest"]: _record(row) for row in rows}

    def revoke_key(self, name: str) -> KeyRecord:
        """Makes a key useless for good; one that is revoked stays as it is.

        Args:
            name: the key, its id, or 4 characters or more that its id or the key begin with.

        Raises NotFoundError when there is none, UsageError when there are several.
        """
        with self._db.write() as connection:
            query = _KEYS.add_columns(api_keys.c.digest)
            rows = connection.execute(query).mappings().all()
            id_ = _named(name, rows)
            good = and_(api_keys.c.id == id_, api_keys.c.revoked.is_(None))
            now = self._db.read_clock(connection)
            connection.execute(update(api_keys).where(good).values(revoked=now))
            row = connection.execute(_KEYS.where(api_keys.c.id == id_)).mappings().one()
            return _record(row)

    def key_used(self, key_id: str) -> None:
        """Notes that this key has just opened something."""
        with self._db.write() as connection:
            change = update(api_keys).where(api_keys.c.id == key_id)
            connection.execute(change.values(last_used=self._db.read_clock(connection)))


def _named(name: str, rows: Sequence[RowMapping]) -> str:
    """The id that `name` means. Raises as `revoke_key` does."""
    digest = digest_of(name.encode())
    found = [row["id"] for row in rows if name == row["id"] or digest == row["digest"]]
    if not found and len(name) >= 4:
        found = [
            row["id"] for row in rows if any(row[c].startswith(name) for c in ("id", "prefix"))
        ]
    if not found:
        raise NotFoundError(f"no API key {name[:PREFIX]!r}; `sweep server key ls` lists them.")
    if len(found) > 1:
        ids = ", ".join(found)
        raise UsageError(f"{name!r} begins several API keys ({ids}): give the id of one.")
    return str(found[0])


def _record(row: RowMapping | dict[str, Any]) -> KeyRecord:
    values = {name: row[name] for name in _FIELDS}
    return KeyRecord(**{**values, "role": Role(values["role"])})
