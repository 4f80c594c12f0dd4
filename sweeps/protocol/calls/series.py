"""The calls about what runs logged: rows page by page, and series for charts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from sweeps.protocol.wire import Wire, part

if TYPE_CHECKING:
    from sweeps.protocol.series import Series


class SeriesCalls(Wire):
    """What runs logged, read."""

    def history(
        self, run: str, keys: Sequence[str] | None = None, *, kind: str = "history"
    ) -> list[dict[str, Any]]:
        """A run's logged rows by step, each with `_step` and `_timestamp`.

        With `keys`: of each row those only, and no row that has none of them. `kind` "system":
        machine metrics.
        """
        query = {"key": None if keys is None else list(keys), "kind": kind}
        if keys is not None and not keys:
            return []
        answer = self._object("GET", f"/api/runs/{part(run)}/history", query=query)
        return cast("list[dict[str, Any]]", answer["rows"])

    def samples(self, run: str, key: str, count: int) -> list[dict[str, Any]]:
        """About `count` of the rows in which a run logged `key`, evenly spaced, as `history`."""
        query = {"key": key, "samples": count}
        answer = self._object("GET", f"/api/runs/{part(run)}/samples", query=query)
        return cast("list[dict[str, Any]]", answer["rows"])

    def rows(
        self,
        run: str,
        keys: Sequence[str] | None = None,
        *,
        first: int | None = None,
        last: int | None = None,
        after: str | None = None,
        limit: int = 1000,
        kind: str = "history",
    ) -> tuple[list[dict[str, Any]], str | None]:
        """A page of a run's rows, as `history` has them, and where the next page begins.

        Args:
            first, last: only rows of these steps, both included.
            after: what the page before said; None: from the beginning.
            limit: rows at most, up to 10,000. A page may have fewer, with more to come: only None
                for the next page says that there are no more.
        """
        query = {
            "key": None if keys is None else list(keys),
            "from": first,
            "to": last,
            "after": after,
            "limit": limit,
            "kind": kind,
        }
        answer = self._object("GET", f"/api/runs/{part(run)}/rows", query=query)
        return answer["rows"], answer["next"]

    def series(
        self,
        runs: Sequence[str],
        keys: Sequence[str],
        *,
        x: str = "_step",
        low: float = -math.inf,
        high: float = math.inf,
        points: int = 1000,
        kind: str = "history",
        cursors: Mapping[tuple[str, str], str] | None = None,
    ) -> list[Series]:
        """Metrics of runs, thinned to `points` points each with the extremes kept, run by run.

        Args:
            x: `_step`, `_timestamp`, `_runtime` (seconds since the run's first row), or a metric.
            low, high: only points whose x lies between them, both included.
            cursors: by (run, key): those of an earlier answer to the same question; see `Series`.
        """
        from sweeps.protocol.series import unpack_series

        known = cursors or {}
        body = {
            "runs": list(runs),
            "keys": list(keys),
            "x": x,
            "from": None if low == -math.inf else low,
            "to": None if high == math.inf else high,
            "points": points,
            "kind": kind,
            "after": [known.get((run, key), "") for run in runs for key in keys],
        }
        data = self._bytes("POST", "/api/series", body=body)
        try:
            return unpack_series(data)
        except ValueError:
            raise self._foreign(200) from None
