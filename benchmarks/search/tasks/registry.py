"""Every task by name, and the sets that the command line knows. A task is made when asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from benchmarks.search.tasks import CurveTask, Task, functions, surrogates, tables, trained

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
_LEARNT = ("breast_cancer", "diabetes", "wine")

TRIALS: dict[str, Callable[[], Task]] = {
    **{task.name: partial(lambda known: known, task) for task in functions.TASKS},
    **{
        f"{group}_{name}": partial(tables.table, group, name)
        for group, names in tables.TABLES.items()
        for name in names.split()
    },
    **{f"kernel_ridge_{name}": partial(trained.kernel_ridge, name) for name in _LEARNT},
    "decision_tree_breast_cancer": partial(trained.tree, "breast_cancer"),
    **{f"lcbench_{i}": partial(surrogates.lcbench, i) for i in _LCBENCH},
    **{f"rbv2_rpart_{i}": partial(surrogates.rpart, i) for i in ("14", "1468")},
    "iaml_glmnet_1489": partial(surrogates.glmnet, "1489"),
    **{f"rbv2_xgboost_{i}": partial(surrogates.xgboost, i) for i in _XGBOOST},
}
CURVES: dict[str, Callable[[], CurveTask]] = {
    **{f"mlp_{name}": partial(trained.mlp_curves, name) for name in _LEARNT},
    **{f"lcbench_{i}": partial(surrogates.lcbench_curves, i) for i in _LCBENCH},
    **{f"taskset_{i}": partial(surrogates.taskset_curves, i) for i in _TASKSET},
    **{f"sklmlp_{i}": partial(surrogates.mlp_curves, i) for i in ("digits", "breast_cancer")},
}

_GIVEN = ("lcbench", "rbv2", "iaml")  # from the folder of development data
TRIAL_SETS: Mapping[str, tuple[str, ...]] = {
    "all": tuple(TRIALS),
    "public": tuple(name for name in TRIALS if not name.startswith(_GIVEN)),
    "dev": (
        "branin",
        "hartmann6",
        "levy8",
        "ackleymix7",
        "hpolib_protein_structure",
        "hpolib_naval_propulsion",
        "hpobench_vehicle",
        "nasbench201_cifar100",
        "lcbench_189906",
        "rbv2_xgboost_12",
        "rbv2_xgboost_40499",
        "rbv2_rpart_14",
    ),
    "fresh": (
        "hpobench_segment",
        "hpobench_car",
        "hpobench_australian",
        "nasbench201_cifar10",
        "lcbench_167168",
        "lcbench_189873",
        "lcbench_126026",
        "rbv2_xgboost_1501",
        "rbv2_xgboost_16",
    ),
    "quick": ("branin", "tree_optimizer"),
}
CURVE_SETS: Mapping[str, tuple[str, ...]] = {
    "all": tuple(CURVES),
    "public": tuple(name for name in CURVES if name.startswith("mlp")),
    "dev": (
        *(f"lcbench_{i}" for i in _LCBENCH[:4]),
        *(f"taskset_{i}" for i in _TASKSET[:4]),
    ),
}
