"""The live picture of a sweep on a terminal: progress, best so far, what runs where.

rich draws it; what it shows comes from the server's status alone, asked for about once a second,
so that it is the same whoever runs the trials. A server that does not answer for a moment leaves
the last picture standing. Neighbours: report.py words the rest; run.py and status.py use this.
"""

from __future__ import annotations

import contextlib
import math
import os
import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from opensweep import _text
from opensweep.commands import report
from sweeps.errors import OpensweepError, ServerError

if TYPE_CHECKING:
    from sweeps.protocol.client import Client

LOOK_S = 1.0
"""Seconds between two looks of `follow`."""
_SHOWN = 8
"""Running trials that are shown one by one."""


class LiveDisplay:
    """A picture that stays at the foot of the terminal while the block runs.

    Args:
        client: of the server.
        sweep_id: what to show.
        console: where to; standard output unless given.
        alone: no agent runs in this process, so say how to start one when there is none.
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
        self.status: dict[str, Any] = {}

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
        """Asks the server, redraws, returns the status. A busy server leaves the picture as is.

        Raises NotFoundError when the sweep is gone, ConfigurationError for a refused key.
        """
        try:
            status = self._client.sweep(self._sweep_id)
            running = self._client.trials(self._sweep_id, state="running", limit=_SHOWN)
            values = {trial["id"]: self._last_value(status, trial) for trial in running}
        except ServerError:
            if not self.status:
                raise
            return self.status
        self.status = status
        self._note_best(status)
        parts = picture(status, running, values, self._bests, time.time())
        if self._alone and not status.get("agents") and not report.over(status):
            parts.append(Text(f"  no agent: sweep agent {status['id']}", style="yellow"))
        self._live.update(Group(*parts))
        return status

    def print(self, line: str) -> None:
        """Prints a line above the picture; it may hold ANSI colours."""
        self._console.print(Text.from_ansi(line), soft_wrap=True)

    def _note_best(self, status: Mapping[str, Any]) -> None:
        done, best = _text.done(status["counts"]), status.get("best")
        if best is not None and done != self._done:
            self._done = done
            self._bests.append(float(best["objective"]))

    def _last_value(self, status: Mapping[str, Any], trial: Mapping[str, Any]) -> float | None:
        """The last value of the metric that a running trial logged."""
        if trial.get("objective") is not None:
            return float(trial["objective"])
        metric = (status.get("metric") or {}).get("name")
        if metric is None:
            return None
        rows = self._client.history(trial["id"], [metric])
        values = [row[metric] for row in rows if isinstance(row.get(metric), int | float)]
        return float(values[-1]) if values else None


def picture(
    status: Mapping[str, Any],
    running: list[dict[str, Any]],
    values: Mapping[str, float | None],
    bests: list[float],
    now: float,
) -> list[RenderableType]:
    """The picture of one status: title, bar, best, and a line for each running trial."""
    parts: list[RenderableType] = [_head(status, now), _bar(status), _best(status, bests)]
    if running:
        parts.append(_trials(running, values, now))
    hidden = status["counts"].get("running", 0) - len(running)
    if hidden > 0:
        parts.append(Text(f"  and {hidden} more", style="dim"))
    return parts


def _head(status: Mapping[str, Any], now: float) -> Text:
    head = Text(str(status["id"]), style="bold")
    head.append(f" {report.own_name(status)}".rstrip(), style="not bold")
    head.append(f"  {report.aim(status)}  ", style="not bold")
    head.append(str(status["state"]), style=_text.COLOURS.get(status["state"], ""))
    begun = status.get("started")
    elapsed = status.get("elapsed_s")
    if begun is not None and not report.over(status):
        elapsed = now - begun
    head.append(f"  {_text.duration(elapsed)}", style="not bold")
    if status.get("eta_s") is not None and not report.over(status):
        head.append(f", about {_text.duration(status['eta_s'])} to go", style="not bold dim")
    return head


def _bar(status: Mapping[str, Any]) -> Table:
    end = report.expected(status)
    line = Table.grid(padding=(0, 1))
    cells: list[Any] = [Text(f"  {report.progress(status)} done")]
    if end:
        cells.insert(0, ProgressBar(total=end, completed=_text.done(status["counts"]), width=30))
    cells.append(Text.from_ansi(_text.counts_line(status["counts"])))
    line.add_row(*cells)
    return line


def _best(status: Mapping[str, Any], bests: list[float]) -> Text:
    best = status.get("best")
    line = Text("  best  ", style="bold")
    if best is None:
        return line.append("no objective yet", style="not bold dim")
    line.append(_text.number(best["objective"]), style="green")
    line.append(f"  trial {best['number']}  ", style="not bold")
    if len(bests) > 1:
        line.append(f"{_text.sparkline(bests)}  ", style="not bold cyan")
    return line.append(_text.config_line(best["config"]), style="not bold")


def _trials(running: list[dict[str, Any]], values: Mapping[str, float | None], now: float) -> Table:
    grid = Table.grid(padding=(0, 2))
    for trial in running:
        value = values.get(trial["id"])
        place = " ".join(str(trial[key]) for key in ("host", "device") if trial.get(key))
        known = value is not None and not math.isnan(value)
        grid.add_row(
            Text(f"  trial {trial['number']}", style="cyan"),
            Text(_text.duration(report.seconds(trial, now)), justify="right"),
            Text(_text.number(value) if known else "…", justify="right"),
            Text(place, style="dim"),
            Text(_text.config_line(trial["config"]), no_wrap=True, overflow="ellipsis"),
        )
    return grid
