"""Runs of any kind: registered, described, ended, listed with filters."""

from __future__ import annotations

from controller.server.wire import Handler

ROUTES: tuple[tuple[str, str, Handler], ...] = ()
