"""What is compared: names, and what stands behind each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

OURS = "ours"
RANDOM = "random"


@dataclass(frozen=True)
class Method:
    """One entry of the tables.

    Attributes:
        title: how the tables call it.
        module: below `benchmarks.search.peers`; its `make` makes the peer.
        environment: in peers.txt; "": this one.
        options: of `make`.
    """

    title: str
    module: str
    environment: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)


def _ours(title: str, **early: Any) -> Method:
    return Method(title, "ours", options={"file": {"early_terminate": early}})


TRIALS: dict[str, Method] = {
    OURS: Method("ours", "ours"),
    RANDOM: Method("random", "plain"),
    "tpe": Method("Optuna TPE", "with_optuna", "optuna"),
    "wandb": Method("W&B bayes", "with_wandb", "wandb"),
    "smac": Method("SMAC3", "with_smac", "smac"),
    "cqr": Method("Syne Tune CQR", "with_syne", "syne"),
    "gpsampler": Method("Optuna GPSampler", "with_optuna", "torch", {"sampler": "gp"}),
    "ax": Method("Ax", "with_ax", "ax"),
    "hebo": Method("HEBO", "with_hebo", "hebo"),
}
"""For whole trials; the cheap ones first."""

CURVES: dict[str, Method] = {
    OURS: _ours("ours", type="curve", max_iter="${epochs}"),
    "ours+asha": _ours("ours, asha", type="asha", min_iter=2, max_iter="${epochs}"),
    RANDOM: Method("random", "plain"),
    "random+asha1": Method("random + ASHA, grace 1", "plain", options={"grace": 1}),
    "random+asha2": Method("random + ASHA, grace 2", "plain", options={"grace": 2}),
    "tpe": Method("Optuna TPE", "with_optuna", "optuna"),
    "tpe+hyperband": Method(
        "TPE + Optuna Hyperband", "with_optuna", "optuna", {"pruner": "hyperband"}
    ),
    "tpe+median": Method("TPE + Optuna median", "with_optuna", "optuna", {"pruner": "median"}),
    "wandb+hyperband": Method("W&B bayes + hyperband", "with_wandb", "wandb", {"min_iter": 3}),
    "wandb-random+hyperband": Method(
        "W&B random + hyperband", "with_wandb", "wandb", {"method": "random", "min_iter": 3}
    ),
    "syne-asha": Method("Syne Tune ASHA", "with_syne", "syne", {"scheduler": "ASHA"}),
}
"""For trials that may be stopped."""
