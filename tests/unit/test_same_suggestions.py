"""The same seed and events, the same suggestions: with every NumPy, SciPy, BLAS and processor.

Sums differ in their last digits; search/gp/order.py says what is done so that nothing hangs on
these. Here what is suggested is held against a file that any NumPy line must reproduce (of whole
trials), and against a process whose BLAS uses the instructions of an old processor. After a change
of the algorithm the file is made anew; with a number of trials, what two environments print can be
compared, early termination too:

    PYTHONPATH=. python tests/unit/test_same_suggestions.py tests/data/suggestions.json
    PYTHONPATH=. python tests/unit/test_same_suggestions.py here.json 60
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from sweeps.simulate import simulate
from sweeps.spec import spec_from_mapping

GOLDEN = Path(__file__).parents[1] / "data" / "suggestions.json"
PARAMETERS: dict[str, Any] = {
    "lr": {"distribution": "log_uniform_values", "min": 1e-5, "max": 1.0},
    "dropout": {"min": 0.0, "max": 0.9},
    "layers": {"min": 1, "max": 6},
    "batch": {"values": [16, 32, 64, 128]},
    "opt": {"values": ["sgd", "adam", "rmsprop"]},
    "momentum": {"min": 0.0, "max": 0.99, "when": {"opt": "sgd"}},
}
KINDS: dict[str, dict[str, Any]] = {
    "one at a time": {"slots": 1, "iterations": 1},
    "eight at a time": {"slots": 8, "iterations": 1},
    "stopped early": {"slots": 4, "iterations": 9},
}
WHOLE = ("one at a time", "eight at a time")


def loss(config: Mapping[str, Any], iteration: int) -> float | None:
    """Falls towards what the config is worth; with a rate too high there is none."""
    rate = math.log10(config["lr"]) + 2.2 + 0.2 * config["layers"]
    if rate > 2.5:
        return None
    end: float = 0.1 + 0.1 * rate**2 + 0.3 * (config["dropout"] - 0.25) ** 2
    end += (
        0.01 * math.log2(config["batch"])
        + {"sgd": 0.0, "adam": 0.05, "rmsprop": 0.1}[config["opt"]]
    )
    return end + 0.2 * (config.get("momentum", 0.9) - 0.9) ** 2 + 0.8 * math.exp(-0.4 * iteration)


def suggestions(kind: str, trials: int) -> list[dict[str, Any]]:
    given = KINDS[kind]
    sweep = {
        "method": "bayes",
        "metric": {"name": "loss", "goal": "minimize"},
        "run_cap": trials,
        "parameters": PARAMETERS,
    }
    if given["iterations"] > 1:
        sweep["early_terminate"] = {"type": "curve", "max_iter": given["iterations"]}
    return [t.config for t in simulate(spec_from_mapping(sweep), loss, seed=4, **given).trials]


def alike(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    return a.keys() == b.keys() and all(
        math.isclose(a[name], b[name], rel_tol=1e-6) if isinstance(a[name], float)
        else a[name] == b[name]
        for name in a
    )  # fmt: skip


@pytest.mark.parametrize("kind", WHOLE)
def test_every_environment_suggests_what_is_on_file(kind: str) -> None:
    wanted = json.loads(GOLDEN.read_text("utf-8"))[kind]
    found = suggestions(kind, len(wanted))
    for number, (one, other) in enumerate(zip(found, wanted, strict=True), 1):
        assert alike(one, other), f"trial {number}"


def test_an_old_processor_suggests_the_same(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    old = {"OPENBLAS_CORETYPE": "Nehalem", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(root)}
    found = tmp_path / "found.json"
    subprocess.run([sys.executable, __file__, str(found), "14"], env=os.environ | old, check=True)
    for kind, configs in json.loads(found.read_text("utf-8")).items():
        assert configs == suggestions(kind, 14)


if __name__ == "__main__":
    kinds, count = (KINDS, int(sys.argv[2])) if len(sys.argv) > 2 else (WHOLE, 24)
    lines = {kind: suggestions(kind, count) for kind in kinds}
    Path(sys.argv[1]).write_text(json.dumps(lines, indent=1) + "\n", "utf-8")
