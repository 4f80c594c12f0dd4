"""Lines with bands as SVG, on logarithmic heights; nothing else is needed for it."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.search.statistics import Estimate

COLOURS = (
    "#d62728", "#7f7f7f", "#1f77b4", "#ff7f0e", "#9467bd",
    "#2ca02c", "#8c564b", "#e377c2", "#17becf", "#bcbd22",
)  # fmt: skip
_WIDE, _HIGH, _LEFT, _TOP, _RIGHT, _BOTTOM = 720, 420, 64, 34, 190, 44


@dataclass(frozen=True)
class Frame:
    """Where values lie on the picture.

    Attributes:
        end: the largest x; it begins at 0.
        low, high: the heights of its bottom and top, above 0.
    """

    end: float
    low: float
    high: float

    def x(self, value: float) -> float:
        return _LEFT + value / self.end * (_WIDE - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        inside = min(max(value, self.low), self.high)
        share = math.log(inside / self.low) / math.log(self.high / self.low)
        return _HIGH - _BOTTOM - share * (_HIGH - _BOTTOM - _TOP)


def svg(
    lines: Mapping[str, Sequence[tuple[float, Estimate]]], *, title: str, across: str, up: str
) -> str:
    """A picture: each line's points are (x, height with its interval), heights above 0.

    Args:
        lines: by their names, in the order of the legend.
        title: above the picture.
        across, up: what the axes are.
    """
    points = [point for line in lines.values() for point in line]
    heights = [at.value for _, at in points]
    low = 10.0 ** math.floor(math.log10(min(heights)))
    frame = Frame(max(x for x, _ in points), low, max(max(heights), 10 * low))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDE} {_HIGH}" '
        f'font-family="sans-serif" font-size="12" role="img" aria-label="{html.escape(title)}">',
        f'<rect width="{_WIDE}" height="{_HIGH}" fill="#fff"/>',
        _text(_LEFT, 20, title, size=14),
        _text((_LEFT + _WIDE - _RIGHT) / 2, _HIGH - 8, across, anchor="middle"),
        f'<g transform="rotate(-90 14 {_HIGH / 2})">'
        f"{_text(14, _HIGH / 2, up, anchor='middle')}</g>",
        *_grid(frame),
    ]
    for n, (name, line) in enumerate(lines.items()):
        colour = COLOURS[n % len(COLOURS)]
        parts += [_band(frame, line, colour), _line(frame, line, colour)]
        place = _TOP + 16 * n + 6
        end = _WIDE - _RIGHT + 12
        parts.append(
            f'<path d="M{end} {place}h18" stroke="{colour}" stroke-width="2.5" fill="none"/>'
        )
        parts.append(_text(end + 24, place + 4, name))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _text(x: float, y: float, words: str, *, anchor: str = "start", size: int = 12) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="#222">'
        f"{html.escape(words)}</text>"
    )


def _grid(frame: Frame) -> list[str]:
    parts = []
    for power in range(math.floor(math.log10(frame.low)), math.ceil(math.log10(frame.high)) + 1):
        value = 10.0**power
        if frame.low <= value <= frame.high:
            y, right = frame.y(value), frame.x(frame.end)
            parts.append(f'<path d="M{_LEFT} {y:.1f}H{right:.1f}" stroke="#ddd"/>')
            parts.append(_text(_LEFT - 6, y + 4, f"{value:g}", anchor="end"))
    for n in range(5):
        x = frame.x(frame.end * n / 4)
        parts.append(f'<path d="M{x:.1f} {_HIGH - _BOTTOM}v4" stroke="#222"/>')
        parts.append(_text(x, _HIGH - _BOTTOM + 16, f"{frame.end * n / 4:g}", anchor="middle"))
    return parts


def _line(frame: Frame, line: Sequence[tuple[float, Estimate]], colour: str) -> str:
    path = " ".join(f"{frame.x(x):.1f},{frame.y(at.value):.1f}" for x, at in line)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'


def _band(frame: Frame, line: Sequence[tuple[float, Estimate]], colour: str) -> str:
    there = [f"{frame.x(x):.1f},{frame.y(at.low):.1f}" for x, at in line]
    back = [f"{frame.x(x):.1f},{frame.y(at.high):.1f}" for x, at in reversed(line)]
    return f'<polygon points="{" ".join(there + back)}" fill="{colour}" opacity="0.12"/>'
