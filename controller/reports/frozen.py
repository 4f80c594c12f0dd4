"""What a saved report will ask, asked now: the answers that go into its file (static/js/source.js).

The questions are put to the same routes that a browser asks, in the name of whoever saves the
report. Curves are thinned to what a chart shows, and files of media are taken along up to a bound;
what is left out says so in its place. Neighbours: page.py (writes the file), panels.py.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import numpy as np

from controller.reports.blocks import block_key, panel_blocks
from sweeps.protocol.series import pack_series, unpack_series

_PANELS = 200  # in a file; those beyond say that they are not in it
_POINTS = 400  # of a curve
_MOST_POINTS = 500_000  # in a file
_FILE, _FILES = 4 << 20, 24 << 20  # bytes of media: in one file, in all
_PICTURE = re.compile(r"!\[[^\]]*\]\(\s*<?(/api/[^\s<>)]+)")
_SHOWN = ("image/", "video/", "audio/")


class Answer(NamedTuple):
    """Of one of our routes."""

    status: int
    media_type: str
    body: bytes


Ask = Callable[[str, str, Any], Awaitable[Answer]]
"""(method, path with its query, body): the answer."""


@dataclass
class Frozen:
    """What source.js finds; see there."""

    answers: dict[str, str] = field(default_factory=dict)
    series: list[dict[str, str]] = field(default_factory=list)
    assets: dict[str, str] = field(default_factory=dict)


async def freeze(ask: Ask, project: str, text: str) -> Frozen:
    """The answers to all that the panels of `text` will ask."""
    found = Frozen()
    freezer = _Freezer(ask, found)
    for path in dict.fromkeys(_PICTURE.findall(text)):
        await freezer.add_asset(path)
    for block in panel_blocks(text)[:_PANELS]:
        await freezer.add_panel(project, block)
    await freezer.add_series()
    return found


def question(method: str, path: str, body: Any = None) -> str:
    """As source.js names it."""
    parts = urlsplit(path)
    pairs = sorted(parse_qsl(parts.query, keep_blank_values=True), key=lambda pair: pair[0])
    # URLSearchParams differs from Python in these two.
    query = f"?{urlencode(pairs)}".replace("%2A", "*").replace("~", "%7E") if pairs else ""
    said = "" if body is None else " " + _json(body)
    return f"{method} {parts.path}{query}{said}"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _packed(data: bytes) -> str:
    return base64.b64encode(gzip.compress(data, 6, mtime=0)).decode()


class _Freezer:
    def __init__(self, ask: Ask, found: Frozen) -> None:
        self._ask = ask
        self._found = found
        self._wanted: dict[str, dict[str, dict[str, None]]] = {}  # by x: key: runs
        self._left = _FILES

    async def add_panel(self, project: str, block: str) -> None:
        answer = await self._ask("POST", "/api/panels", {"project": project, "text": block})
        name = question("POST", "/api/panels", {"project": project, "text": block_key(block)})
        self._found.answers[name] = _packed(answer.body)
        told = json.loads(answer.body)
        if query := told.get("series"):
            for key in query["keys"]:
                runs = self._wanted.setdefault(query["x"], {}).setdefault(key, {})
                runs.update(dict.fromkeys(query["runs"]))
        for item in told.get("items", ()):
            for path in _paths(item["value"]):
                where = f"/api/runs/{quote(item['run'], safe='')}/file"
                await self.add_asset(f"{where}?{urlencode({'path': path})}")
        if "sweep" in told:
            for path in _of_sweep(told["panel"]["kind"], told["sweep"]["id"]):
                await self.add_answer(path)

    async def add_answer(self, path: str) -> None:
        name = question("GET", path)
        if name not in self._found.answers:
            answer = await self._ask("GET", path, None)
            if answer.status == 200:
                self._found.answers[name] = _packed(answer.body)

    async def add_asset(self, path: str) -> None:
        name = question("GET", path)
        if name in self._found.assets:
            return
        answer = await self._ask("GET", path, None)
        size = len(answer.body)
        if answer.status != 200 or size > min(_FILE, self._left):
            return
        if not answer.media_type.startswith(_SHOWN):
            return
        self._left -= size
        media_type = answer.media_type.partition(";")[0]
        data = base64.b64encode(answer.body).decode()
        self._found.assets[name] = f"data:{media_type};base64,{data}"

    async def add_series(self) -> None:
        count = sum(len(runs) for keys in self._wanted.values() for runs in keys.values())
        points = max(min(_POINTS, _MOST_POINTS // max(count, 1)), 2)
        for x, keys in self._wanted.items():
            for key, runs in keys.items():
                query = {"runs": list(runs), "keys": [key], "x": x, "points": points}
                if not runs:
                    continue
                answer = await self._ask("POST", "/api/series", query)
                if answer.status == 200:
                    self._found.series.append({"x": x, "data": _packed(_smaller(answer.body))})


def _smaller(data: bytes) -> bytes:
    """The same series with values of 24 bits, which pack to half: nobody sees more in a chart."""
    thinned = [
        type(each)(
            each.run, each.key, each.x, each.y.astype(np.float32).astype(np.float64), each.bin
        )
        for each in unpack_series(data)
    ]
    return pack_series(thinned)


def _paths(value: Mapping[str, Any]) -> Iterable[str]:
    """Of the files that a logged value consists of."""
    names = value.get("filenames")
    if isinstance(names, list):
        return [str(name) for name in names]
    path = value.get("path")
    return [path] if isinstance(path, str) else []


def _of_sweep(kind: str, sweep_id: str) -> list[str]:
    """What a chart of a sweep asks by itself (report/sweep_view.js)."""
    if kind == "best":
        return []
    base = f"/api/sweeps/{quote(sweep_id, safe='')}"
    asked = [f"{base}/columns?metrics=%5B%5D", f"{base}/space"]
    if kind in ("importance", "correlation", "slices", "contour"):
        asked += [f"{base}/importance?of=value", f"{base}/importance?of=rank"]
    return asked
