"""Tasks from a folder of development data, which is not part of the project: surrogate networks of
YAHPO Gym (LCBench, XGBoost, rpart, glmnet), learning curves of TaskSet and of small MLPs.

A network gives every config a value; a table of curves is asked for the nearest of its configs.
"""

from __future__ import annotations

import json
import math
import os
import random
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy

from benchmarks.search.space import Config, Parameter, Space, choice, integer, real, sample
from benchmarks.search.tasks import CurveTask, Task, Unavailable
from benchmarks.search.tasks.network import Network

Curve = Callable[[Config], tuple[list[float], float]]
_IMPUTE = choice("impute", "impute.mean impute.median impute.hist")
_LOW, _HIGH = 0.0009118819655545162, 1096.6331584284585  # e^-7, e^7
LCBENCH: Space = (
    integer("batch_size", 16, 512, log=True),
    real("learning_rate", 1e-4, 0.1, log=True),
    real("momentum", 0.1, 0.99),
    real("weight_decay", 1e-5, 0.1),
    integer("num_layers", 1, 5),
    integer("max_units", 64, 1024, log=True),
    real("max_dropout", 0.0, 1.0),
)
RPART: Space = (
    real("cp", _LOW, 1.0, log=True),
    integer("maxdepth", 1, 30),
    integer("minbucket", 1, 100),
    integer("minsplit", 1, 100),
    _IMPUTE,
)
GLMNET: Space = (real("alpha", 0.0, 1.0), real("s", 1e-4, 1e3, log=True))
_TREES = "gbtree dart"
XGBOOST: Space = (
    choice("booster", "gblinear gbtree dart"),
    real("alpha", _LOW, _HIGH, log=True),
    real("lambda", _LOW, _HIGH, log=True),
    integer("nrounds", 7, 2981, log=True),
    _IMPUTE,
    real("subsample", 0.1, 1.0),
    real("colsample_bylevel", 0.01, 1.0, booster=_TREES),
    real("colsample_bytree", 0.01, 1.0, booster=_TREES),
    real("eta", _LOW, 1.0, log=True, booster=_TREES),
    real("gamma", math.exp(-10), math.exp(2), log=True, booster=_TREES),
    integer("max_depth", 1, 15, booster=_TREES),
    real("min_child_weight", math.e, math.exp(5), log=True, booster=_TREES),
    real("rate_drop", 0.0, 1.0, booster="dart"),
    real("skip_drop", 0.0, 1.0, booster="dart"),
)
_TRAINED_ON = {"trainsize": 1.0, "repl": 10.0}
_LCBENCH_EPOCHS = 52
_NUMBERS = {
    "lcbench": "epoch batch_size learning_rate momentum weight_decay num_layers max_units "
    "max_dropout",
    "rbv2_rpart": "cp maxdepth minbucket minsplit trainsize repl",
    "rbv2_xgboost": "nrounds eta gamma lambda alpha subsample max_depth min_child_weight "
    "colsample_bytree colsample_bylevel rate_drop skip_drop trainsize repl",
    "iaml_glmnet": "alpha s trainsize",
}
_CODES = {  # of the network's inputs: our name of it
    "lcbench": {},
    "rbv2_rpart": {"num.impute.selected.cpo": "impute"},
    "rbv2_xgboost": {"booster": "booster", "num.impute.selected.cpo": "impute"},
    "iaml_glmnet": {},
}
_INSTANCE = {"lcbench": "OpenML_task_id"}


def folder() -> Path:
    """Raises Unavailable."""
    given = os.environ.get("OPENSWEEP_HPO_DATA")
    if not given or not Path(given).is_dir():
        raise Unavailable("OPENSWEEP_HPO_DATA names no folder of development data")
    return Path(given)


@cache
def _network(scenario: str) -> tuple[Network, dict[str, dict[str, int]]]:
    encoding = json.loads((folder() / f"yahpo_{scenario}_encoding.json").read_text("utf-8"))
    return Network(folder() / f"yahpo_{scenario}.npz"), encoding


def _outputs(scenario: str, instance: str, rows: list[dict[str, Any]]) -> Any:
    """The network's outputs, a config a row."""
    network, encoding = _network(scenario)
    which = _INSTANCE.get(scenario, "task_id")
    codes = [
        [encoding[which][instance]]
        + [encoding[name].get(row.get(ours, "#na#"), 0) for name, ours in _CODES[scenario].items()]
        for row in rows
    ]
    numbers = [[row.get(name, 0.0) for name in _NUMBERS[scenario].split()] for row in rows]
    return network(numpy.array(codes), numpy.array(numbers))


def lcbench(instance: str) -> Task:
    """Accuracy after the last epoch, negated; in percent."""

    folder()

    def true(config: Config) -> float:
        row = {**config, "epoch": _LCBENCH_EPOCHS}
        return -float(_outputs("lcbench", instance, [row])[0, 1])

    return Task(f"lcbench_{instance}", "surrogates", LCBENCH, true)


