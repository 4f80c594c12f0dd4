"""What a driver's error means, in our words: what happened, to which database, what to do next.

Pure but for one look at the file system. The two classes matter: StoreUnavailable says that trying
again can help (callers do), StoreError that somebody has to do something first.
"""

from __future__ import annotations

import os

from sqlalchemy.exc import DBAPIError

from sweeps.errors import StoreError, StoreUnavailable

_SQLITE_HEADER = b"SQLite format 3\0"

# By SQLite's primary result code.
_SQLITE: dict[str, tuple[type[StoreError], str]] = {
    "SQLITE_BUSY": (StoreUnavailable, "is locked by another process. Try again."),
    "SQLITE_LOCKED": (StoreUnavailable, "is locked by another process. Try again."),
    "SQLITE_FULL": (StoreUnavailable, "cannot grow: the disk is full. Free some space on it."),
    "SQLITE_IOERR": (
        StoreUnavailable,
        "could not be read or written: look at the disk, its free space and its quota.",
    ),
    "SQLITE_CANTOPEN": (StoreError, "cannot be opened: look at its folder and its permissions."),
    "SQLITE_READONLY": (
        StoreError,
        "is not writable for this user: look at the permissions of the file and its folder.",
    ),
    "SQLITE_PERM": (StoreError, "may not be opened by this user: look at its permissions."),
    "SQLITE_NOTADB": (
        StoreError,
        "is not a database: move that file away, or name another with OPENSWEEP_DATABASE_URL.",
    ),
    "SQLITE_CORRUPT": (
        StoreError,
        "is damaged: move it away (with the files beside it), and restore a copy if there is one.",
    ),
}

# By the first characters of PostgreSQL's SQLSTATE; the longest that fits counts.
_POSTGRESQL: dict[str, tuple[type[StoreError], str]] = {
    "08": (StoreUnavailable, "is out of reach. Try again; is the server up?"),
    "40": (StoreUnavailable, "was busy with a conflicting change. Try again."),
    "53": (StoreUnavailable, "has no room left (memory or connections). Try again later."),
    "53100": (StoreUnavailable, "cannot grow: its disk is full. Free some space on it."),
    "55P03": (StoreUnavailable, "was locked by another transaction for too long. Try again."),
    "57": (StoreUnavailable, "was stopped in the middle. Try again when it is up."),
    "25006": (StoreError, "is read-only: name the primary server, not a replica."),
    "28": (StoreError, "refuses this user or password: look at OPENSWEEP_DATABASE_URL."),
    "3D000": (StoreError, "does not exist: create it (createdb), or name another."),
    "42501": (StoreError, "does not let this user create or write tables: grant it that."),
}

_UNKNOWN = "reported an error that opensweep does not know"


def explain(error: DBAPIError, where: str) -> StoreError:
    """The error of ours that `error` means; its first line is kept, for those who search for it."""
    said = str(error.orig).strip().splitlines()
    suffix = f" ({said[0]})" if said else ""
    kind, sentence = _sqlite(error) or _postgresql(error) or (StoreError, f"{_UNKNOWN}.")
    return kind(f"{where} {sentence}{suffix}")


def check_sqlite_path(path: str) -> None:
    """Raises StoreError for what SQLite would only call "unable to open database file", and for a
    file of somebody else's."""
    where, folder = f"the database {os.path.abspath(path)}", os.path.dirname(os.path.abspath(path))
    if os.path.isdir(path):
        raise StoreError(f"{where} cannot be opened: it is a folder. Name a file in it.")
    if not os.path.isdir(folder):
        raise StoreError(f"{where} cannot be created: there is no folder {folder}. Make it first.")
    if os.path.exists(path) and not os.access(path, os.R_OK | os.W_OK):
        raise StoreError(f"{where} is not readable and writable for this user: chmod u+rw it.")
    if _is_foreign(path):  # SQLite would write over a short one
        kind, sentence = _SQLITE["SQLITE_NOTADB"]
        raise kind(f"{where} {sentence}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise StoreError(
            f"{where} cannot be written: its folder, which also takes its log, is not writable "
            "for this user."
        )


def _is_foreign(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            begin = file.read(len(_SQLITE_HEADER))
    except FileNotFoundError:
        return False
    return begin not in (b"", _SQLITE_HEADER)


def _sqlite(error: DBAPIError) -> tuple[type[StoreError], str] | None:
    name = getattr(error.orig, "sqlite_errorname", None)
    if not isinstance(name, str):
        return None
    primary = "_".join(name.split("_")[:2])  # SQLITE_IOERR_FSYNC is an SQLITE_IOERR
    return _SQLITE.get(primary)


def _postgresql(error: DBAPIError) -> tuple[type[StoreError], str] | None:
    if type(error.orig).__module__.partition(".")[0] != "psycopg":
        return None
    state = getattr(error.orig, "sqlstate", None)
    if state is None:  # no answer at all, or a refusal before the first query
        said = str(error.orig)
        if "authentication failed" in said or 'role "' in said:
            return _POSTGRESQL["28"]
        return _POSTGRESQL["3D000" if 'database "' in said else "08"]
    fits = [prefix for prefix in _POSTGRESQL if state.startswith(prefix)]
    return _POSTGRESQL[max(fits, key=len)] if fits else None
