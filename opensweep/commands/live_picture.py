"""What the live picture of a sweep looks like, from what the server told of it. Pure.

Each of its lines stays one line, cut at the edge of the terminal, and it is never higher than it is
told to be, whatever a sweep's names, configurations and number of slots. Neighbours: live.py (asks,
and keeps it on the terminal), report.py (words the rest).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from opensweep import _text
from opensweep.commands import report

SHOWN = 16
"""Running trials that are shown one by one where the terminal is high enough."""
_ROOMY = 100
"""Columns from which on a trial's curve is drawn."""
_HIGH = 20
"""Lines from which on there is more than the running trials."""
_COLUMNS = (("cyan", False), ("", True), ("", True), ("cyan", False), ("dim", False), ("", False))
"""Style of each column of the running trials, and whether it is set to the right."""


@dataclass
class Seen:
    """What is known of a sweep at one moment.

    Attributes:
        status: as the server tells it.
        running: trials to show one by one.
        ended: those that were over last, the latest first.
        curves: what trials logged of the metric, by trial id.
        bests: the best value after each end of a trial.
        troubles: sentences at the foot: nobody works for it, the server is away.
    """

    status: Mapping[str, Any]
    running: Sequence[Mapping[str, Any]] = ()
    ended: Sequence[Mapping[str, Any]] = ()
    curves: Mapping[str, Sequence[float]] = field(default_factory=dict)
    bests: Sequence[float] = ()
    troubles: Sequence[str] = ()


@dataclass(frozen=True)
class Room:
    """How many lines each part gets; the head takes three."""

    curve: bool
    agents: int
    running: int
    ended: int

    @classmethod
    def of(cls, height: int, agents: int, *, whole: bool) -> Room:
        """In a terminal of `height` lines, of which some stay free.

        Args:
            agents: how many there are.
            whole: the picture is all there is; else others print lines above it.
        """
        left = max(height - 8, 1)
        if not whole or height < _HIGH:
            return cls(False, 0, min(left, SHOWN), 0)
        told = min(agents, max(left // 6, 1))
        ended = max(left // 5, 1)
        return cls(True, told, max(min(left - 2 - told - ended, SHOWN), 1), ended)


def picture(seen: Seen, now: float, width: int, room: Room) -> list[RenderableType]:
    """A line for each part, and for each agent and trial."""
    status = seen.status
    parts: list[RenderableType] = [_head(status, now), _bar(status, width), _best(seen)]
    if room.curve:
        parts += _best_curve(seen, width)
    agents = status.get("agents") or ()
    if room.agents and len(agents) <= room.agents:
        parts += map(_agent, agents)
    elif len(agents) > 1:
        parts.append(_all_agents(agents))
    running = seen.running[: room.running]
    parts += _trials(running, seen.curves, now, width)
    hidden = status["counts"].get("running", 0) - len(running)
    if hidden > 0:
        parts.append(_line(f"  and {hidden} more", style="dim"))
    if room.ended and seen.ended:
        parts += _ended(seen.ended[: room.ended], now)
    parts += [_line(f"  {trouble}", style="yellow") for trouble in seen.troubles]
    return parts


def _line(text: str, style: str = "") -> Text:
    """Text that stays one line, cut where the terminal ends."""
    return Text(text, style=style, no_wrap=True, overflow="ellipsis")


def _head(status: Mapping[str, Any], now: float) -> Text:
    """Id, state and time first: a long name must not push them out of sight."""
    head = _line("").append(str(status["id"]), style="bold").append("  ")
    stands = report.standing(status)
    head.append(stands, style=_text.COLOURS.get(stands, ""))
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


def _best(seen: Seen) -> Text:
    best = seen.status.get("best")
    line = _line("").append("  best  ", style="bold")
    if best is None:
        return line.append("no objective yet", style="dim")
    line.append(_text.number(best["objective"]), style="green")
    line.append(f"  trial {best['number']}{report.unfinished(best)}  ")
    if len(seen.bests) > 1:
        line.append(f"{_text.outline(seen.bests)}  ", style="cyan")
    return line.append(_text.config_line(best["config"]))


def _best_curve(seen: Seen, width: int) -> Iterator[Text]:
    """How the best trial learned."""
    best, metric = seen.status.get("best"), seen.status.get("metric")
    values = seen.curves.get(best["id"], ()) if best else ()
    if metric and len(values) > 1:
        line = _line("").append("  curve ", style="bold")
        line.append(_text.outline(values, min(max(width - 50, 10), 60)), style="cyan")
        span = f"  {_text.number(values[0])} to {_text.number(values[-1])}  {metric['name']}"
        yield line.append(span, style="dim")


def _all_agents(agents: Sequence[Mapping[str, Any]]) -> Text:
    slots = sum(int(agent.get("slots") or 0) for agent in agents)
    resting = sum(bool(agent.get("quarantined")) for agent in agents)
    busy = sum(report.busy(agent) for agent in agents)
    line = _line(f"  {busy} of {slots} slots busy, {len(agents)} agents", style="dim")
    return line.append(f", {resting} in quarantine", style="red") if resting else line


def _agent(agent: Mapping[str, Any]) -> Text:
    line = _line("").append("  agent ", style="bold")
    host = _text.one_line(str(agent.get("host") or agent["id"]))
    line.append(_text.clip(host, 24), style="cyan").append(f"  {report.at_work(agent)}")
    if why := report.quarantine(agent):
        return line.append(f"  {why}", style="red")
    devices = ", ".join(_text.one_line(str(device)) for device in agent.get("devices") or ())
    return line.append(f"  {devices}" if devices else "", style="dim")


def _trials(
    running: Sequence[Mapping[str, Any]],
    curves: Mapping[str, Sequence[float]],
    now: float,
    width: int,
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
                _text.outline(values, 10) if width >= _ROOMY else _text.outline(values, 5),
                _text.clip(" ".join(str(part) for part in place if part), width // 4),
                _text.config_line(trial["config"]),
            )
        )
    return _in_columns(rows, _COLUMNS)


def _ended(ended: Sequence[Mapping[str, Any]], now: float) -> list[Text]:
    rows = []
    for trial in ended:
        told = _text.number(trial["objective"])
        if trial["objective"] is None and trial.get("detail"):
            told = _text.clip(_text.one_line(str(trial["detail"])), 40)
        rows.append(
            (
                f"trial {trial['number']}",
                report.state_with_reason(trial),
                told,
                _text.ago(trial.get("ended"), now),
                _text.config_line(trial["config"]),
            )
        )
    styles = (("dim", False), ("", False), ("", False), ("dim", False), ("dim", False))
    lines = _in_columns(rows, styles)
    for line, trial in zip(lines, ended, strict=True):
        line.highlight_words([trial["state"]], _text.COLOURS.get(trial["state"], ""))
    return [_line("  last ended", style="bold"), *lines]


def _in_columns(rows: Sequence[Sequence[str]], columns: Sequence[tuple[str, bool]]) -> list[Text]:
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    lines = []
    for cells in rows:
        line = _line("")
        for room, cell, (style, right) in zip(widths, cells, columns, strict=True):
            if room:
                line.append("  ").append(cell.rjust(room) if right else cell.ljust(room), style)
        lines.append(line)
    return lines
