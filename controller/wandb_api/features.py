"""What this server says it can do, by the names that clients ask for.

A client that hears a name sends what that name stands for, so one may only stand here when the
module that answers it does so for every client in the tests.
"""

from __future__ import annotations

FEATURES: tuple[str, ...] = ("LARGE_FILENAMES",)

CLIENT_VERSIONS = {"min_cli_version": "0.13.0", "max_cli_version": "0.99.0"}
"""Clients refuse to talk to a server whose newest known client is older than they are, and older
ones leave out what they think it is too old for."""
