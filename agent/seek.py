"""Finds the server again when it does not answer: it may have moved, or need a start.

Runs in a thread of its own, since looking may take a minute and the heartbeat must not wait.
Neighbours: beat.py asks for it; whoever made the agent knows how to find a server.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress

from agent.voice import Voice
from sweeps.errors import OpensweepError
from sweeps.protocol.client import Client

_END_S = 2.0


class Seeker:
    """Points `client` at the server that `reconnect` finds; without `reconnect`, does nothing."""

    def __init__(
        self, client: Client, reconnect: Callable[[], Client] | None, voice: Voice
    ) -> None:
        self._client, self._reconnect, self._voice = client, reconnect, voice
        self._thread: threading.Thread | None = None

    def look(self) -> None:
        """Begins to look, unless that is under way. Does not block."""
        if self._reconnect is None or (self._thread is not None and self._thread.is_alive()):
            return
        self._thread = threading.Thread(
            target=self._seek, args=(self._reconnect,), name="seek", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Waits a little for a search that is under way; it may end without us."""
        if self._thread is not None:
            self._thread.join(_END_S)

    def _seek(self, reconnect: Callable[[], Client]) -> None:
        with suppress(OpensweepError), reconnect() as found:
            if found.url != self._client.url:
                self._voice.warn(f"the server answers at {found.url} now")
            self._client.url, self._client.key = found.url, found.key
