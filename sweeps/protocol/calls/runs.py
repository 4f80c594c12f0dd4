"""The calls about runs: those without a sweep, their lists, series, alerts."""

from __future__ import annotations

from sweeps.protocol.wire import Wire


class RunCalls(Wire):
    """Runs of any kind: registered, described, listed, read."""
