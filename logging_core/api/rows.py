"""A run's history as rows: a sample of it, all of it page by page, and as frames.

A row is a dict of what was logged at a step, with W&B's own keys: `_step`, `_timestamp` (seconds
since 1970) and `_runtime` (seconds since the run's start). pandas and Polars are imported only
when a frame is asked for.
"""

from __future__ import annotations

from typing import Any, Iterator, Sequence

from logging_core import terminal
from logging_core.api.http import Server, segment
from logging_core.errors import UsageError

_OWN = ("_step", "_timestamp", "_runtime")
_PAGE = 10_000  # rows that the server gives at once
FORMATS = ("default", "pandas", "polars")


class Source:
    """Where the rows of a run come from.

    Args:
        started: of the run, seconds since 1970; None: unknown.
    """

    def __init__(self, server: Server, run_id: str, started: float | None) -> None:
        self._server = server
        self._path = "/api/runs/" + segment(run_id)
        self._started = started

    def sampled(
        self, samples: int, keys: Sequence[str] | None, x_axis: str, kind: str
    ) -> list[dict[str, Any]]:
        """At most `samples` rows, evenly spaced; with keys only rows that have all of them."""
        wanted = None if not keys else list(dict.fromkeys([x_axis, *keys]))
        logged = [key for key in wanted or () if key not in _OWN]
        query = {"samples": samples, "kind": kind, "exact": "1", "key": logged or None}
        answer = self._server.json("GET", self._path + "/samples", query)
        rows = map(self._timed, answer["rows"])
        return [row if wanted is None else {key: row[key] for key in wanted} for row in rows]

    def pages(
        self, keys: Sequence[str] | None, page_size: int, first: int | None, last: int | None
    ) -> Iterator[dict[str, Any]]:
        """All rows with steps from `first` to `last`; with keys only those that have all."""
        logged = [key for key in keys or () if key not in _OWN]
        query: dict[str, Any] = {
            "from": first,
            "to": last,
            "limit": min(page_size, _PAGE),
            "exact": "1",
            "key": logged or None,
        }
        while True:
            answer = self._server.json("GET", self._path + "/rows", query)
            for row in map(self._timed, answer["rows"]):
                if keys is None:
                    yield row
                elif all(key in row for key in keys):
                    yield {key: row[key] for key in keys}
            if answer["next"] is None:
                return
            query["after"] = answer["next"]

    def _timed(self, row: dict[str, Any]) -> dict[str, Any]:
        own = {key: row.pop(key) for key in ("_timestamp", "_step")}
        if "_runtime" not in row and self._started is not None:
            row["_runtime"] = max(0.0, own["_timestamp"] - self._started)
        row.update(own)
        return row


class HistoryScan:
    """All rows of a run, fetched page by page while they are gone through; from the beginning
    each time that a loop begins."""

    def __init__(
        self,
        source: Source,
        keys: Sequence[str] | None,
        page_size: int,
        first: int | None,
        last: int | None,
    ) -> None:
        self._asked = (source, keys, page_size, first, last)
        self._rows: Iterator[dict[str, Any]] = iter(())
        self._restart()

    def __iter__(self) -> HistoryScan:
        self._restart()
        return self

    def __next__(self) -> dict[str, Any]:
        return next(self._rows)

    def next(self) -> dict[str, Any]:
        return next(self._rows)

    def _restart(self) -> None:
        source, keys, page_size, first, last = self._asked
        self._rows = source.pages(keys, page_size, first, last)


def check_keys(keys: Any) -> None:
    """Raises UsageError unless `keys` is None or a list of names."""
    if keys is None:
        return
    if not isinstance(keys, (list, tuple)) or not all(isinstance(key, str) for key in keys):
        raise UsageError("keys: expected a list of names, such as ['loss', 'accuracy']")


def framed(rows: list[dict[str, Any]], form: str) -> Any:
    """Rows as they are ("default"), or as a frame of pandas or Polars. Raises UsageError."""
    if form not in FORMATS:
        raise UsageError(f"format: expected one of {', '.join(FORMATS)}; not {form!r}")
    if form == "default":
        return rows
    try:
        if form == "polars":
            import polars

            return polars.from_dicts(rows, infer_schema_length=None, strict=False)
        import pandas

        return pandas.DataFrame.from_records(rows)
    except ImportError:
        raise UsageError(f"{form} is not installed here: pip install {form}") from None


def framed_as_wandb_does(rows: list[dict[str, Any]], pandas: bool) -> Any:
    """A pandas frame where pandas is wanted and installed, else the rows."""
    if not pandas:
        return rows
    try:
        return framed(rows, "pandas")
    except UsageError:
        terminal.warn("pandas is not installed here: history() gives a list of dicts")
        return rows
