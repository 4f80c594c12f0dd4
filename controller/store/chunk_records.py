"""What a run recorded, as the store takes and gives it: chunks, and where their streams stand.

As `records.py`: frozen plain values. What is in a chunk is `sweeps.protocol.chunks`' to know.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class ChunkKind(StrEnum):
    """What a chunk of a run holds.

    history: rows logged by the script (`sweeps.protocol.chunks`). console: bytes of stdout and
    stderr. system: rows of machine metrics, encoded as history is.
    """

    HISTORY = "history"
    CONSOLE = "console"
    SYSTEM = "system"


@dataclass(frozen=True)
class Chunk:
    """A piece of what a run recorded, as one writer shipped it.

    Attributes:
        run_id: its run.
        writer: the attempt's token.
        kind: what it holds (a plain "history", "console" or "system" does as well).
        seq: 0, 1, 2, … within (run, kind, writer, lane), in this order: one that is not above the
            newest that was kept is a repeat, and not stored.
        first, last: history and system: the first and the last step in it. console: the offset of
            its first byte in the writer's log, and of the byte after its last.
        rows: rows in it; console: lines.
        data: the bytes, opaque to the store but for history (`sweeps.protocol.chunks.encode`).
        objective: the objective's points among the rows (`chunks.pack_points`); None for none.
        lane: which of several processes of the attempt recorded it; "" for the only one.
    """

    run_id: str
    writer: int
    kind: ChunkKind
    seq: int
    first: int
    last: int
    rows: int
    data: bytes
    objective: bytes | None = None
    lane: str = ""


class StreamPlace(NamedTuple):
    """How far a stream has come: all chunks of one (run, kind, writer, lane).

    Attributes:
        seq: the newest chunk's; -1: there is none.
        first, last: the lowest and the highest of its chunks' `first` and `last`.
        steps: `RunRecord.steps` of its run.
    """

    seq: int = -1
    first: int = 0
    last: int = 0
    steps: int = 0


@dataclass(frozen=True)
class NextChunk(Chunk):
    """A chunk that was made knowing what came before: it is kept only right behind that.

    For who counts lines instead of chunks: `seq` may be the number of its last line, and any
    repeat or overlap shows in where the stream stands.

    Attributes:
        after: `StreamPlace.seq` of its stream.
        steps: the run's, where the rows' own steps were given out on it; None: does not matter.
    """

    after: int = -1
    steps: int | None = None


@dataclass(frozen=True)
class Heard:
    """A run was heard of.

    Attributes:
        run_id, writer: as in `Chunk`.
        summary: takes the place of what it had, as JSON text; None: that stays.
    """

    run_id: str
    writer: int
    summary: str | None = None


@dataclass(frozen=True)
class ObjectivePoints:
    """Objective values as one chunk brought them.

    Attributes:
        feed: 1, 2, 3, … within the sweep, in the order of the commits, no gaps.
        trial_id, number: the trial.
        token: the attempt that logged them; a higher one than before means that the trial was
            started again (from its first step here on, if it resumed).
        points: (step, value), in the order logged; values may be NaN or infinite.
    """

    feed: int
    trial_id: str
    number: int
    token: int
    points: list[tuple[int, float]]
