"""Alerts that scripts raise, and how they are handed on."""

from __future__ import annotations

from controller.server.wire import Handler

ROUTES: tuple[tuple[str, str, Handler], ...] = ()
