"""One analysis in a process of its own: JSON in by stdin, JSON out by stdout.

In: {"spec": a sweep file's mapping}, and of importance {"configs": […], "objectives": […], "of":
"value" or "rank"}, of advice {"trials": [an `advice.Trial` each], "more": how many}. Out: see
`controller/server/analysis_api.py`. It takes whole seconds of a processor, so it is not for a
thread of the server, and it gives way to everything else on the machine.
"""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from sweeps.analysis import columns, correlations, importance, least_trials
from sweeps.answers import no_importance
from sweeps.spec import spec_from_mapping


def analyse(asked: Mapping[str, Any]) -> dict[str, Any]:
    """What is answered; `needs` is the number of trials that are still missing."""
    objectives = np.array(asked["objectives"], dtype=np.float64)
    if asked["of"] == "rank":
        objectives = objectives.argsort(kind="stable").argsort() / max(len(objectives) - 1, 1)
    table = columns(spec_from_mapping(asked["spec"]).parameters, asked["configs"])
    found = {
        **no_importance(),
        "needs": max(least_trials(len(table)) - len(objectives), 0),
        "correlations": [
            {**vars(each), "value": _plain(each.value)} for each in correlations(table, objectives)
        ],
    }
    if found["needs"] or not table or np.ptp(objectives) == 0:
        return found
    result = importance(table, objectives)
    marginals = {each.name: each for each in result.marginals}
    shown = {column.name: column for column in table}
    found["explained"] = result.explained
    found["pairs"] = [vars(pair) for pair in result.pairs]
    for share in result.shares:
        name = share.names[0]
        marginal, column = marginals[name], shown[name]
        found["parameters"].append(
            {
                "name": name,
                "share": share.share,
                "low": share.low,
                "high": share.high,
                "noise": share.noise,
                "marginal": {
                    "ordered": column.ordered,
                    "at": [_plain(value) for value in column.shown],
                    "mean": marginal.mean.tolist(),
                    "low": marginal.low.tolist(),
                    "high": marginal.high.tolist(),
                },
            }
        )
    return found


def _plain(value: Any) -> Any:
    """NaN and infinities are no JSON; a category may be one."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def advised(asked: Mapping[str, Any]) -> dict[str, Any]:
    """What to do next."""
    from sweeps.analysis.advice import Trial, advise  # it takes SciPy, and that takes its time

    trials = [Trial(**{**each, "curve": tuple(each["curve"])}) for each in asked["trials"]]
    return advise(spec_from_mapping(asked["spec"]), trials, asked["more"])


def main() -> None:
    os.nice(10)
    asked = json.load(sys.stdin)
    found = advised(asked) if "more" in asked else analyse(asked)
    json.dump(found, sys.stdout, allow_nan=False)


if __name__ == "__main__":
    main()
