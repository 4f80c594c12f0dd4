"""Which server this process's runs belong to, if one is known: from the environment, or the server
that this user runs on this machine.

Reads the environment and two small files, writes at most a .gitignore; never the network, never
starts anything. The server's
own side of these files is controller/server/home.py. Neighbours: follower.py, earlier.py.
"""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path

from logging_core.hints import Mapping, NamedTuple


class Known(NamedTuple):
    """A server's address, and its key where this process may know it."""

    url: str
    key: str | None
    local: bool  # it runs on this machine, for this user


def home_folder(environ: Mapping[str, str]) -> Path:
    """$OPENSWEEP_HOME, or ~/.opensweep; absolute."""
    return Path(os.path.abspath(os.path.expanduser(environ.get("OPENSWEEP_HOME") or _DEFAULT)))


def keep_out_of_git(folder: Path) -> None:
    """A new, empty folder gets a .gitignore for all that is in it: keys, passwords, runs. In one
    that holds anything already nothing is written. Raises OSError."""
    if not os.listdir(folder):
        descriptor = os.open(folder / ".gitignore", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write("*\n")


_DEFAULT = os.path.join("~", ".opensweep")


def known_server(environ: Mapping[str, str] | None = None) -> Known | None:
    """The server that OPENSWEEP_URL names, else this user's own if it runs; None: there is none.

    Whether it answers is not asked.
    """
    env = os.environ if environ is None else environ
    home = home_folder(env)
    key = env.get("OPENSWEEP_API_KEY", "").strip() or _text(home / "api_key")
    url = env.get("OPENSWEEP_URL", "").strip()
    if url:
        return Known(url.rstrip("/"), key or None, local=False)
    try:
        note = json.loads(_text(home / "server.json") or "null")
    except ValueError:
        return None
    if not isinstance(note, dict) or not isinstance(note.get("url"), str):
        return None
    return Known(note["url"], key or None, local=True) if _lives(home) else None


def _lives(home: Path) -> bool:
    """A server holds the lock of its home for as long as it lives."""
    try:
        fd = os.open(home / "server.lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(fd)
    return False


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8").strip()
    except (OSError, ValueError):
        return ""
