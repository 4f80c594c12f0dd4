"""Folders and files that only the server's own user can enter or read.

For what holds passwords, keys and sockets. Standard library only: the command imports it.
"""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from logging_core.home import keep_out_of_git
from sweeps.errors import ConfigurationError


def home_folder(folder: Path) -> None:
    """Makes `folder` (0700) unless it is there already; one that is there keeps its mode.

    A new or empty one is kept out of git: it may lie in a repository.

    Raises ConfigurationError when it cannot be made, or not be written to.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _unfit(folder, error.strerror) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise _unfit(folder, "this user may not write there")
    try:
        keep_out_of_git(folder)
    except OSError as error:
        raise _unfit(folder, error.strerror) from error


def private_folder(folder: Path) -> None:
    """Makes `folder` such that only this user can enter it, whatever was there before.

    Raises ConfigurationError when it cannot be made, or is somebody else's.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        owners = {folder.lstat().st_uid, folder.stat().st_uid}  # a link and what it leads to
        if owners != {os.geteuid()}:
            raise _unfit(folder, "it belongs to another user")
        if stat.S_IMODE(folder.stat().st_mode) & 0o077:
            folder.chmod(0o700)
    except OSError as error:
        raise _unfit(folder, error.strerror) from error


def write_private(path: Path, text: str) -> None:
    """Writes a file (0600), whole or not at all. Raises ConfigurationError when it cannot."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        fresh.unlink(missing_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        fresh.replace(path)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}.") from error


def kept_text(path: Path) -> str | None:
    """The content of a small file, stripped; None when it is absent or empty.

    Raises ConfigurationError when it is there and cannot be read.
    """
    try:
        return path.read_text().strip() or None
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}.") from error


def kept_secret(path: Path) -> str:
    """The secret in a file, drawn and written there if there is none yet.

    160 random bits as 40 hex characters: older wandb clients take no key of another length.
    """
    secret = kept_text(path)
    if secret is None:
        secret = secrets.token_hex(20)
        write_private(path, secret + "\n")
    return secret


def _unfit(folder: Path, why: str | None) -> ConfigurationError:
    return ConfigurationError(
        f"the folder {folder} cannot be used: {why}. OPENSWEEP_HOME can name another."
    )
