"""A connection to Redis or Valkey, with the reasons why there is none said clearly.

Agent and controller both come through here: the address is checked, the password is never shown,
and an agent can tell the Redis that its server uses from any other one. Which Redis to use, and
whether to start one, is decided elsewhere (controller/broker.py, the server's handshake).
"""

from __future__ import annotations

import os
import time
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import redis
from redis.backoff import ExponentialBackoff, NoBackoff
from redis.retry import Retry

from sweeps.errors import BrokerError, ConfigurationError

OWNER_KEY = "sweep:server"
"""Names the server that uses this Redis; it expires OWNER_S after that server's last word."""
OWNER_S = 30.0

_REPLICA = "the Redis at {shown} is a read-only replica: name its primary in OPENSWEEP_REDIS_URL."
_OLDEST = (6, 2)  # BLMOVE, which a queue that loses nothing needs, and ACL by category


def check_redis_url(url: str) -> str:
    """`url` as it is. Raises ConfigurationError unless it is redis://, rediss:// or unix://."""
    try:
        parts = urlsplit(url)
        fits = parts.path not in ("", "/") if parts.scheme == "unix" else bool(parts.hostname)
        _ = parts.port
    except ValueError:
        fits = False
    if not fits or parts.scheme not in ("redis", "rediss", "unix"):
        raise ConfigurationError(
            f"{redact(url)!r} is not the address of a Redis or Valkey (OPENSWEEP_REDIS_URL): "
            "expected redis://[USER:PASSWORD@]HOST:PORT/0, rediss://… or unix:///PATH."
        )
    return url


def redact(url: str) -> str:
    """The address without its password: fit for messages and logs."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "(unreadable address)"
    if "@" not in parts.netloc:
        return url if "@" not in url else "(unreadable address)"
    user = parts.netloc.rpartition("@")[0].partition(":")[0]
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, f"{user}:…@{host}", parts.path, "", ""))


def connect(url: str, *, server_id: str | None = None, within_s: float = 5.0) -> redis.Redis:
    """A checked connection to the Redis at `url`.

    Args:
        url: redis://, rediss:// or unix:// (as redis-py reads them).
        server_id: the server that must be using this Redis (from the handshake); None: any.
        within_s: seconds to wait for a Redis that is still loading its data, or for the server's
            mark to appear in it.

    Returns:
        A client that is thread-safe, tries again on a short outage, and answers bytes.

    Raises:
        ConfigurationError: `url` is no such address.
        BrokerError: out of reach, wrong password, too old, a cluster, or another server's.
    """
    check_redis_url(url)
    connection: redis.Redis = redis.Redis.from_url(
        url,
        socket_connect_timeout=5.0,
        socket_timeout=30.0,  # longer than any blocking wait of ours
        health_check_interval=15,
        retry=Retry(ExponentialBackoff(base=0.05, cap=0.5), 5),  # a restart takes less: 1.7 s
    )
    try:
        _check(url, server_id, time.monotonic() + within_s)
    except BaseException:
        connection.close()
        raise
    return connection


def _check(url: str, server_id: str | None, deadline: float) -> None:
    """Looks with a connection of its own that does not try again: an outage must be told soon."""
    shown = redact(url)
    parts = urlsplit(url)
    if parts.scheme == "unix" and not os.path.exists(parts.path):
        raise BrokerError(
            f"there is no Redis socket {parts.path} on this machine. If the server runs on another "
            "one: start it with `sweep server start --host 0.0.0.0`, or set OPENSWEEP_REDIS_URL "
            "on both machines to a Redis that both reach."
        )
    with redis.Redis.from_url(
        url, socket_connect_timeout=5.0, socket_timeout=10.0, retry=Retry(NoBackoff(), 0)
    ) as probe:
        while True:
            try:
                _check_server(probe, shown)
                if server_id is None or _owner(probe) == server_id:
                    return
                if time.monotonic() > deadline:
                    raise BrokerError(_not_the_servers(shown, _owner(probe)))
            except redis.exceptions.BusyLoadingError as error:
                if time.monotonic() > deadline:
                    raise BrokerError(
                        f"the Redis at {shown} is still loading its data: try again in a moment."
                    ) from error
            except redis.exceptions.RedisError as error:
                raise explain(error, shown) from error
            time.sleep(0.05)


def _check_server(probe: redis.Redis, shown: str) -> None:
    probe.ping()
    try:
        info: Any = probe.info()
    except redis.exceptions.NoPermissionError:
        return  # an ACL that hides INFO: the commands themselves will tell
    version = str(info.get("redis_version", ""))
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if numbers and numbers < _OLDEST:
        raise BrokerError(
            f"the Redis at {shown} is version {version}; opensweep needs Redis 6.2 or newer, or "
            "any Valkey. Without OPENSWEEP_REDIS_URL the server brings its own."
        )
    mode = info.get("server_mode") or info.get("redis_mode")  # Valkey's name, Redis' name
    if mode == "cluster":
        raise BrokerError(
            f"the Redis at {shown} is a cluster; opensweep needs a single server (or the primary "
            "of a replicated one)."
        )
    if info.get("role") == "slave" and info.get("slave_read_only"):
        raise BrokerError(_REPLICA.format(shown=shown))
    if mode == "sentinel":
        raise BrokerError(
            f"what answers at {shown} is a Sentinel, not a Redis: name the primary itself."
        )


def _owner(probe: redis.Redis) -> str | None:
    value: Any = probe.get(OWNER_KEY)
    return value.decode() if isinstance(value, bytes) else value


def _not_the_servers(shown: str, owner: str | None) -> str:
    found = "no opensweep server uses it" if owner is None else f"another server ({owner}) uses it"
    return (
        f"the Redis at {shown} is not the one that the server works with: {found}. Unset "
        "OPENSWEEP_REDIS_URL on this machine (the server hands out the address), or set it to the "
        "same Redis here and where the server runs."
    )


def explain(error: redis.exceptions.RedisError, shown: str) -> BrokerError:
    """What an error of redis-py means to a person; `shown` is the redacted address."""
    exceptions = redis.exceptions
    text = str(error)
    if isinstance(
        error, exceptions.AuthenticationError | exceptions.AuthenticationWrongNumberOfArgsError
    ) or (text.startswith("NOAUTH") or "WRONGPASS" in text):
        return BrokerError(
            f"the Redis at {shown} refuses the user or password: correct OPENSWEEP_REDIS_URL "
            "(redis://USER:PASSWORD@HOST:PORT/0)."
        )
    if isinstance(error, exceptions.ReadOnlyError):
        return BrokerError(_REPLICA.format(shown=shown))
    if isinstance(error, exceptions.NoPermissionError):
        return BrokerError(
            f"the Redis user at {shown} may not do what opensweep needs ({text}): SECURITY.md has "
            "the ACL line."
        )
    if isinstance(error, exceptions.OutOfMemoryError):
        return BrokerError(
            f"the Redis at {shown} is full (maxmemory): give it more memory, or a database of its "
            "own, with maxmemory-policy noeviction."
        )
    if isinstance(error, exceptions.TimeoutError):
        return BrokerError(f"the Redis at {shown} gives no answer in time.")
    if isinstance(error, exceptions.ConnectionError):
        return BrokerError(
            f"the Redis at {shown} cannot be reached: {text.rstrip('.')}. Check the address "
            "(OPENSWEEP_REDIS_URL) and that Redis runs there."
        )
    return BrokerError(f"the Redis at {shown} answers with an error: {text}")
