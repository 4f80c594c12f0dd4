"""How things read on a terminal: numbers, times, configurations, tables, sparklines.

Pure functions of values: no I/O, no clock but what is handed in. click alone is imported (for its
colours, which it strips when nobody sees them). Neighbours: commands/ print what this makes;
_display.py is the live picture.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click

BARS = "▁▂▃▄▅▆▇█"
NOTHING = "-"
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")

COLOURS: Mapping[str, str] = {
    "running": "cyan",
    "finished": "green",
    "stopped": "yellow",
    "failed": "red",
    "stuck": "red",
    "canceled": "magenta",
    "preempted": "magenta",
    "paused": "yellow",
    "stopping": "yellow",
    "ok": "green",
    "warn": "yellow",
    "fail": "red",
}


def number(value: Any) -> str:
    """Four significant digits; whole numbers in full; "-" for nothing."""
    if value is None:
        return NOTHING
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, float) and math.isfinite(value):
        if value == int(value) and abs(value) < 1e6:
            return str(int(value))
        return f"{value:.4g}"
    return str(value)


def duration(seconds: float | None) -> str:
    """`0.4s`, `12s`, `3m 04s`, `2h 10m`, `3d 04h`; "-" for nothing."""
    if seconds is None or not math.isfinite(seconds):
        return NOTHING
    seconds = max(seconds, 0.0)
    if seconds < 9.95:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02d}s"
    if whole < 86400:
        return f"{whole // 3600}h {whole % 3600 // 60:02d}m"
    return f"{whole // 86400}d {whole % 86400 // 3600:02d}h"


def ago(then: float | None, now: float) -> str:
    """`3m ago` in one unit; "-" for never."""
    if then is None:
        return NOTHING
    seconds = max(now - then, 0.0)
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= length:
            return f"{int(seconds // length)}{unit} ago"
    return "just now" if seconds < 5 else f"{int(seconds)}s ago"


def size(count: float) -> str:
    """`512 B`, `1.5 MiB`."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A nested configuration as dotted names, in its own order, without what is not for people."""
    leaves: dict[str, Any] = {}
    for key, value in (config if prefix else own(config)).items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            leaves.update(flat(value, f"{name}."))
        else:
            leaves[name] = value
    return leaves


def own(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration without what the logger keeps there of charts, as W&B does."""
    return {key: value for key, value in config.items() if key != "_wandb"}


def one_line(text: str) -> str:
    """Text without escapes; ends of lines and other control characters are a blank."""
    return _CONTROLS.sub(" ", click.unstyle(text))


def value_text(value: Any) -> str:
    """One value of a configuration, short, on one line."""
    if isinstance(value, str):
        return one_line(value)
    if isinstance(value, Mapping | list | tuple | bool) or value is None:
        return json.dumps(value)
    return number(value)


def config_line(config: Mapping[str, Any], width: int | None = None) -> str:
    """`lr=0.003 optimizer=adam`, cut to `width` columns."""
    text = " ".join(f"{key}={value_text(value)}" for key, value in flat(config).items())
    return clip(text, width)


def clip(text: str, width: int | None) -> str:
    if width is None or len(text) <= width:
        return text
    return text[: max(width - 1, 0)] + "…"


def sparkline(values: Iterable[float | None], width: int = 20) -> str:
    """The last `width` finite values as bars between their own least and greatest."""
    kept = [value for value in values if value is not None and math.isfinite(value)][-width:]
    if not kept:
        return ""
    low, high = min(kept), max(kept)
    if not (span := high - low) or not math.isfinite(span):
        return BARS[len(BARS) // 2] * len(kept)
    top = len(BARS) - 1
    return "".join(BARS[round((value - low) / span * top)] for value in kept)


def outline(values: Sequence[float], width: int = 20) -> str:
    """All of a curve as bars: of more values than `width`, every so many, and the last."""
    if len(values) > width:
        step = (len(values) - 1) / (width - 1)
        values = [values[round(number * step)] for number in range(width)]
    return sparkline(values, width)


def state(name: str, width: int = 0) -> str:
    """A state in its colour, padded first so that colours do not upset a column."""
    return click.style(name.ljust(width), fg=COLOURS.get(name.strip()))


def counts_line(counts: Mapping[str, int]) -> str:
    """`12 finished, 4 stopped, 1 failed, 2 running`: what there is, and nothing that is not."""
    order = ("finished", "stopped", "failed", "canceled", "preempted", "running", "queued")
    parts = [
        click.style(f"{counts[name]} {name}", fg=COLOURS.get(name))
        for name in order
        if counts.get(name)
    ]
    return ", ".join(parts) or "no trials yet"


def done(counts: Mapping[str, int]) -> int:
    """Trials that are over."""
    return sum(counts.get(name, 0) for name in ("finished", "stopped", "failed", "canceled"))


def table(
    headers: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    right: Iterable[str] = (),
    states: Iterable[str] = (),
    width: int | None = None,
) -> str:
    """Columns two blanks apart; the last one is cut where a line would pass `width`. A row is a
    line, whatever is in its cells.

    Args:
        headers: one for each column.
        rows: cells, as many as there are headers.
        right: headers of columns that are set to the right.
        states: headers of columns whose first word is a state, to be coloured.
        width: of the terminal; None: never cut.
    """
    rows = [[one_line(cell) for cell in row] for row in rows]
    widths = [
        max([len(header), *(len(row[column]) for row in rows)])
        for column, header in enumerate(headers)
    ]
    if width is not None:
        before = sum(widths[:-1]) + 2 * (len(widths) - 1)
        widths[-1] = min(widths[-1], max(width - before, 8))
    rights, coloured = set(right), set(states)

    def line(cells: Sequence[str], heading: bool = False) -> str:
        out = []
        last = len(cells) - 1
        for column, cell in enumerate(cells):
            text = clip(cell, widths[column]) if column == last else cell
            if headers[column] in rights:
                text = text.rjust(widths[column])
            elif column != last:
                text = text.ljust(widths[column])
            if headers[column] in coloured and not heading:
                text = click.style(text, fg=COLOURS.get(cell.split(" ")[0]))
            out.append(text)
        return "  ".join(out).rstrip()

    head = click.style(line(headers, heading=True), bold=True)
    return "\n".join([head, *(line(row) for row in rows)])
