"""Read what a record file came to, quickly: rows of one shape that follow each other, at once.

A run that goes on wants the last step and the summary of what came before, not a million rows.
Without NumPy: in a stretch of rows of one layout every frame begins with the same bytes, which
strided slices compare at the speed of memory; then the last row is enough, or the columns of those
metrics whose every value counts. Neighbours: records.py (one by one), agent/columnar.py (whole
columns, with NumPy), earlier.py (who asks).
"""

from __future__ import annotations

import os
import struct

from logging_core import frames
from logging_core.frames import FrameSource, History, MetricDefined, Record
from logging_core.hints import Any, NamedTuple
from logging_core.records import Reader
from logging_core.summary import SummaryFold

_PIECE = 1 << 22
_LEAST = 32  # rows; fewer are not worth a look
_SAME = 13  # bytes: length, kind and layout


class Stretch(NamedTuple):
    """Rows of one shape: what they add to a summary, and the last of them."""

    last: History
    columns: dict[str, list[Any]]  # of the metrics whose every value counts


class Skimmer(Reader):
    """A Reader that gives a Stretch for many rows; apart from those, the same records.

    Args:
        fold: has what was defined before this file: of which metrics every value counts.
        upto: no row beyond this step is part of a Stretch; None: all are.
    """

    def __init__(
        self, path: str | os.PathLike[str], fold: SummaryFold, upto: int | None = None
    ) -> None:
        super().__init__(path)
        self._defined = SummaryFold()  # ahead of `fold`, which takes the records in later
        self._defined.definitions.update(fold.definitions)
        self._upto = upto
        self._look_at = 0  # there was no stretch before this position

    def _ahead(
        self, source: FrameSource, position: int, limit: int | None
    ) -> tuple[Any, int, int] | None:
        del limit  # a stretch is as good as one row
        if position < self._look_at:
            return None
        frame = source.frame(position)
        if frame is None or frame[4] != frames.ROW:
            return None
        length, head = len(frame), bytes(frame[:_SAME])
        self._look_at = position + _LEAST * length
        if os.pread(source.fd, _SAME, self._look_at - length) != head:
            return None
        data = os.pread(source.fd, max(_PIECE, _LEAST * length), position)
        count = len(data) // length
        for at in range(_SAME):
            column = data[at : count * length : length]
            count = len(column) - len(column.lstrip(head[at : at + 1]))
        count = self._bounded(data, length, count)
        if count < _LEAST:
            return None
        decoded = None
        end = position + count * length
        last = FrameSource(source.fd, self.path).frame(end - length)  # whole, and not damaged
        if last is not None:
            decoded = self._decode(source, last)
        if decoded is None or not isinstance(decoded[1], History):
            return None
        return Stretch(decoded[1], self._columns(data[: count * length], frame)), count, end

    def _decode(self, source: FrameSource, frame: memoryview) -> tuple[int, Record | None] | None:
        decoded = super()._decode(source, frame)
        if decoded is not None and isinstance(decoded[1], MetricDefined):
            self._defined.define(decoded[1])
        return decoded

    def _bounded(self, data: bytes, length: int, count: int) -> int:
        """How many of the first `count` rows have steps that are wanted; steps only rise."""
        if self._upto is None or count == 0:
            return count
        low, high = 0, count
        while low < high:
            middle = (low + high) // 2
            at = middle * length + _SAME
            if int.from_bytes(data[at : at + 8], "little", signed=True) <= self._upto:
                low = middle + 1
            else:
                high = middle
        return low

    def _columns(self, data: bytes, frame: memoryview) -> dict[str, list[Any]]:
        keys, packer = self._layouts[int.from_bytes(frame[5:_SAME], "little")]
        wanted = [(at, name) for at, name in enumerate(keys, 5) if self._defined.wants_all(name)]
        if not wanted:
            return {}
        rows = list(struct.Struct(packer.format + "I").iter_unpack(data))
        return {name: [row[at] for row in rows] for at, name in wanted}
