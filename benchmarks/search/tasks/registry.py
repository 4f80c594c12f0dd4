"""Every task by name, and the sets that the command line knows. A task is made when asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from benchmarks.search.tasks import CurveTask, Task, surrogates

_TASKSET = (
    "imdb_patch128_LSTM128_avg_bs64",
    "imdb_patch32_GRU128_bs128",
    "imdb_patch32_IRNN64_relu_avg_bs128",
    "imdb_patch32_VRNN64_tanh_avg_bs128",
    "imdb_patch32_LSTM128_bs128",
    "imdb_patch32_VRNN128_tanh_bs128",
)
_LCBENCH = ("189906", "167168", "126026", "168330", "189873")
_XGBOOST = ("12", "40499", "1501", "16")

TRIALS: dict[str, Callable[[], Task]] = {
    **{f"lcbench_{i}": partial(surrogates.lcbench, i) for i in _LCBENCH},
    **{f"rbv2_rpart_{i}": partial(surrogates.rpart, i) for i in ("14", "40499")},
    **{f"iaml_glmnet_{i}": partial(surrogates.glmnet, i) for i in ("1489",)},
    **{f"rbv2_xgboost_{i}": partial(surrogates.xgboost, i) for i in _XGBOOST},
}
CURVES: dict[str, Callable[[], CurveTask]] = {
    **{f"lcbench_{i}": partial(surrogates.lcbench_curves, i) for i in _LCBENCH},
    **{f"taskset_{i}": partial(surrogates.taskset_curves, i) for i in _TASKSET},
    **{f"sklmlp_{i}": partial(surrogates.mlp_curves, i) for i in ("digits", "breast_cancer")},
}
CURVE_SETS: Mapping[str, tuple[str, ...]] = {
    "dev": (
        *(f"lcbench_{i}" for i in _LCBENCH[:4]),
        *(f"taskset_{i}" for i in _TASKSET[:4]),
    ),
    "all": tuple(CURVES),
}
