"""The live picture of a sweep on a terminal: progress, best so far, what runs where.

rich draws it; what it shows comes from the server alone, asked for about once a second, so that it
is the same whoever runs the trials. It follows the terminal's size. A server that does not answer
leaves the last picture standing, with a word at its foot, until it is back. Neighbours:
live_picture.py (what it looks like); run.py and status.py use this.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from opensweep import _text
from opensweep.commands import connection, report
from opensweep.commands.live_picture import Room, Seen, picture
from opensweep.commands.objective import outline
from sweeps.errors import OpensweepError

if TYPE_CHECKING:
    from sweeps.protocol.client import Client

LOOK_S = 1.0
"""Seconds between two looks."""


class LiveDisplay:
    """A picture that stays at the foot of the terminal while the block runs.

    Args:
        client: of the server.
        sweep_id: what to show.
        console: where to; standard output unless given.
        alone: no agent runs in this process: the picture has the terminal for itself, and says how
            to start an agent when there is none.
    """

    def __init__(
        self,
        client: Client,
        sweep_id: str,
        console: Console | None = None,
        *,
        alone: bool = True,
    ) -> None:
        self._client = client
        self._sweep_id = sweep_id
        self._alone = alone
        self._console = console or Console(no_color=bool(os.environ.get("NO_COLOR")) or None)
        self._live = Live(
            console=self._console, auto_refresh=True, refresh_per_second=8, transient=True
        )
        self._over = threading.Event()
        self._follower: threading.Thread | None = None
        self._bests: list[float] = []
        self._done = -1
        self._curves: dict[str, tuple[tuple[int, int], list[float]]] = {}
        self._ended: list[dict[str, Any]] = []
        self._away_since: float | None = None
        self._seen: Seen | None = None
        self.status: dict[str, Any] = {}
        self.picture = Group()

    def __enter__(self) -> LiveDisplay:
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        if self._follower is not None:
            self._follower.join()
        self._live.stop()

    def follow(self) -> None:
        """Looks about once a second from a thread of its own, until the block ends."""
        self._follower = threading.Thread(target=self._follow, name="live-display", daemon=True)
        self._follower.start()

    def _follow(self) -> None:
        while not self._over.is_set():
            with contextlib.suppress(OpensweepError):  # the agent says what is wrong
                self.look()
            self._over.wait(LOOK_S)

    def look(self) -> dict[str, Any]:
        """Asks the server, redraws, returns the status. While the server does not answer, that is
        the last one.

        Raises NotFoundError when the sweep is gone, ConfigurationError for a refused key.
        """
        try:
            self._seen = self._ask()
            self._away_since = None
        except connection.AWAY:
            if self._seen is None:
                raise
            self._away_since = self._away_since or time.monotonic()
        self._draw(self._seen)
        return self.status

    def print(self, line: str) -> None:
        """Prints a line above the picture; it may hold ANSI colours."""
        self._console.print(Text.from_ansi(line), soft_wrap=True)

    def _ask(self) -> Seen:
        status = self._client.sweep(self._sweep_id)
        room = self._room(status)
        running = self._client.trials(self._sweep_id, state="running", limit=room.running)
        done = _text.done(status["counts"])
        if done != self._done:
            if room.ended and done:
                self._ended = self._client.trials(self._sweep_id, order="ended", limit=room.ended)
            self._note_best(status)
        best = status.get("best")
        drawn = [*running, *([best] if best and room.curve else [])]
        self._follow_curves(status, drawn)
        self._done = done
        self.status = status
        curves = {trial_id: values for trial_id, (_, values) in self._curves.items()}
        return Seen(status, running, self._ended, curves, self._bests)

    def _draw(self, seen: Seen) -> None:
        """As the terminal is now."""
        seen.troubles = list(self._troubles(seen.status))
        width, room = self._console.width, self._room(seen.status)
        self.picture = Group(*picture(seen, time.time(), width, room))
        self._live.update(self.picture)

    def _room(self, status: Mapping[str, Any]) -> Room:
        agents = len(status.get("agents") or ())
        return Room.of(self._console.height, agents, whole=self._alone)

    def _troubles(self, status: Mapping[str, Any]) -> Sequence[str]:
        if self._away_since is not None:
            silent = _text.duration(time.monotonic() - self._away_since)
            return [f"the server has not answered for {silent}; this is what it said last"]
        if why := report.stuck(status):
            return [why, f"`sweep status {status['id']}` says what to do"]
        troubles = report.missing(status)
        if self._alone and not status.get("agents") and not report.over(status):
            troubles.append(report.no_agent(status))
        return troubles

    def _note_best(self, status: Mapping[str, Any]) -> None:
        best = status.get("best")
        if best is not None:
            self._bests.append(float(best["objective"]))

    def _follow_curves(
        self, status: Mapping[str, Any], trials: Sequence[Mapping[str, Any]]
    ) -> None:
        """Fetches the curves of those trials that logged something since the last look."""
        metric = (status.get("metric") or {}).get("name")
        before, self._curves = self._curves, {}
        for trial in trials if metric is not None else ():
            mark = (int(trial["attempts"]), int(trial.get("steps") or 0))
            known = before.get(trial["id"])
            if known is None or known[0] != mark:
                values = outline(self._client, trial["id"], str(metric)) if mark[1] else []
                known = (mark, values)
            self._curves[trial["id"]] = known
