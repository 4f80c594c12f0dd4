"""Several objectives, and limits, in words: what the best trial came to in each, which limit is in
the way, and the front. Pure functions of the server's JSON.

Neighbours: trials.py (`sweep best`), report.py (how a sweep stands and ends);
controller/server/outcomes.py weighs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from opensweep import _text
from sweeps.objective import metric_value


def weighed(status: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[str]:
    """What the best came to in the other metrics of its sweep, and the front, as lines.

    Args:
        status: the sweep's.
        found: what the server answers to "the best": {"trial", "keeps_limits", "front"}.
    """
    trial = found["trial"]
    measures = status.get("metrics") or []
    for each in measures:
        value = metric_value(trial["summary"], each["name"])
        yield f"{each['name']}: {_text.number(value)} (its last; {_wanted(each)})"
    if found.get("keeps_limits") is False:
        yield "no trial keeps the limits: it is the best of all"
        yield from in_the_way(status)
    front = found.get("front") or ()
    if not front:
        return
    metric = (status.get("metric") or {}).get("name", "objective")
    others = [each["name"] for each in measures if each["goal"]]
    rows = [
        [
            str(member["id"]),
            _text.number(member["objective"]),
            *(_text.number(metric_value(member["summary"], name)) for name in others),
            _text.config_line(member["config"]),
        ]
        for member in front
    ]
    yield ""
    yield f"{_text.plural(len(front), 'trial')} that no other one beats in every objective:"
    table = _text.table(
        ["TRIAL", metric, *others, "CONFIG"], rows, right={metric, *others}, states=set()
    )
    yield from table.splitlines()


def in_the_way(status: Mapping[str, Any]) -> Iterator[str]:
    """`memory_gb at most 20: broken by all 25 trials; the nearest has 23.1`, of each limit that no
    trial keeps; where each is kept by some, of each that any trial breaks."""
    limits = [each for each in status.get("metrics") or () if each.get("broken")]
    for each in [each for each in limits if each["broken"] == each["of"]] or limits:
        bounds = ", ".join(_bounds(each))
        if each["broken"] < each["of"]:
            yield f"{each['name']} {bounds}: broken by {each['broken']} of {each['of']} trials"
        elif each["nearest"] is None:
            yield f"{each['name']} {bounds}: no trial logged it"
        else:
            nearest = _text.number(each["nearest"])
            yield f"{each['name']} {bounds}: broken by every trial; the nearest has {nearest}"


def _wanted(measure: Mapping[str, Any]) -> str:
    """`minimize, at most 50`."""
    return ", ".join([*([measure["goal"]] if measure["goal"] else []), *_bounds(measure)])


def _bounds(measure: Mapping[str, Any]) -> list[str]:
    return [
        f"{key.replace('_', ' ')} {_text.number(measure[key])}"
        for key in ("at_least", "at_most")
        if measure[key] is not None
    ]
