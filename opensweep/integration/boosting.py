"""What the callbacks of XGBoost and LightGBM share: the best value of a metric, importances."""

from __future__ import annotations

from typing import Any, Iterable

import opensweep
from opensweep import Run

_SMALL_IS_GOOD = frozenset(
    [
        *("rmse", "rmsle", "mae", "mape", "mphe", "logloss", "error", "merror", "mlogloss"),
        *("l1", "l2", "huber", "fair", "poisson", "gamma", "binary_logloss", "multi_logloss"),
    ]
)
_LARGE_IS_GOOD = frozenset(["auc", "aucpr", "ndcg", "map", "average_precision"])


def summarise_best(run: Run, name: str, metric: str) -> None:
    """The summary of `name` is the metric's best value, where it is known which is better."""
    kind = metric.lower().split("@")[0]
    if "loss" in kind or kind in _SMALL_IS_GOOD:
        run.define_metric(name, summary="min")
    elif kind in _LARGE_IS_GOOD:
        run.define_metric(name, summary="max")


def importance_chart(importances: Iterable[Iterable[Any]]) -> Any:
    """A bar for each (feature, importance)."""
    rows = [list(pair) for pair in importances]
    table = opensweep.Table(columns=["Feature", "Importance"], data=rows)
    return opensweep.plot.bar(table, "Feature", "Importance", title="Feature Importance")
