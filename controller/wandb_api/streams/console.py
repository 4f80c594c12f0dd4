"""Console lines that are numbered, as the bytes of a terminal that only ever grows.

The client keeps a picture of its terminal and sends lines by number: those of a progress bar again
and again. On record a console is what was printed, so a line that changes is drawn over: the cursor
climbs to it, and back down. Whoever reads folds that (sweeps/console_text.py). Pure. Neighbours:
pieces.py (makes chunks of it), lines.py (where lines come from).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from controller.store.chunk_records import StreamPlace
from controller.wandb_api.streams.lines import Lines
from sweeps.console_text import FARTHEST

PIECE_BYTES = 256 << 10
"""A console chunk holds about so many bytes."""

_HEAD = re.compile(r"(?:ERROR )?\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)? ?")
"""Of each line: ERROR when it is of stderr, and when it was begun."""
_REACH = FARTHEST - 1
"""So many lines up a reader's cursor climbs."""


class Drawn(NamedTuple):
    """What to print.

    Attributes:
        data: it, as bytes.
        begin: the first line that it touches.
        end: how many lines the console has then.
        grown: how many more these are than before.
    """

    data: bytes
    begin: int
    end: int
    grown: int


def draw(block: Lines, place: StreamPlace) -> Drawn | None:
    """Lines as they are printed on a console that has `place.first` to `place.last` - 1 already
    (`place.seq` -1: none); None when that changes nothing.

    Lines that nobody's cursor can climb to any more stay as they are; lines that never came are
    empty, and may come later.
    """
    bottom = place.last if place.seq >= 0 else block.begin
    begin = max(block.begin, bottom - _REACH, min(place.first, bottom) if place.seq >= 0 else 0)
    if begin >= block.end:
        return None
    up = bottom - begin
    # Farther up than a cursor climbs, nobody will ask for the empty lines.
    parts = [f"\x1b[{up}A" if up > 0 else "\n" * min(-up, _REACH)]
    for number, line in enumerate(block.lines[begin - block.begin :], begin):
        parts += ["\r\x1b[K" if number < bottom else "", _text(line), "\n"]
    down = bottom - block.end
    if down > 0:
        parts.append(f"\x1b[{down}B\r")
    end = max(bottom, block.end)
    data = "".join(parts).encode("utf-8", "replace")
    return Drawn(data, begin, end, end - bottom)


def _text(line: str) -> str:
    """A line as it stood on the terminal."""
    return _HEAD.sub("", line.removesuffix("\n"), count=1).replace("\n", " ")


def in_pieces(block: Lines) -> list[Lines]:
    """The same lines in blocks of about PIECE_BYTES."""
    pieces, begin, size = [], 0, 0
    for number, line in enumerate(block.lines):
        if size and size + len(line) > PIECE_BYTES:
            pieces.append(Lines(block.begin + begin, block.lines[begin:number]))
            begin, size = number, 0
        size += len(line)
    pieces.append(Lines(block.begin + begin, block.lines[begin:]))
    return pieces
