"""What the runs of a workspace have to show: the names they logged, and how these are to be drawn.

Neighbours: controller/store/logged_keys.py (finds the names), series_api.py (gives the values).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from controller.server.services import Services, services
from controller.server.wire import Fields, json_response, read_json
from controller.store.chunk_records import ChunkKind
from controller.store.logged_keys import Key, RunWords
from sweeps.errors import UsageError

MOST_RUNS = 1000
"""Runs in a request."""
_MOST_KEYS = 100_000
_LONGEST_KEY = 10_000
_SPECIFICATION = ("panelDefId", "fieldSettings", "stringSettings")


async def logged(request: Request) -> Response:
    """POST /api/logged {runs, kind}: {"keys", "total", "metrics", "charts"}, of all runs together.

    `keys`: [{"name", "kind", "type", "runs"}], by name: what is logged, as which kind (number,
    string, bool, list, map, nil), for a map as which type ("histogram", …), by how many of them.
    `metrics`: what define_metric said, by metric or glob. `charts`: custom charts by key:
    {"spec", "fields", "texts", "table"}.

    With {key}: {"runs"}, those of the runs that logged it, in the order in which they were named.
    """
    body = await read_json(request)
    runs = list(dict.fromkeys(body.texts("runs")))
    if len(runs) > MOST_RUNS:
        raise UsageError(f"runs: at most {MOST_RUNS:,}, not {len(runs):,}")
    found, kind = services(request), _kind(body)
    key = body.optional_text("key", longest=_LONGEST_KEY)
    if key is not None:
        return await found.call(_having, found, runs, kind, key)
    return await found.call(_logged, found, runs, kind)


def _kind(body: Fields) -> ChunkKind:
    kind = body.text("kind", ChunkKind.HISTORY.value, longest=20)
    if kind not in (ChunkKind.HISTORY, ChunkKind.SYSTEM):
        raise UsageError(f"kind: expected history or system, not {kind!r}")
    return ChunkKind(kind)


def _having(found: Services, runs: list[str], kind: ChunkKind, key: str) -> Response:
    by_run = found.store.keys_of_runs(runs, kind)
    return json_response({"runs": [run for run in runs if key in by_run[run]]})


def _logged(found: Services, runs: list[str], kind: ChunkKind) -> Response:
    by_run = found.store.keys_of_runs(runs, kind)
    first: dict[str, Key] = {}
    count: Counter[str] = Counter()
    for keys in by_run.values():
        count.update(keys.keys())
        for name, key in keys.items():
            first.setdefault(name, key)
    listed = [
        {"name": name, "kind": key.kind, "type": key.type, "runs": count[name]}
        for name, key in sorted(first.items())
    ]
    words = found.store.words_of_runs(runs) if kind is ChunkKind.HISTORY else {}
    return json_response(
        {
            "keys": listed[:_MOST_KEYS],
            "total": len(listed),
            "metrics": _metrics(words.values()),
            "charts": _charts(words.values()),
        }
    )


def _metrics(words: Iterable[RunWords]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for each in words:
        for name, said in each.metrics.items():
            if isinstance(said, dict):
                found.setdefault(
                    name, {"step_metric": said.get("step_metric"), "hidden": said.get("hidden")}
                )
    return found


def _charts(words: Iterable[RunWords]) -> dict[str, Any]:
    """Of all runs; what a later run says of a key that an earlier one has does not count."""
    found: dict[str, Any] = {}
    for each in words:
        own = each.config.get("_wandb")
        if not isinstance(own, dict):
            continue
        for key, said in _mapping(own.get("visualize")).items():
            found.setdefault(key, _chart(_mapping(said)))
        for key, said in _mapping(own.get("viz")).items():
            spec = _mapping(said).get("id")
            chart = {"spec": str(spec), "fields": {}, "texts": {}, "table": key}
            found.setdefault(key, chart)
    return found


def _chart(said: Mapping[str, Any]) -> dict[str, Any]:
    panel = _mapping(said.get("panel_config"))
    spec, fields, texts = (panel.get(name) for name in _SPECIFICATION)
    return {
        "spec": str(spec or ""),
        "fields": _mapping(fields),
        "texts": _mapping(texts),
        "table": _table(panel),
    }


def _table(panel: Mapping[str, Any]) -> str | None:
    """The key of the table: deep in a query that W&B's own pages would run."""
    queries = _mapping(panel.get("userQuery")).get("queryFields")
    for query in queries if isinstance(queries, list) else ():
        fields = _mapping(query).get("fields")
        for each in fields if isinstance(fields, list) else ():
            arguments = _mapping(each).get("args")
            for one in arguments if isinstance(arguments, list) else ():
                if _mapping(one).get("name") == "tableKey":
                    return str(_mapping(one).get("value"))
    return None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


ROUTES = (("POST", "/api/logged", logged),)
