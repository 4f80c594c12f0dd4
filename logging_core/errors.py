"""What the logger raises on purpose: only for wrong use, never for trouble with a disk.

Error            base
└── UsageError   the script can mend it: log() before init(), a config of the wrong kind, …
"""

from __future__ import annotations


class Error(Exception):
    """Base of the logger's own errors."""


class UsageError(Error, ValueError):
    """The script calls the logger wrongly; the message says what to change."""
