"""The calls about files: blobs by digest, files of a run, artifacts."""

from __future__ import annotations

from sweeps.protocol.wire import Wire


class FileCalls(Wire):
    """Blobs, run files and artifacts."""
