"""What charts draw: a metric of a run (or of many), thinned to the points asked for."""

from __future__ import annotations

from controller.server.wire import Handler

ROUTES: tuple[tuple[str, str, Handler], ...] = ()
