"""Artifacts: versions, aliases, lineage."""

from __future__ import annotations

from controller.server.wire import Handler

ROUTES: tuple[tuple[str, str, Handler], ...] = ()
