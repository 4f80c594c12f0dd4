"""What runs logged, as W&B's public API reads it: samples, whole pages, names and their kinds.

A row is a dict with `_step`, `_timestamp` (seconds since 1970) and `_runtime` (seconds since the
run's start) besides what was logged. JSON knows no NaN and no infinity: they go out as "NaN",
"Infinity" and "-Infinity", as W&B's server sends them. Neighbours: fields.py (the other fields of a
run), controller/store/{history,samples}.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from controller.server.wire import spell_out
from controller.store.chunk_records import ChunkKind
from controller.store.records import RunRecord
from controller.wandb_api.context import Info, door
from sweeps.errors import UsageError
from sweeps.protocol.columns import Columns

SAMPLES = 500
"""Rows that a sample has when nobody says how many."""
MOST_SAMPLES = 100_000
_OWN = ("_step", "_timestamp", "_runtime")


def history(
    run: RunRecord,
    info: Info,
    minStep: int | None = None,
    maxStep: int | None = None,
    samples: int | None = None,
) -> list[str]:
    """Run.history: rows as JSON texts; a sample, or with steps a page of all.

    Args:
        minStep, maxStep: from the first, up to but without the second.
        samples: rows at most.
    """
    most = _count(samples)
    if minStep is None and maxStep is None:
        return _texts(_sampled(run, info, None, most, ChunkKind.HISTORY))
    return _texts(_between(run, info, None, minStep, maxStep, most))


def events(run: RunRecord, info: Info, samples: int | None = None) -> list[str]:
    """Run.events: a sample of the machine's metrics."""
    return _texts(_sampled(run, info, None, _count(samples), ChunkKind.SYSTEM))


def sampled_history(run: RunRecord, info: Info, specs: Any) -> list[list[dict[str, Any]]]:
    """Run.sampledHistory: for each spec (a JSON text) the rows that have all of its keys.

    A spec: {"keys": […], "samples": n, "minStep": first, "maxStep": behind the last}; see below.
    """
    given = specs if isinstance(specs, list) else [specs]
    return [_of_spec(run, info, each) for each in given]


def _of_spec(run: RunRecord, info: Info, text: Any) -> list[dict[str, Any]]:
    try:
        spec = json.loads(text) if isinstance(text, str) else text
        keys = spec.get("keys") or []
    except (ValueError, AttributeError):
        raise UsageError(f"specs: {text!r} is no JSON object") from None
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise UsageError(f"specs: keys of {text!r} are no list of names")
    most = _count(spec.get("samples"))
    first, behind = _step(spec, "minStep"), _step(spec, "maxStep")
    if first is not None and behind is not None and most == behind - first + 1:
        behind += 1  # clients since 0.23 ask up to and with maxStep, and for just so many
    if first is None and behind is None:
        rows = _sampled(run, info, keys, most, ChunkKind.HISTORY)
    else:
        rows = _between(run, info, keys, first, behind, most)
    if not keys:
        return list(rows)
    wanted = dict.fromkeys(keys)
    return [{key: row[key] for key in wanted if key in row} for row in rows]


def parquet_history(run: RunRecord, info: Info, liveKeys: Any = None) -> dict[str, Any]:
    """Run.parquetHistory: no files, and from which step on rows are to be asked for page by page.

    The client looks for the lowest step among `liveData` and asks for nothing below it.
    """
    first = door(info).store.rows(run.id, None, limit=1).rows.steps[:1].tolist()
    return {"parquetUrls": [], "liveData": [{"_step": step} for step in first]}


def history_keys(run: RunRecord, info: Info) -> dict[str, Any]:
    """Run.historyKeys: the names that were logged, and what kinds of values they had.

    {"keys": {name: {"typeCounts": [{"type": "number", "count": n}], …}}, "lastStep": n, "sets": []}
    """
    keys = door(info).store.logged_keys(run.id)
    return {
        "sets": [],
        "keys": {
            key: {
                "typeCounts": [{"type": kind, "count": count}],
                "monotonic": False,
                "previousValue": spell_out(run.summary.get(key)),
            }
            for key, (kind, count) in keys.items()
        },
        "lastStep": run.steps - 1 if run.steps else 0,
    }


def system_metrics(run: RunRecord, info: Info) -> dict[str, Any]:
    """Run.systemMetrics: the newest value of each."""
    last = door(info).store.sample(run.id, None, samples=2, kind=ChunkKind.SYSTEM)
    rows = [row for _, _, row in last.rows()]
    return spell_out(rows[-1]) if rows else {}


# -- rows ------------------------------------------------------------------------------------------


def _sampled(
    run: RunRecord, info: Info, keys: Sequence[str] | None, most: int, kind: ChunkKind
) -> Iterable[dict[str, Any]]:
    logged = [key for key in keys or () if key not in _OWN]
    return _rows(run, door(info).store.sample(run.id, logged or None, samples=most, kind=kind))


def _between(
    run: RunRecord,
    info: Info,
    keys: Sequence[str] | None,
    first: float | None,
    behind: float | None,
    most: int,
) -> Iterable[dict[str, Any]]:
    """Rows of these steps that have all of the keys, from the first on."""
    logged = [key for key in keys or () if key not in _OWN]
    place: str | None = None
    while most > 0:
        page = door(info).store.rows(
            run.id,
            logged or None,
            first=None if first is None else int(first),
            last=None if behind is None else int(behind) - 1,
            after=place,
            limit=most,
        )
        for row in _rows(run, page.rows):
            if all(key in row for key in logged):
                yield row
                most -= 1
        place = page.next
        if place is None:
            return


def _rows(run: RunRecord, columns: Columns) -> Iterable[dict[str, Any]]:
    started = run.started or run.created
    for step, time, row in columns.rows():
        own = {"_step": step, "_timestamp": time}
        if "_runtime" not in row:
            own["_runtime"] = max(0.0, time - started)
        yield spell_out({**row, **own})


def _texts(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    return [orjson.dumps(row, option=orjson.OPT_NON_STR_KEYS).decode() for row in rows]


def _step(spec: Mapping[str, Any], name: str) -> float | None:
    step = spec.get(name)
    if step is None:
        return None
    if type(step) not in (int, float) or not -(2**63) <= step < 2**63:
        raise UsageError(f"{name}: expected a step, not {step!r}")
    return float(step) if type(step) is float else int(step)


def _count(samples: Any) -> int:
    if samples is None:
        return SAMPLES
    if type(samples) is not int or samples < 0:
        raise UsageError(f"samples: expected a whole number, not {samples!r}")
    return min(samples, MOST_SAMPLES)


RESOLVERS = {
    "Run.history": history,
    "Run.events": events,
    "Run.sampledHistory": sampled_history,
    "Run.parquetHistory": parquet_history,
    "Run.historyKeys": history_keys,
    "Run.systemMetrics": system_metrics,
}
