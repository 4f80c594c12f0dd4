"""What a run printed as numbered lines, the way a terminal would show them: any of them, at once.

The console of a run is one text that grows (console.py); with progress bars in it, a line is known
only when no cursor can climb to it any more (sweeps/console_text.py). Here each lane of each run
that somebody looks at is folded once, as it comes, and kept packed: a page of lines, the tail of a
long console and a search cost what they show, not what came before. It can be thrown away at any
moment and is then made anew. Neighbour: console_api.py (asks).
"""

from __future__ import annotations

import codecs
import re
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field

import zstandard

from controller.server.console import plain
from controller.store.chunk_records import ChunkKind
from controller.store.store import Store
from sweeps.console_text import FARTHEST, fold, shown

LONGEST = 10_000
"""Of a longer line the rest is left out, and how much that is, is said."""
MOST_FOUND = 10_000
"""A search tells the numbers of so many lines, and counts the others."""
_BLOCK = 1000  # lines packed together
_KEPT_BYTES = 64 << 20  # of packed lines, of all consoles together
_KEPT = 64  # consoles
_COLOUR = re.compile(r"\x1b\[([\d;:]*)m")
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_])")
_CODES = 32  # a style that is made of more is nobody's meaning


@dataclass(frozen=True)
class Page:
    """Some lines.

    Attributes:
        first: the number of the first one, from 0.
        lines: they, with their colour codes.
        style: the colour codes that are still in force where they begin.
        total: how many lines there are now.
        settled: lines before this one never change.
        starts: the lines at which a further attempt at the run began, by its number.
    """

    first: int
    lines: list[str]
    style: str
    total: int
    settled: int
    starts: dict[int, int]


@dataclass(frozen=True)
class Found:
    """Lines that hold a text: how many, and the numbers of the first MOST_FOUND."""

    count: int
    lines: list[int]


@dataclass
class _Lane:
    """One lane's lines so far.

    Attributes:
        place: (writer, seq) of the newest chunk that is in it.
        blocks: packed lines, _BLOCK each; styles: what is in force where each begins.
        waiting: settled lines that make no block yet.
        held: folded text that may still change.
    """

    place: tuple[int, int] = (0, -1)
    blocks: list[bytes] = field(default_factory=list)
    styles: list[str] = field(default_factory=list)
    style: str = ""
    waiting: list[str] = field(default_factory=list)
    held: str = ""
    size: int = 0
    starts: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.lock = threading.Lock()
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")

    @property
    def settled(self) -> int:
        return len(self.blocks) * _BLOCK + len(self.waiting)

    def add(self, text: str) -> None:
        """What was printed next."""
        drawn = fold((self.held + text).encode("utf-8", "surrogateescape"))
        *lines, self.held = _cut(drawn.decode("utf-8", "surrogateescape"))
        for line in lines:
            self.waiting.append(line)
            if len(self.waiting) == _BLOCK:
                self._pack()

    def _pack(self) -> None:
        text = "\n".join(self.waiting)
        block = zstandard.ZstdCompressor(level=3).compress(text.encode("utf-8", "surrogatepass"))
        self.blocks.append(block)
        self.styles.append(self.style)
        self.style = style_after(self.style, text)
        self.size += len(block)
        self.waiting = []

    def tail(self) -> list[str]:
        """The lines that may still change, as they stand."""
        text = shown(self.held)
        return text.removesuffix("\n").split("\n") if text else []

    def block(self, number: int) -> list[str]:
        if number == len(self.blocks):
            return self.waiting
        packed = zstandard.ZstdDecompressor().decompress(self.blocks[number])
        return packed.decode("utf-8", "surrogatepass").split("\n")

    def all_blocks(self) -> Iterator[list[str]]:
        for number in range(len(self.blocks) + 1):
            yield self.block(number)
        yield self.tail()