def _mlr(scenario: str, instance: str, family: str, space: Space, output: int, sign: float) -> Task:
    folder()

    def true(config: Config) -> float:
        row = {**_TRAINED_ON, **config}
        return sign * float(_outputs(scenario, instance, [row])[0, output])

    return Task(f"{scenario}_{instance}", family, space, true)


def rpart(instance: str) -> Task:
    """Accuracy, negated."""
    return _mlr("rbv2_rpart", instance, "surrogates", RPART, 0, -1.0)


def xgboost(instance: str) -> Task:
    """Accuracy, negated; half of the parameters are only there with some boosters."""
    return _mlr("rbv2_xgboost", instance, "conditional", XGBOOST, 0, -1.0)


def glmnet(instance: str) -> Task:
    """The classification error."""
    return _mlr("iaml_glmnet", instance, "surrogates", GLMNET, 0, 1.0)


def lcbench_curves(instance: str) -> CurveTask:
    """Accuracy after each of 52 epochs, negated; each takes the same time."""
    epochs = range(1, _LCBENCH_EPOCHS + 1)

    def curve(config: Config) -> tuple[list[float], float]:
        outputs = _outputs("lcbench", instance, [{**config, "epoch": e} for e in epochs])
        seconds = max(float(outputs[:, 0].max()), 1e-2)
        return [-float(value) for value in outputs[:, 1]], seconds

    return _with_median(f"lcbench_{instance}", "lcbench", LCBENCH, _LCBENCH_EPOCHS, curve)


def taskset_curves(name: str) -> CurveTask:
    """Validation loss of a text classifier by the 8 parameters of its optimiser, each mapped to
    [0, 1]; what diverges stays at twice the loss of the beginning. Times are made up: the table has
    none."""
    with numpy.load(folder() / f"taskset_{name}.npz") as file:
        raw, values = file["X"].astype(float), file["valid"].astype(float)
        names = [str(key) for key in file["keys"]]
    beginning = float(numpy.nanmedian(values[:, 0]))
    values = numpy.minimum(numpy.where(numpy.isfinite(values), values, numpy.inf), 2 * beginning)
    betas = [key.startswith("beta") for key in names]
    scaled = numpy.log(numpy.where(betas, 1 - raw, raw))
    low, high = scaled.min(0), scaled.max(0)
    points = (scaled - low) / (high - low)
    seconds = numpy.exp(numpy.random.default_rng(5).normal(0.0, 0.3, len(points)))

    def curve(config: Config) -> tuple[list[float], float]:
        at = numpy.array([config[key] for key in names])
        nearest = int(((points - at) ** 2).sum(1).argmin())
        return values[nearest].tolist(), float(seconds[nearest])

    space = tuple(real(key, 0.0, 1.0) for key in names)
    best = float(values.min())
    return _with_median(f"taskset_{name}", "taskset", space, values.shape[1], curve, best)


def mlp_curves(name: str) -> CurveTask:
    """Validation loss of scikit-learn MLPs, mixed and conditional space; nearest of 600 configs,
    by the share of the way along each axis, a choice that differs counting 1."""
    with numpy.load(folder() / f"sklmlp_{name}.npz") as file:
        values, times = file["curve"].astype(float), file["time"].astype(float)
        configs = json.loads(bytes(file["configs"]).decode())
        space = tuple(_parameter(each) for each in json.loads(bytes(file["space"]).decode()))
    points = numpy.array([[_share(p, config) for p in space] for config in configs])
    kinds = numpy.array([p.kind == "choice" for p in space])
    seconds = times[:, -1]  # since its beginning, as each is

    def curve(config: Config) -> tuple[list[float], float]:
        away = numpy.abs(points - [_share(p, config) for p in space])
        away[:, kinds] = away[:, kinds] > 0
        nearest = int((away**2).sum(1).argmin())
        return values[nearest].tolist(), float(seconds[nearest])

    best = float(values.min())
    return _with_median(f"sklmlp_{name}", "sklearn", space, values.shape[1], curve, best)


def _share(p: Parameter, config: Config) -> float:
    """Where a config is on an axis; -1: inactive."""
    value = config.get(p.name)
    if value is None:
        return -1.0
    if p.kind == "choice":
        return float(p.choices.index(value))
    if p.log:
        return math.log(value / p.low) / math.log(p.high / p.low)
    return float((value - p.low) / (p.high - p.low))


def _parameter(given: dict[str, Any]) -> Parameter:
    """From the words of the data folder."""
    when: dict[str, str] = {}
    if given.get("cond"):
        parent, values = given["cond"]
        when[parent] = " ".join(values)
    if given["type"] == "cat":
        return choice(given["name"], " ".join(map(str, given["choices"])), **when)
    make = integer if given["type"] == "int" else real
    return make(given["name"], given["lo"], given["hi"], log=given["log"], **when)


def _with_median(
    name: str, family: str, space: Space, epochs: int, curve: Curve, best: float | None = None
) -> CurveTask:
    rng = random.Random(99)
    seconds = [curve(sample(space, rng))[1] for _ in range(200)]
    return CurveTask(name, family, space, epochs, curve, float(numpy.median(seconds)), best)
