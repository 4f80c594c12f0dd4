"""The environment, read in one place and checked.

    OPENSWEEP_HOME          the folder; ~/.opensweep
    OPENSWEEP_URL           the server; the local one, started when needed
    OPENSWEEP_API_KEY       its key; the one kept in the folder
    OPENSWEEP_REDIS_URL     a Redis or Valkey of one's own; the embedded one
    OPENSWEEP_AGENT_REDIS_URL  what the server hands to agents, where that is to differ from its own
    OPENSWEEP_DATABASE_URL  as SQLAlchemy reads it; SQLite in the folder
    OPENSWEEP_ARTIFACTS_URL where the server keeps files: s3://…, gs://…, az://…; in the folder
    OPENSWEEP_ALERTS        apprise's addresses for alerts; the file alerts in the folder
    OPENSWEEP_ENTITY        what the server's own entity is called, as W&B has them; opensweep
    OPENSWEEP_IDLE_S        when a server that was started when needed ends; 60

A variable that is empty counts as not set. Neighbours: local.py (who uses it).
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sweeps.errors import ConfigurationError

IDLE_S = 60.0
"""Default of OPENSWEEP_IDLE_S, in seconds."""
_DATABASES = ("sqlite", "postgresql")


@dataclass(frozen=True)
class Settings:
    """What the environment says; None: the default of that variable."""

    home: Path
    url: str | None = None
    key: str | None = None
    redis_url: str | None = None
    agent_redis_url: str | None = None
    database_url: str | None = None
    alerts: str | None = None
    artifacts_url: str | None = None
    entity: str | None = None
    idle_s: float = IDLE_S

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Raises ConfigurationError, naming the variable, for a value that cannot be meant."""
        env = os.environ if environ is None else environ

        def given(name: str) -> str | None:
            return env.get(name, "").strip() or None

        return cls(
            home=_home(given("OPENSWEEP_HOME")),
            url=_checked(given("OPENSWEEP_URL"), _check_url),
            key=_checked(given("OPENSWEEP_API_KEY"), _check_key),
            redis_url=_checked(given("OPENSWEEP_REDIS_URL"), _check_redis_url),
            agent_redis_url=_checked(given("OPENSWEEP_AGENT_REDIS_URL"), _check_redis_url),
            database_url=_checked(given("OPENSWEEP_DATABASE_URL"), _check_database_url),
            alerts=given("OPENSWEEP_ALERTS"),
            artifacts_url=given("OPENSWEEP_ARTIFACTS_URL"),
            entity=_checked(given("OPENSWEEP_ENTITY"), _check_entity),
            idle_s=_idle_s(given("OPENSWEEP_IDLE_S")),
        )


def _home(text: str | None) -> Path:
    path = Path(text or "~/.opensweep")
    try:
        path = path.expanduser()
    except RuntimeError as error:
        raise ConfigurationError(
            f"OPENSWEEP_HOME: {path} cannot be found ({error}): set it to a folder."
        ) from error
    if not path.is_absolute():
        path = Path.cwd() / path
    if path.exists() and not path.is_dir():
        raise ConfigurationError(f"OPENSWEEP_HOME: {path} is a file; it must be a folder.")
    return path


def _checked(value: str | None, check: Callable[[str], str]) -> str | None:
    return None if value is None else check(value)


def _check_url(url: str) -> str:
    from sweeps.protocol.client import check_url

    return check_url(url)


def _check_key(key: str) -> str:
    from sweeps.protocol.client import check_key

    return check_key(key)


def _check_redis_url(url: str) -> str:
    from sweeps.protocol.connect import check_redis_url

    return check_redis_url(url)


def _check_database_url(url: str) -> str:
    scheme, separator, _ = url.partition("://")
    if not separator or scheme.partition("+")[0] not in _DATABASES:
        raise ConfigurationError(
            "OPENSWEEP_DATABASE_URL: expected postgresql://USER:PASSWORD@HOST/NAME or "
            f"sqlite:////FOLDER/FILE.db; it begins with {scheme[:20]!r}."
        )
    return url


def _check_entity(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}", name):
        raise ConfigurationError(
            f"OPENSWEEP_ENTITY: expected letters, digits, - _ and . (at most 128), not {name!r}."
        )
    return name


def _idle_s(text: str | None) -> float:
    try:
        value = IDLE_S if text is None else float(text)
    except ValueError:
        value = math.nan
    if not value > 0:
        raise ConfigurationError(
            f"OPENSWEEP_IDLE_S: expected seconds above 0, or inf for never; not {text!r}."
        )
    return value
