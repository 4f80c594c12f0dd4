"""What a sweep's charts ask beyond its trials: the axes of its space, and what trials say of it.

Neighbours: controller/analysis.py (does it, elsewhere than on the event loop), sweep_api.py.
"""

from __future__ import annotations

import math
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from controller import record
from controller.analysis import MOST_MORE
from controller.server.services import services
from controller.server.status import metric_json
from controller.server.wire import Fields, json_response, read_query
from sweeps.distributions import (
    Categorical,
    Constant,
    Continuous,
    Distribution,
    IntUniform,
    LogNormal,
    LogUniform,
)
from sweeps.errors import OpensweepError, UsageError
from sweeps.spec import SweepSpec
from sweeps.stopping import make_rule

_OF = ("value", "rank")


async def space(request: Request) -> Response:
    """GET /api/sweeps/{id}/space: how its parameters are drawn, and where trials are judged.

    {"parameters": [{"name", "kind": "number" | "category" | "constant", "log", "whole", "low",
    "high", "values", "when": in words, "" for always}], "metric": {"name", "goal"} | null,
    "rule": {"type", "rungs", "from"} | null}.
    low, high: null where there is no end. rungs: iterations at which trials are compared; from: the
    first iteration at which one may be stopped. Iteration k is a trial's k-th objective value.
    """
    found = services(request)
    sweep = await found.call(found.store.get_sweep, request.path_params["sweep_id"])
    return json_response(space_json(record.spec_of(sweep)))


def space_json(spec: SweepSpec) -> dict[str, Any]:
    return {
        "parameters": [
            {
                "name": parameter.name,
                **_axis(parameter.distribution),
                "when": ", ".join(when.describe() for when in parameter.when),
            }
            for parameter in spec.parameters.parameters
        ],
        "metric": metric_json(spec),
        "rule": _rule(spec),
    }


def _axis(distribution: Distribution) -> dict[str, Any]:
    axis: dict[str, Any] = {"kind": "number", "log": False, "whole": False}
    axis |= {"low": None, "high": None, "values": None}
    if isinstance(distribution, Constant):
        axis |= {"kind": "constant", "values": [distribution.value]}
    elif isinstance(distribution, Categorical):
        axis |= {"kind": "category", "values": list(distribution.values)}
    elif isinstance(distribution, IntUniform):
        axis |= {"whole": True, "low": distribution.low, "high": distribution.high}
    elif isinstance(distribution, Continuous):
        low, high = distribution.support
        axis["log"] = isinstance(distribution, (LogUniform, LogNormal))
        axis["low"] = low if math.isfinite(low) else None
        axis["high"] = high if math.isfinite(high) else None
        axis["whole"] = isinstance(distribution.q, int)
    return axis


def _rule(spec: SweepSpec) -> dict[str, Any] | None:
    if spec.early_terminate is None:
        return None
    try:
        rule = make_rule(spec)
    except OpensweepError:  # it was checked when the sweep was recorded; a chart goes on
        return None
    if rule is None:
        return None
    return {"type": spec.early_terminate.type, "rungs": rule.rungs, "from": rule.first}


async def importance(request: Request) -> Response:
    """GET /api/sweeps/{id}/importance?of=value|rank: functional ANOVA and rank correlations.

    {"trials": of how many, "of", "stale": whether more have ended since: ask again, "needs": how
    many more it takes (0: enough), "problem": what went wrong | null, "explained": share of the
    variance of unseen trials that the model explains | null, "parameters": [{"name", "share",
    "low", "high", "noise", "marginal": {"ordered", "at", "mean", "low", "high"}}], "pairs":
    [{"names", "share", "low", "high"}], "correlations": [{"name", "has_value", "value", "rho",
    "low", "high", "trials"}]}. See sweeps/analysis.
    """
    found = services(request)
    of = Fields(request.query_params).text("of", "value", longest=10)
    if of not in _OF:
        raise UsageError(f"of: expected value or rank, not {of!r}")
    sweep_id = request.path_params["sweep_id"]
    return json_response(await found.analyse(found.analyses.importance, found.store, sweep_id, of))


async def advice(request: Request) -> Response:
    """GET /api/sweeps/{id}/advice?trials=10: the best under noise, where to look next, and what so
    many more trials would bring (0: the best alone).

    {"trials": of how many with a value, "more": the `trials` asked, "stale", "needs", "problem": as
    for importance, "best": [the configurations believed best, at most ten: {"numbers": of the
    trials that tried it, "number": of the one with the best value, "config", "state", "seen": that
    value, "value": where the true one probably is, "low", "high": 95 %, "inner_low", "inner_high":
    68 %, "chance": that none that was tried is better}], "rivals": {"configurations": how many may
    be the best of those tried, "number", "chance": of the likeliest} | null, "luckiest": {"number",
    "seen", "is_best": whether its configuration is believed best, too, "rank", "better": "lower" |
    "higher"},
    "noise": by how much runs of one configuration differ, as a deviation | null: hardly, or nobody
    knows, "noisy": "yes" | "no" | "unknown": these trials do not tell,
    "region": {"yaml": `parameters:` for a sweep file | null: nothing is narrower, "parameters":
    [see sweeps.analysis.region.Part]} | null, "gain": {"trials", "expected": by how much the true
    value of what is believed best gets better, as likely more as less, "low", "high", "inner_low",
    "inner_high", "chance": of a gain worth mention, "share": its mean, of what lies between a good
    trial and the best, "left": configurations that were not tried | null: no end, "verdict":
    "go_on" | "little" | "stop",
    "lately": what the last so many trials brought | null, "each_s", "at_once", "wall_s",
    "accelerator_s": what they would take | null} | null}. See sweeps/analysis/advice.py.
    """
    found = services(request)
    more = read_query(request).whole("trials", 10)
    if more > MOST_MORE:
        raise UsageError(f"trials: at most {MOST_MORE}, not {more}")
    sweep_id = request.path_params["sweep_id"]
    return json_response(await found.analyse(found.analyses.advice, found.store, sweep_id, more))


ROUTES = (
    ("GET", "/api/sweeps/{sweep_id}/space", space),
    ("GET", "/api/sweeps/{sweep_id}/importance", importance),
    ("GET", "/api/sweeps/{sweep_id}/advice", advice),
)
