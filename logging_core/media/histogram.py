"""Histogram: how many values fall between which edges."""

from __future__ import annotations

from typing import Any, Sequence

from logging_core.errors import UsageError
from logging_core.media.base import Value
from logging_core.media.place import Place
from logging_core.media.tensors import histogram


class Histogram(Value):
    """A histogram of numbers. The values themselves are not kept.

    Args:
        sequence: numbers: any sequence, array or tensor. What is not finite is left out.
        np_histogram: counts and edges, as numpy.histogram gives them, instead of `sequence`.
        num_bins: of `sequence`, between its smallest and largest value; at most 512.

    Attributes:
        histogram: the counts. bins: the edges, one more.

    Raises UsageError.
    """

    MAX_LENGTH = 512
    histogram: list[float]
    bins: list[float]
    _log_type = "histogram"

    def __init__(
        self,
        sequence: Any = None,
        np_histogram: Sequence[Any] | None = None,
        num_bins: int = 64,
    ) -> None:
        if np_histogram is not None:
            if len(np_histogram) != 2:
                raise UsageError("Histogram(np_histogram=…) takes a pair: counts and bin edges")
            self.histogram, self.bins = map(_list, np_histogram)
        elif sequence is None:
            raise UsageError("Histogram() takes a sequence of numbers, or np_histogram=…")
        else:
            if not 1 <= num_bins <= self.MAX_LENGTH:
                raise UsageError(f"num_bins is {num_bins}: a histogram has 1 to {self.MAX_LENGTH}")
            try:
                found = histogram(sequence, num_bins)
            except (TypeError, ValueError) as error:
                raise UsageError(f"Histogram() takes a sequence of numbers: {error}") from None
            self.histogram, self.bins = list(found.counts), found.edges
        counts, edges = self.histogram, self.bins
        if len(counts) > self.MAX_LENGTH:
            raise UsageError(f"a histogram has at most {self.MAX_LENGTH} bins, not {len(counts)}")
        if len(counts) + 1 != len(edges):
            raise UsageError(
                f"a histogram has one edge more than counts, not {len(edges)} and {len(counts)}"
            )

    def _opensweep_log_(self, place: Place) -> dict[str, Any]:  # noqa: ARG002
        return {"_type": self._log_type, "values": self.histogram, "bins": self.bins}


def _list(values: Any) -> list[float]:
    tolist = getattr(values, "tolist", None)
    return list(tolist() if callable(tolist) else values)
