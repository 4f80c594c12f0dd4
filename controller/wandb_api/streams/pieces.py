"""Makes the store's chunks of what a post says, each line once.

Clients count lines. Of history and of system metrics a chunk's number is that of its last line, so
that the store itself knows, through every crash, which lines it has: what a client repeats is left
out, and lines that never came are missed. Console lines may come again, changed; their chunks are
counted, and `last` is how many lines there are. Pure; nothing here is recorded. Neighbours:
lines.py, console.py (what comes in), file_stream.py (offers the chunks).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from controller.store.chunk_records import ChunkKind, NextChunk, StreamPlace
from controller.wandb_api.runs.writers import Recording
from controller.wandb_api.streams.console import draw, in_pieces
from controller.wandb_api.streams.lines import Lines, NumberedRow, Post, read_rows
from sweeps.errors import ChunkError
from sweeps.objective import metric_value
from sweeps.protocol.chunks import encode_columns, pack_points
from sweeps.protocol.columns import from_rows

CHUNK_ROWS = 100_000
"""A chunk of rows holds at most so many."""


@dataclass
class Pieces:
    """Attributes:
    chunks: to be offered in this order.
    places: where the streams stand once all of them are kept.
    odd: for people: what could not be kept, and which lines never came.
    """

    chunks: list[NextChunk] = field(default_factory=list)
    places: dict[ChunkKind, StreamPlace] = field(default_factory=dict)
    odd: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Sender:
    """Who recorded a post.

    Attributes:
        recording: as whom.
        metric: name of the objective; None for none.
        shared: one of several processes of a run that do not know each other's steps: its rows
            get the next ones of the run.
    """

    recording: Recording
    metric: str | None = None
    shared: bool = False


def pieces_of(
    post: Post, sender: Sender, places: Mapping[ChunkKind, StreamPlace], now: float
) -> Pieces:
    """What is new in a post, where the writer's streams stand at `places`."""
    made = Pieces(places=dict(places))
    for kind, blocks in post.files.items():
        for block in blocks:
            if kind is ChunkKind.CONSOLE:
                for piece in in_pieces(block):
                    _add_console(made, sender.recording, piece)
            else:
                _add_rows(made, sender, kind, block, now)
    return made


def _add_console(made: Pieces, recording: Recording, block: Lines) -> None:
    place = made.places[ChunkKind.CONSOLE]
    drawn = draw(block, place)
    if drawn is not None:
        chunk = NextChunk(
            recording.run_id,
            recording.writer,
            ChunkKind.CONSOLE,
            place.seq + 1,
            drawn.begin,
            drawn.end,
            drawn.grown,
            drawn.data,
            lane=recording.lane,
            after=place.seq,
        )
        _add(made, chunk)


def _add_rows(made: Pieces, sender: Sender, kind: ChunkKind, block: Lines, now: float) -> None:
    block = _new_lines(made, kind, block)
    rows = read_rows(block, kind, now)
    if len(rows) < len(block.lines):
        made.odd.append(_bad_lines(rows, kind, block))
    history = kind is ChunkKind.HISTORY
    shared = sender.shared and history
    if shared:
        first = made.places[kind].steps
        rows = [row._replace(step=step) for step, row in enumerate(rows, first)]
    for part, data in _encoded(rows):
        if isinstance(data, ChunkError):
            made.odd.append(f"line {part[0].number:,} of its {kind} cannot be kept: {data}")
            continue
        place = made.places[kind]
        last = part[-1] is rows[-1]
        steps = [row.step for row in part]
        chunk = NextChunk(
            sender.recording.run_id,
            sender.recording.writer,
            kind,
            block.end - 1 if last else part[-1].number,
            min(steps),
            max(steps),
            len(part),
            data,
            _points(part, sender.metric) if history else None,
            sender.recording.lane,
            after=place.seq,
            steps=place.steps if shared else None,
        )
        _add(made, chunk)


def _add(made: Pieces, chunk: NextChunk) -> None:
    place = made.places[chunk.kind]
    first, last, steps = chunk.first, chunk.last, place.steps
    if place.seq >= 0:
        first, last = min(place.first, first), max(place.last, last)
    if chunk.kind is ChunkKind.HISTORY:
        steps = max(steps, chunk.last + 1)
    made.chunks.append(chunk)
    made.places[chunk.kind] = StreamPlace(chunk.seq, first, last, steps)


def _new_lines(made: Pieces, kind: ChunkKind, block: Lines) -> Lines:
    """Those that the store does not have. A writer's first line may have any number."""
    behind = made.places[kind].seq + 1
    if behind == 0:
        return block
    if block.begin > behind:
        made.odd.append(f"lines {behind:,} to {block.begin - 1:,} of its {kind} never came")
    had = min(max(0, behind - block.begin), len(block.lines))
    return Lines(block.begin + had, block.lines[had:])


def _bad_lines(rows: Sequence[NumberedRow], kind: ChunkKind, block: Lines) -> str:
    good = {row.number for row in rows}
    first = next(number for number in range(block.begin, block.end) if number not in good)
    return (
        f"{len(block.lines) - len(rows):,} of {len(block.lines):,} lines of its {kind} are no JSON "
        f"objects; line {first:,} is {block.lines[first - block.begin][:100]!r}"
    )


def _encoded(
    rows: Sequence[NumberedRow],
) -> Iterator[tuple[Sequence[NumberedRow], bytes | ChunkError]]:
    """The rows in parts, each with its chunk; a row that no chunk can hold, with the reason."""
    if not rows:
        return
    if len(rows) > CHUNK_ROWS:
        yield from _apart(rows, CHUNK_ROWS)
        return
    try:
        columns = from_rows([(row.step, row.time, row.values) for row in rows])
        ragged = columns.raggedness
        data = encode_columns(columns) if ragged <= 1 or len(rows) == 1 else None
    except ChunkError as error:
        if len(rows) == 1:
            yield rows, error
            return
        ragged, data = 4.0, None  # in halves
    if data is None:
        yield from _apart(rows, int(len(rows) / math.sqrt(ragged)))
        return
    yield rows, data


def _apart(
    rows: Sequence[NumberedRow], size: int
) -> Iterator[tuple[Sequence[NumberedRow], bytes | ChunkError]]:
    size = min(max(size, 1), len(rows) - 1)
    for begin in range(0, len(rows), size):
        yield from _encoded(rows[begin : begin + size])


def _points(rows: Sequence[NumberedRow], metric: str | None) -> bytes | None:
    """The objective's values among the rows; None for none."""
    if metric is None:
        return None
    found = ((row.step, metric_value(row.values, metric)) for row in rows)
    return pack_points((step, value) for step, value in found if value is not None) or None
