"""Blobs by digest, in pieces and with checksums; and the files of a run."""

from __future__ import annotations

from controller.server.wire import Handler

ROUTES: tuple[tuple[str, str, Handler], ...] = ()
