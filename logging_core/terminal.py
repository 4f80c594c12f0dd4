"""What the user sees: a few lines at the start, sparklines and the summary at the end; warnings.

Everything goes to stderr, each line behind "opensweep: ". Formatting only: what is shown comes
from run.py. A terminal that cannot show a character gets a "?" instead, never an error.
"""

from __future__ import annotations

import contextlib
import math
import sys
from itertools import islice

from logging_core.hints import Any, Iterable, Mapping, Sequence

BARS = "▁▂▃▄▅▆▇█"
WIDTH = 40  # points in a sparkline
MAX_ROWS = 30  # metrics shown at the end; the rest is counted
MAX_NAME = 60  # characters of a name that are shown
_KEPT = 2 * WIDTH
_KEPT_NAMES = MAX_ROWS + 1  # one more than is shown tells that there are more
_LOOKED_AT = 1000  # values of a row, for those to keep
_HUGE = 1 << 1000  # an int that large may be beyond the range of floats


def say(text: str) -> None:
    """Print `text`, every line of it prefixed."""
    stream = sys.stderr
    if stream is None:
        return
    lines = "".join(f"opensweep: {line}".rstrip() + "\n" for line in text.split("\n"))
    # It may be closed, or a script's own that has no `flush`, or in the middle of a write that this
    # signal's handler came into: there is nobody to tell then.
    with contextlib.suppress(Exception):
        try:
            stream.write(lines)
        except UnicodeEncodeError:
            stream.write(lines.encode("ascii", "replace").decode("ascii"))
        stream.flush()


def warn(text: str) -> None:
    say("WARNING " + text)


def sparkline(values: Sequence[float]) -> str:
    """The finite ones of `values`, lowest to highest as ▁ to █; "" when there is none."""
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return ""
    low, high = min(finite), max(finite)
    if high - low == math.inf:  # too far apart for a float; their quarters are not
        return sparkline([value / 4 for value in finite])
    top = len(BARS) - 1
    return "".join(BARS[round((v - low) / (high - low) * top) if high > low else 0] for v in finite)


def thin(values: Sequence[float], width: int = WIDTH) -> list[float]:
    """At most `width` of the values, evenly spread, the first and the last among them."""
    if len(values) <= width:
        return list(values)
    return [values[round(i * (len(values) - 1) / (width - 1))] for i in range(width)]


def end_report(curves: Mapping[str, Sequence[float]], summary: Mapping[str, Any]) -> str:
    """ "Run history" and "Run summary", keys right-justified, as W&B lays them out."""
    history = [(name, sparkline(thin(curves[name]))) for name in sorted(curves)]
    values = [(name, _shown(summary[name])) for name in sorted(summary)]
    blocks = []
    for title, rows in (("Run history:", history), ("Run summary:", values)):
        shown = [(name, text) for name, text in rows if text and not name.startswith("_")]
        if shown:
            blocks.append("\n".join([title, *_grid(shown[:MAX_ROWS])]))
            if len(shown) > MAX_ROWS:  # how many curves there would have been, nobody counts
                count = f"{len(shown) - MAX_ROWS} " if rows is values else ""
                blocks[-1] += f"\n… and {count}more"
    return "\n\n".join(blocks)


def _grid(rows: Sequence[tuple[str, str]]) -> Iterable[str]:
    named = [(_in_one_line(name, MAX_NAME), text) for name, text in rows]
    width = max(len(name) for name, _ in named)
    return [f"{name:>{width}} {text}" for name, text in named]


def _in_one_line(text: str, width: int) -> str:
    """Its beginning; line ends, and whatever else would move the cursor, as escapes."""
    cut = text[:width]
    if not cut.isprintable():
        cut = cut.encode("unicode_escape").decode("ascii")[:width]
    return cut if len(text) <= width else cut + "..."


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        if "_type" in value:
            return ""  # media: there is nothing to see of it here
        parts = {kind: _shown(part) for kind, part in value.items()}
        return ", ".join(f"{kind} {part}" for kind, part in parts.items() if part)
    if isinstance(value, str):
        return _in_one_line(value, 20)
    if isinstance(value, float):
        return str(round(value, 5)) if abs(value) >= 1e-3 or value == 0 else f"{value:.5g}"
    if isinstance(value, (bool, int)):
        text = str(value)
        return text if len(text) <= 40 else text[:37] + "..."
    return ""


class Samples:
    """An evenly spread sample of the rows of one shape: at most 2 x WIDTH, whatever their number,
    and of each row the numbers that the report may show, whatever its width.

    The caller counts `left` down for every row and calls `keep` when it reaches 0.
    """

    __slots__ = ("left", "points", "stride")

    def __init__(self) -> None:
        self.left = 1
        self.stride = 1
        self.points: list[tuple[int, dict[str, float]]] = []

    def keep(self, step: int, row: Mapping[str, Any]) -> None:
        numbers = {
            name: float(value)
            for name, value in islice(row.items(), _LOOKED_AT)
            if (type(value) is float or (type(value) is int and abs(value) < _HUGE))
            and not name.startswith("_")
        }
        if len(numbers) > _KEPT_NAMES:
            numbers = {name: numbers[name] for name in sorted(numbers)[:_KEPT_NAMES]}
        self.points.append((step, numbers))
        if len(self.points) >= _KEPT:
            del self.points[1::2]
            self.stride *= 2
        self.left = self.stride


class Shapes:
    """Samples for each shape of row (its names), of MAX_SHAPES at most; one for all the rest."""

    MAX_SHAPES = 30  # 160 kB each, at most

    def __init__(self) -> None:
        self._samples: dict[tuple[str, ...], Samples] = {}

    def samples(self, names: Iterable[str]) -> Samples:
        shape = tuple(names)
        found = self._samples.get(shape)
        if found is None:
            if len(self._samples) >= self.MAX_SHAPES:
                shape = ()
            found = self._samples.setdefault(shape, Samples())
        return found

    def curves(self) -> dict[str, list[float]]:
        """See there."""
        return curves(self._samples.values())


def curves(samples: Iterable[Samples]) -> dict[str, list[float]]:
    """The sampled values of the metrics that the report may show, by step."""
    found: dict[str, list[tuple[int, float]]] = {}
    for one in samples:
        for step, row in one.points:
            for name, value in row.items():
                found.setdefault(name, []).append((step, value))
    return {name: [value for _, value in sorted(points)] for name, points in found.items()}
