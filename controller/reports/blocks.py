"""Panels as people write them: fenced blocks of YAML (or JSON) within a report's markdown.

    ```panel
    kind: curves
    sweep: k3j9x2ab
    best: 10
    metrics: [loss, val/acc]
    ```

Read with suspicion: whatever does not fit is a SpecError that names the field and says what would.
docs/reports.md lists all of it, and a test holds that list against `KINDS`. Pure. Neighbours:
panels.py (what a panel means), static/js/report/ (draws it).
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from sweeps.errors import SpecError
from sweeps.yaml_lines import Loader

TEXT = 200_000
"""Characters of a report; markdown_tree.js has the same."""
_BLOCK = 20_000
MOST_RUNS = 200
"""Runs in one panel."""
MOST_METRICS = 24

_FENCE = re.compile(
    r"^(?P<before>[ \t>]*(?:[-*+][ \t]+|\d+[.)][ \t]+)?)(?P<fence>`{3,}|~{3,})(.*)$"
)


@dataclass(frozen=True)
class Runs:
    """Which runs a panel is about: named, of a sweep, or those of a project that fit a filter.

    Attributes:
        best: of a sweep, so many of the best; 0: all, by number.
        order: as run_filters.py has it.
    """

    ids: tuple[str, ...] = ()
    sweep: str = ""
    best: int = 0
    filters: Mapping[str, Any] | None = None
    order: str = ""
    limit: int = 20


@dataclass(frozen=True)
class Panel:
    """One panel: `options` are the fields of its kind, each there and checked."""

    kind: str
    title: str = ""
    project: str = ""
    height: int = 0
    runs: Runs = field(default_factory=Runs)
    options: Mapping[str, Any] = field(default_factory=dict)


Check = Callable[[str, Any], Any]


def _fail(name: str, expected: str, value: Any) -> SpecError:
    shown = repr(value)
    shown = shown if len(shown) <= 60 else shown[:60] + "…"
    return SpecError(f"expected {expected}; not {shown}", key_path=name)


def _text(name: str, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float) or len(str(value)) > 300:
        raise _fail(name, "text of at most 300 characters", value)
    return str(value)


def _texts(most: int) -> Check:
    def check(name: str, value: Any) -> tuple[str, ...]:
        listed = value if isinstance(value, list) else [value]
        if not 0 < len(listed) <= most:
            raise _fail(name, f"1 to {most} names", value)
        return tuple(dict.fromkeys(_text(name, each) for each in listed))

    return check


def _whole(least: int, most: int) -> Check:
    def check(name: str, value: Any) -> int:
        if type(value) is not int or not least <= value <= most:
            raise _fail(name, f"a whole number from {least} to {most}", value)
        return value

    return check


def _part(name: str, value: Any) -> float:
    if type(value) not in (int, float) or not 0 <= value < 1:
        raise _fail(name, "a number from 0 to below 1", value)
    return float(value)


def _word(*known: str) -> Check:
    def check(name: str, value: Any) -> str:
        if value not in known:
            raise _fail(name, f"one of {', '.join(filter(None, known))}", value)
        return str(value)

    return check


def _axes(name: str, value: Any) -> tuple[str, ...]:
    given = [value] if isinstance(value, str) else value
    if not isinstance(given, list) or any(each not in ("x", "y") for each in given):
        raise _fail(name, "x, y or [x, y]", value)
    return tuple(given)


def _mapping(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _fail(name, 'an object such as {"config.lr": {"$gt": 0.1}}', value)
    return value


_Fields = Mapping[str, tuple[Check, Any]]  # name: how it is checked, and what holds without it
NEEDED = object()

COMMON: _Fields = {
    "title": (_text, ""),
    "project": (_text, ""),
    "height": (_whole(80, 1200), 0),
}
RUNS: _Fields = {
    "runs": (_texts(MOST_RUNS), ()),
    "sweep": (_text, ""),
    "best": (_whole(1, MOST_RUNS), 0),
    "filters": (_mapping, None),
    "order": (_text, ""),
    "limit": (_whole(1, MOST_RUNS), 20),
}
_SWEEP: _Fields = {"sweep": (_text, NEEDED)}

KINDS: Mapping[str, _Fields] = {
    "curves": {
        **RUNS,
        "metrics": (_texts(MOST_METRICS), NEEDED),
        "x": (_text, "_step"),
        "smoothing": (_part, 0.0),
        "log": (_axes, ()),
    },
    "table": {**RUNS, "columns": (_texts(40), ())},
    "compare": RUNS,
    "media": {**RUNS, "key": (_text, NEEDED)},
    "number": {
        **RUNS,
        "value": (_text, ""),
        "show": (_word("count", "min", "max", "mean", "median", "sum"), ""),
    },
    "best": {**_SWEEP, "count": (_whole(1, 100), 10)},
    "objective": _SWEEP,
    "parallel": _SWEEP,
    "importance": _SWEEP,
    "correlation": _SWEEP,
    "slices": _SWEEP,
    "contour": _SWEEP,
}
"""The fields of each kind of panel, beside COMMON."""


def parse_panel(text: str) -> Panel:
    """The panel that a block's text describes. Raises SpecError."""
    given = _read(text)
    kind = given.pop("kind", None)
    if not isinstance(kind, str) or kind not in KINDS:
        raise _fail("kind", f"one of {', '.join(KINDS)}", kind)
    fields = {**COMMON, **KINDS[kind]}
    for name in given:
        if name not in fields:
            raise SpecError(
                f"a panel of kind {kind} has no such field: expected {', '.join(fields)}",
                key_path=str(name),
            )
    values = {name: _value(name, *how, given) for name, how in fields.items()}
    common = {name: values.pop(name) for name in COMMON}
    runs = Runs()
    if "runs" in values:
        chosen = {name: values.pop(name) for name in RUNS}
        runs = _runs(kind, chosen)
    return Panel(kind, runs=runs, options=values, **common)