class ConsoleLines:
    """The lines of all runs in a store. Thread-safe."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._lanes: OrderedDict[tuple[str, float, str], _Lane] = OrderedDict()

    def page(self, run_id: str, lane: str, first: int | None, limit: int) -> Page:
        """`limit` lines from `first` on; None: the last ones. NotFoundError: no such run."""
        found = self._current(run_id, lane)
        with found.lock:
            tail = found.tail()
            total = found.settled + len(tail)
            begin = max(total - limit, 0) if first is None else min(first, total)
            number = begin // _BLOCK
            lines: list[str] = []
            style = found.styles[number] if number < len(found.styles) else found.style
            while number <= len(found.blocks) and len(lines) < limit:
                block = found.block(number)
                skip = max(begin - number * _BLOCK, 0)
                style = style_after(style, "\n".join(block[:skip])) if skip else style
                lines += block[skip : skip + limit - len(lines)]
                number += 1
            skip = max(begin - found.settled, 0)
            style = style_after(style, "\n".join(tail[:skip])) if skip else style
            lines += tail[skip : skip + limit - len(lines)]
            return Page(
                begin, [_short(each) for each in lines], style, total, found.settled, found.starts
            )

    def search(self, run_id: str, lane: str, text: str) -> Found:
        """The lines that hold a text, whatever the case. Raises NotFoundError."""
        wanted = text.lower()
        found = self._current(run_id, lane)
        count, begin = 0, 0
        numbers: list[int] = []
        with found.lock:
            for block in found.all_blocks():
                for number, line in enumerate(block, begin):
                    if wanted in (_ESCAPES.sub("", line) if "\x1b" in line else line).lower():
                        count += 1
                        if count <= MOST_FOUND:
                            numbers.append(number)
                begin += len(block)
        return Found(count, numbers)

    def text(self, run_id: str, lane: str) -> Iterator[str]:
        """All of it, in parts. Raises NotFoundError at the first."""
        found = self._current(run_id, lane)
        with found.lock:
            count = len(found.blocks)
            rest = [*found.waiting, *found.tail()]
        for number in range(count):  # blocks never change
            yield "\n".join([*found.block(number), ""])
        yield "\n".join([*rest, ""]) if rest else ""

    def _current(self, run_id: str, lane: str) -> _Lane:
        run = self._store.get_run(run_id)
        name = (run_id, run.created, lane)  # a run may be removed and made again
        with self._lock:
            found = self._lanes.setdefault(name, _Lane())
            self._lanes.move_to_end(name)
        with found.lock:
            for chunk in self._store.chunks(
                run_id, ChunkKind.CONSOLE, lane=lane, after=found.place
            ):
                if found.place[0] not in (0, chunk.writer):
                    found.starts[found.settled + len(found.tail())] = chunk.writer
                found.place = (chunk.writer, chunk.seq)
                found.add(found.decoder.decode(plain(chunk)))
        with self._lock:
            size = sum(each.size for each in self._lanes.values())
            while (size > _KEPT_BYTES or len(self._lanes) > _KEPT) and len(self._lanes) > 1:
                size -= self._lanes.popitem(last=False)[1].size
        return found


def style_after(style: str, text: str) -> str:
    """The colour codes that are in force behind a text that began with `style`."""
    if "\x1b" not in text:
        return style
    codes = _COLOUR.findall(style) + _COLOUR.findall(text)
    for at in range(len(codes) - 1, -1, -1):
        if codes[at] in ("", "0", "00"):
            codes = codes[at + 1 :]
            break
        if codes[at].startswith(("0;", ";")):
            codes = codes[at:]
            break
    return "".join(f"\x1b[{code}m" for code in codes[-_CODES:])


def _cut(text: str) -> list[str]:
    """The lines that nothing can change any more, and the text of those that may."""
    ends = text.count("\n")
    if ends <= FARTHEST:
        return [text]
    parts = text.split("\n")
    settled = len(parts) - FARTHEST - 1
    lines = shown("\n".join(parts[:settled])).split("\n")
    return [*lines, "\n".join(parts[settled:])]


def _short(line: str) -> str:
    if len(line) <= LONGEST:
        return line
    return f"{line[:LONGEST]} … ({len(line) - LONGEST:,} more characters)"
