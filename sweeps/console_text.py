"""What a terminal would show of a program's output: progress bars folded to their last state.

A bar that is drawn 100,000 times is one line to whoever looks, and 10 MB to whoever keeps it. The
agent folds each piece before it sends it (`fold`), and readers fold the whole (`shown`, `settled`).
Folding composes: `fold(fold(a) + fold(b))` is what `fold(a + b)` is. To that end a piece keeps what
the next one needs: a carriage return, or the way to a line that is still being drawn.

Understood are CR, LF and the escapes that move the cursor up or down or erase to the end of the
line: all that the bars of tqdm and rich use. Other escapes (colours) pass through as they are.
Pure. Neighbours: agent/streams.py, opensweep/commands/trials.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_TOKEN = re.compile(r"\r|\n|\x1b\[(\d{0,6})([ABK])|[^\r\n\x1b]+|\x1b")
_CLIMBS = re.compile(rb"\x1b\[\d*A")
_FIRST_MOVE = re.compile(r"[\r\n]|\x1b\[\d*[AB]")
_DRAWS = re.compile(r"\x1b\[\d{0,6}[ABK]")
_UNFINISHED = re.compile("(\x1b(\\[\\d{0,6})?|[\udc80-\udcff]{1,3})?$")
"""An escape, or a character, that the next piece goes on with."""
FARTHEST = 200
"""Lines that a cursor may climb; more is nonsense, not a progress bar."""


@dataclass
class _Line:
    text: str = ""
    fresh: bool = False  # begins at the left edge, whatever stood there
    erased: bool = False  # nothing is left of what earlier output had on this line


class _Screen:
    """Lines below each other and a cursor; the first lines may be those of earlier output."""

    def __init__(self) -> None:
        self.lines = [_Line()]
        self.row = 0
        self.above = 0  # so many lines of earlier output, above its last one, were climbed to
        self.column: int | None = None  # None: at the end of the line

    def write(self, text: str) -> None:
        line = self.lines[self.row]
        if self.column is None:
            line.text += text
            return
        line.fresh = line.fresh or self.column == 0
        # An escape takes up no column: with one of them, the new text stands for the whole line.
        plain = "\x1b" not in text and "\x1b" not in line.text
        rest = line.text[self.column + len(text) :] if plain else ""
        line.text = line.text[: self.column] + text + rest
        self.column = self.column + len(text) if rest else None

    def new_line(self) -> None:
        self.row += 1
        if self.row == len(self.lines):
            self.lines.append(_Line())
            self.column = None
        else:
            self.column = 0

    def up(self, count: int) -> None:
        missing = count - self.row
        if missing > 0:
            self.lines[:0] = [_Line() for _ in range(missing)]
            self.above += missing
            self.row += missing
        self.row -= count

    def down(self, count: int) -> None:
        while self.row + count >= len(self.lines):
            self.lines.append(_Line())
        self.row += count

    def erase_line_end(self) -> None:
        line = self.lines[self.row]
        line.text = line.text[: self.column]
        line.fresh = line.erased = line.fresh or self.column == 0

    def text(self) -> str:
        return "\n".join(line.text for line in self.lines)

    def piece(self) -> str:
        """Its text, with all that the next piece needs to draw over it."""
        parts = [f"\x1b[{self.above}A" if self.above else ""]
        for index, line in enumerate(self.lines):
            parts += ["\n" if index else "", "\r" if line.fresh and index == 0 else ""]
            parts += ["\x1b[K" if line.erased and index <= self.above else "", line.text]
        up = len(self.lines) - 1 - self.row
        if up or self.column is not None:
            here = self.lines[self.row].text[: self.column]
            parts += [f"\x1b[{up}A" if up else "", "\r", here]
        return "".join(parts)


def _drawn(text: str) -> _Screen:
    screen = _Screen()
    for match in _TOKEN.finditer(text):
        part, count, move = match[0], match[1], match[2]
        if part == "\r":
            screen.column = 0
        elif part == "\n":
            screen.new_line()
        elif move == "K" and count in ("", "0"):
            screen.erase_line_end()
        elif move in ("A", "B"):
            way = min(int(count or 1), FARTHEST)
            (screen.up if move == "A" else screen.down)(way)
        else:
            screen.write(part)
    return screen


def fold(data: bytes) -> bytes:
    """`data` without what its own later bytes draw over. Invalid UTF-8 passes unchanged."""
    if b"\r" not in data and _CLIMBS.search(data) is None:  # one look each: megabytes pass here
        return data
    text = data.decode("utf-8", "surrogateescape")
    unfinished = _UNFINISHED.search(text)
    end = unfinished.start() if unfinished else len(text)
    # Where on its line the output before this piece ended, is not known here.
    move = _FIRST_MOVE.search(text, 0, end)
    begin = move.start() if move else end
    folded = text[:begin] + _drawn(text[begin:end]).piece() + text[end:]
    return folded.encode("utf-8", "surrogateescape")


def shown(text: str) -> str:
    """`text`, all of an output, as it would stand on a screen at the end: to read, not to go on."""
    return _drawn(text).text() if "\r" in text or _DRAWS.search(text) else text


def settled(parts: Iterable[str]) -> Iterator[str]:
    """`shown` of the parts of a long output, in parts: what a cursor may still climb to waits."""
    held = ""
    for part in parts:
        text = fold((held + part).encode("utf-8", "surrogateescape"))
        lines = text.decode("utf-8", "surrogateescape").rsplit("\n", FARTHEST)
        if len(lines) > FARTHEST:
            yield shown(lines.pop(0)) + "\n"
        held = "\n".join(lines)
    yield shown(held)