def _value(name: str, check: Check, usual: Any, given: Mapping[str, Any]) -> Any:
    if given.get(name) is not None:
        return check(name, given[name])
    if usual is NEEDED:
        raise SpecError("missing", key_path=name)
    return usual


def _runs(kind: str, chosen: dict[str, Any]) -> Runs:
    ids = chosen.pop("runs")
    ways = [name for name in ("sweep", "filters") if chosen[name]]
    if ids and ways:
        raise SpecError(f"runs are named already: leave out `{ways[0]}`", key_path="runs")
    if chosen["best"] and not chosen["sweep"]:
        raise SpecError("the best of what? Give `sweep`, too.", key_path="best")
    if chosen["best"] and (chosen["order"] or chosen["filters"]):
        raise SpecError(
            "the best come in their own order, without `order` and `filters`", key_path="best"
        )
    if kind == "number" and not ids and not chosen["best"]:
        chosen["limit"] = 0  # of all that fit
    return Runs(ids=ids, **chosen)


def _read(text: str) -> dict[str, Any]:
    if len(text) > _BLOCK:
        raise SpecError(f"a panel's block has at most {_BLOCK:,} characters")
    try:
        # An alias could stand for a thousand times what is written.
        for event in yaml.parse(text, Loader):
            if isinstance(event, yaml.AliasEvent):
                raise SpecError("YAML aliases (*name) are not read in panels", line=_line(event))
        value = yaml.load(text, Loader)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        problem = getattr(error, "problem", None) or str(error) or "it is nested too deep"
        raise SpecError(f"this is no YAML: {problem}", line=_line(error)) from None
    if not isinstance(value, dict):
        raise SpecError("expected fields, such as `kind: curves`", line=1)
    return value


def _line(where: Any) -> int | None:
    mark = getattr(where, "problem_mark", None) or getattr(where, "start_mark", None)
    return None if mark is None else mark.line + 1


def panel_blocks(text: str) -> list[str]:
    """The texts of the panels in a report, in order, each once."""
    found: dict[str, None] = {}
    lines: list[str] | None = None
    fence, is_panel = "", False
    for line in text.splitlines():
        opened = _FENCE.match(line)
        if lines is None:
            if opened is not None:
                lines, fence = [], opened["fence"]
                is_panel = opened[3].split()[:1] == ["panel"]
                inside = len(opened["before"])
                quoted = ">" in opened["before"]
        elif opened is not None and opened["fence"].startswith(fence) and not opened[3].strip():
            if is_panel:
                found["\n".join(lines)] = None
            lines = None
        else:
            bare = (
                line.lstrip("> ") if quoted else line[min(inside, len(line) - len(line.lstrip())) :]
            )
            lines.append(bare)
    if lines is not None and is_panel:
        found["\n".join(lines)] = None
    return [textwrap.dedent(block).strip() for block in found]


def block_key(text: str) -> str:
    """A block as it is told from others, wherever it stands; block_text.js's `blockKey`."""
    return "\n".join(line for line in map(str.strip, text.split("\n")) if line)
