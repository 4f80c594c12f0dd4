"""The live picture of a sweep on a terminal: progress, best so far, what runs where.

rich draws it; what it shows comes from the server's status alone, asked for about once a second,
so that it is the same whoever runs the trials. Each of its lines stays one line, cut at the edge of
the terminal, and it leaves lines of the terminal free, whatever a sweep's names, configurations and
number of slots. A server that does not answer for a moment leaves the last picture standing.
Neighbours: report.py words the rest; run.py and status.py use this.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from opensweep import _text
from opensweep.commands import report
from opensweep.commands.objective import curve
from sweeps.errors import OpensweepError, ServerError

if TYPE_CHECKING:
    from sweeps.protocol.client import Client

LOOK_S = 1.0
"""Seconds between two looks of `follow`."""
_SHOWN = 16
"""Running trials that are shown one by one where the terminal is high enough."""
_OTHER_LINES = 8
"""Lines of the terminal that are not for running trials: the rest of the picture, and some free."""
_ROOMY = 100
"""Columns from which on a trial's curve is drawn."""
_COLUMNS = (("cyan", False), ("", True), ("", True), ("cyan", False), ("dim", False), ("", False))
"""Style of each column of the running trials, and whether it is set to the right."""


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
        self._curves: dict[str, tuple[tuple[int, int], list[float]]] = {}
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
        """Asks the server, redraws, returns the status. A busy server leaves the picture as is.

        Raises NotFoundError when the sweep is gone, ConfigurationError for a refused key.
        """
        try:
            status = self._client.sweep(self._sweep_id)
            room = min(max(self._console.height - _OTHER_LINES, 1), _SHOWN)
            running = self._client.trials(self._sweep_id, state="running", limit=room)
            self._follow_curves(status, running)
        except ServerError:
            if not self.status:
                raise
            return self.status
        self.status = status
        self._note_best(status)
        curves = {trial_id: values for trial_id, (_, values) in self._curves.items()}
        width = self._console.width
        parts = picture(status, running, curves, self._bests, time.time(), width)
        if self._alone and not status.get("agents") and not report.over(status):
            parts.append(_line(f"  {report.no_agent(status)}", style="yellow"))
        self.picture = Group(*parts)
        self._live.update(self.picture)
        return status

    def print(self, line: str) -> None:
        """Prints a line above the picture; it may hold ANSI colours."""
        self._console.print(Text.from_ansi(line), soft_wrap=True)

    def _note_best(self, status: Mapping[str, Any]) -> None:
        done, best = _text.done(status["counts"]), status.get("best")
        if best is not None and done != self._done:
            self._done = done
            self._bests.append(float(best["objective"]))

    def _follow_curves(self, status: Mapping[str, Any], running: list[dict[str, Any]]) -> None:
        """Fetches the curves of those running trials that logged something since the last look."""
        metric = (status.get("metric") or {}).get("name")
        before, self._curves = self._curves, {}
        for trial in running if metric is not None else ():
            mark = (int(trial["attempts"]), int(trial.get("steps") or 0))
            known = before.get(trial["id"])
            if known is None or known[0] != mark:
                values = curve(self._client, trial["id"], str(metric)) if mark[1] else {}
                known = (mark, list(values.values()))
            self._curves[trial["id"]] = known


def picture(
    status: Mapping[str, Any],
    running: list[dict[str, Any]],
    curves: Mapping[str, Sequence[float]],
    bests: list[float],
    now: float,
    width: int,
) -> list[RenderableType]:
    """The picture of one status, for `width` columns: a line for each part, and for each trial.

    Args:
        running: the trials to show one by one.
        curves: what those logged of the metric so far, by trial id.
        bests: the best value after each end of a trial.
    """
    parts: list[RenderableType] = [_head(status, now), _bar(status, width), _best(status, bests)]
    if len(status.get("agents") or ()) > 1:
        parts.append(_agents(status["agents"]))
    if running:
        parts += _trials(running, curves, now, width)
    hidden = status["counts"].get("running", 0) - len(running)
    if hidden > 0:
        parts.append(_line(f"  and {hidden} more", style="dim"))
    return parts


def _line(text: str, style: str = "") -> Text:
    """Text that stays one line, cut where the terminal ends."""
    return Text(text, style=style, no_wrap=True, overflow="ellipsis")


def _head(status: Mapping[str, Any], now: float) -> Text:
    """Id, state and time first: a long name must not push them out of sight."""
    head = _line("").append(str(status["id"]), style="bold").append("  ")
    head.append(str(status["state"]), style=_text.COLOURS.get(status["state"], ""))
    begun = status.get("started")
    elapsed = status.get("elapsed_s")
    if begun is not None and not report.over(status):
        elapsed = now - begun
    head.append(f"  {_text.duration(elapsed)}")
    if (left := report.remaining(status)) is not None:
        head.append(f", about {_text.duration(left)} to go", style="dim")
    name = report.own_name(status)
    return head.append(f"  {name}: " if name else "  ").append(report.aim(status))


def _bar(status: Mapping[str, Any], width: int) -> Table:
    end = report.expected(status)
    line = Table.grid(padding=(0, 1))
    told = _line(f"  {report.progress(status)} done: ")
    cells: list[Any] = [told.append_text(Text.from_ansi(_text.counts_line(status["counts"])))]
    if end:
        length = min(30, width // 4)
        cells.insert(
            0, ProgressBar(total=end, completed=_text.done(status["counts"]), width=length)
        )
    line.add_row(*cells)
    return line


def _best(status: Mapping[str, Any], bests: list[float]) -> Text:
    best = status.get("best")
    line = _line("").append("  best  ", style="bold")
    if best is None:
        return line.append("no objective yet", style="dim")
    line.append(_text.number(best["objective"]), style="green")
    line.append(f"  trial {best['number']}  ")
    if len(bests) > 1:
        line.append(f"{_text.sparkline(bests)}  ", style="cyan")
    return line.append(_text.config_line(best["config"]))


def _agents(agents: Sequence[Mapping[str, Any]]) -> Text:
    slots, free = (sum(int(agent.get(key) or 0) for agent in agents) for key in ("slots", "free"))
    return _line(f"  {slots - free} of {slots} slots busy, {len(agents)} agents", style="dim")


def _trials(
    running: list[dict[str, Any]], curves: Mapping[str, Sequence[float]], now: float, width: int
) -> list[Text]:
    """A line for each; columns are set by hand, so that a lack of room cuts the last ones."""
    with_host = len({trial.get("host") for trial in running}) > 1
    rows = []
    for trial in running:
        values = curves.get(trial["id"], ())
        place = [trial.get("host") if with_host else None, trial.get("device")]
        rows.append(
            (
                f"trial {trial['number']}",
                _text.duration(report.seconds(trial, now)),
                _text.number(values[-1]) if values else "…",
                _text.sparkline(values, 10) if width >= _ROOMY else "",
                _text.clip(" ".join(str(part) for part in place if part), width // 4),
                _text.config_line(trial["config"]),
            )
        )
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    lines = []
    for cells in rows:
        line = _line("")
        for column, (cell, (style, right)) in enumerate(zip(cells, _COLUMNS, strict=True)):
            room = widths[column]
            if room:
                line.append("  ").append(cell.rjust(room) if right else cell.ljust(room), style)
        lines.append(line)
    return lines
