"""What the logger raises on purpose: only for wrong use, never for trouble with a disk.

Error                       base
├── UsageError              the script can mend it: log() before init(), a wrong filter, …
│   └── ConfigError         a config value would change without allow_val_change=True
└── CommError               asking the server failed: it does not answer, or answers nonsense
    ├── AuthenticationError it refuses the API key
    └── NotFoundError       it has no such run, project, artifact or file

The names are W&B's, so that `except` clauses of scripts fit.
"""

from __future__ import annotations


class Error(Exception):
    """Base of the logger's own errors."""


class UsageError(Error, ValueError):
    """The script calls the logger wrongly; the message says what to change."""


class ConfigError(UsageError):
    """A config value that is set would change, and nobody said that it may."""


class CommError(Error):
    """Asking the server failed; the message says what to look at."""


class AuthenticationError(CommError):
    """The server refuses the API key."""


class NotFoundError(CommError, ValueError):
    """The server has no such run, project, sweep, artifact or file."""
