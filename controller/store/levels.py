"""Levels of detail: which points of a long series a chart needs. Pure.

A stream's rows are cut into bins of a power of two, counted from its first row. Of each bin are
kept: the first lowest and the first highest finite value, and the first NaN, the first infinity
and the first negative infinity, so that odd values neither vanish nor hide the others; of the
whole, the first and the last point too. What is kept are points as they were logged, never means.

Bins nest, and so thinning can be done in steps: thin(thin(p, 64), 2048) is thin(p, 2048), and the
same is true of pieces that are thinned apart and then put together, wherever they were cut. That
is why a chart shows the same whether history is packed yet or not, and why what was drawn of a run
stays as it is while the run goes on. Neighbours: `packing.py` (stores both levels), `series.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sweeps.protocol.chunks import decode, encode_columns
from sweeps.protocol.columns import Column, Columns

FINE = 64
"""Rows in a bin of the finer stored level."""
COARSE = 2048
"""Rows in a bin of the coarser one."""

_WIDEST = 1 << 40  # rows; no stream is longer


@dataclass(frozen=True)
class Points:
    """Points of one metric in one stream; arrays of shape (n,).

    Attributes:
        rows: int64, rising: the number of the point's row within the stream.
        x: float64: where it is drawn.
        y: float64: its value.
    """

    rows: NDArray[np.int64]
    x: NDArray[np.float64]
    y: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.rows)

    def pick(self, which: NDArray[np.bool_]) -> Points:
        """Those that `which` marks."""
        return self if which.all() else Points(self.rows[which], self.x[which], self.y[which])

    @property
    def nbytes(self) -> int:
        return self.rows.nbytes + self.x.nbytes + self.y.nbytes


def join(parts: Sequence[Points]) -> Points:
    """The points of consecutive stretches of one stream."""
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return Points(np.empty(0, np.int64), np.empty(0), np.empty(0))
    return Points(
        np.concatenate([part.rows for part in parts]),
        np.concatenate([part.x for part in parts]),
        np.concatenate([part.y for part in parts]),
    )


def kept(rows: NDArray[np.int64], values: NDArray[np.float64], size: int) -> NDArray[np.bool_]:
    """Marks what is kept of points at `rows` (rising) in bins of `size` rows; shape as given."""
    count = len(rows)
    if size <= 1 or count <= 2:
        return np.ones(count, np.bool_)
    bins = rows // size
    begins = np.concatenate([[True], bins[1:] != bins[:-1]])
    starts = np.flatnonzero(begins)
    number = np.cumsum(begins) - 1
    keep = np.zeros(count, np.bool_)
    keep[[0, -1]] = True
    finite = np.isfinite(values)
    whole = bool(finite.all())
    for ufunc, neutral in ((np.minimum, np.inf), (np.maximum, -np.inf)):
        usable = values if whole else np.where(finite, values, neutral)
        extreme = ufunc.reduceat(usable, starts)
        _mark_first(keep, number, finite & (values == extreme[number]))
    if not whole:
        for odd in (np.isnan(values), values == np.inf, values == -np.inf):
            _mark_first(keep, number, odd)
    return keep


def _mark_first(
    keep: NDArray[np.bool_], number: NDArray[np.int64], candidates: NDArray[np.bool_]
) -> None:
    """Marks the first candidate of each bin; `number` is each point's bin."""
    where = np.flatnonzero(candidates)
    if len(where):
        bins = number[where]
        keep[where[np.concatenate([[True], bins[1:] != bins[:-1]])]] = True


def bin_size(count: int, most: int) -> int:
    """Rows in a bin, so that a dense series of `count` points comes to at most `most`.

    1 when they are not too many as they are.
    """
    if count <= most:
        return 1
    size = 2
    while 2 * count > size * most and size < _WIDEST:
        size *= 2
    return size


def thin(pieces: Sequence[Points], most: int, size: int) -> tuple[int, list[Points]]:
    """The pieces of a series, thinned to at most `most` points: the bins' size, and what is left.

    Bins begin at `size` rows and double until the points fit. What cannot be made smaller may be
    more: a piece keeps its first and last point, its extremes, and one of each odd value.
    """
    while True:
        pieces = [piece.pick(kept(piece.rows, piece.y, size)) for piece in pieces]
        if sum(map(len, pieces)) <= most or size >= _WIDEST:
            return size, list(pieces)
        size = max(2, size * 2)


@dataclass(frozen=True)
class Level:
    """A thinned stretch, as it is stored: arrays of shape (n,).

    Attributes:
        rows: int64: as in `Points`.
        steps, times: int64 and float64: where each could be drawn.
        values: float64.
    """

    rows: NDArray[np.int64]
    steps: NDArray[np.int64]
    times: NDArray[np.float64]
    values: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def nbytes(self) -> int:
        return self.rows.nbytes + self.steps.nbytes + self.times.nbytes + self.values.nbytes

    def pick(self, which: NDArray[np.bool_]) -> Level:
        """Those that `which` marks."""
        if which.all():
            return self
        return Level(self.rows[which], self.steps[which], self.times[which], self.values[which])

    def thinned(self, size: int) -> Level:
        """What bins of `size` rows keep of it."""
        return self.pick(kept(self.rows, self.values, size))


def pack_level(level: Level) -> bytes:
    """A level as bytes."""
    columns = {"row": Column(level.rows), "value": Column(level.values)}
    return encode_columns(Columns(level.steps, level.times, columns))


def unpack_level(data: bytes) -> Level:
    """What `pack_level` packed. Raises ChunkError."""
    columns = decode(data)
    rows, values = columns.columns["row"].values, columns.columns["value"].values
    return Level(np.asarray(rows), columns.steps, columns.times, np.asarray(values))
