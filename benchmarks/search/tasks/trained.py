"""Real trainings on the spot: scikit-learn's models on the data that it carries.

Small on purpose: a whole trial takes milliseconds. All random numbers of a training have a fixed
seed, so a config always has the same value; another version of scikit-learn may give another.
"""

from __future__ import annotations

import math
import random
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any, overload

import numpy

from benchmarks.search.space import Config, Space, choice, integer, real, sample
from benchmarks.search.tasks import CurveTask, Task, Unavailable

Array = numpy.ndarray[Any, Any]
FOLDS = 3
EPOCHS = 27

KERNEL_RIDGE: Space = (
    choice("kernel", "linear rbf laplacian polynomial"),
    real("alpha", 1e-5, 1e2, log=True),
    real("gamma", 1e-4, 1e1, log=True, kernel="rbf laplacian polynomial"),
    integer("degree", 2, 5, kernel="polynomial"),
    real("coef0", 0.0, 4.0, kernel="polynomial"),
)
TREE: Space = (
    choice("criterion", "gini entropy"),
    choice("splitter", "best random"),
    integer("max_depth", 2, 30, log=True),
    integer("min_samples_leaf", 1, 60, log=True),
    real("max_features", 0.05, 1.0),
    real("ccp_alpha", 1e-6, 1e-1, log=True),
)
MLP: Space = (
    choice("solver", "sgd adam"),
    choice("activation", "relu tanh logistic"),
    integer("layers", 1, 3),
    integer("width", 4, 64, log=True),
    real("learning_rate", 1e-4, 0.5, log=True),
    real("alpha", 1e-6, 1.0, log=True),
    integer("batch", 8, 128, log=True),
    real("momentum", 0.0, 0.98, solver="sgd"),
    choice("nesterov", "yes no", solver="sgd"),
    real("beta1", 0.5, 0.99, solver="adam"),
)


@cache
def _data(name: str) -> tuple[Array, Array]:
    """Standardised inputs (n, d); targets: standardised numbers, or classes. Shuffled."""
    try:
        from sklearn import datasets
    except ImportError as why:
        raise Unavailable("scikit-learn is not installed") from why
    inputs, targets = getattr(datasets, f"load_{name}")(return_X_y=True)
    order = numpy.random.default_rng(0).permutation(len(inputs))
    spread = inputs.std(0)
    inputs = (inputs - inputs.mean(0)) / numpy.where(spread > 0, spread, 1.0)
    if name == "diabetes":
        targets = (targets - targets.mean()) / targets.std()
    return inputs[order], targets[order]


def _folds(count: int) -> list[tuple[Array, Array]]:
    """(train, test) row numbers."""
    place = numpy.arange(count)
    return [(place[place % FOLDS != k], place[place % FOLDS == k]) for k in range(FOLDS)]


def kernel_ridge(name: str) -> Task:
    """Mean squared error of kernel ridge regression; of classes, against one-hot targets."""
    inputs, targets = _data(name)
    if targets.dtype.kind == "i":
        targets = numpy.eye(targets.max() + 1)[targets]

    def true(config: Config) -> float:
        from sklearn.kernel_ridge import KernelRidge

        errors = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # singular kernels are meant to be tried
            for train, test in _folds(len(inputs)):
                model = KernelRidge(**config).fit(inputs[train], targets[train])
                errors.append(float(((model.predict(inputs[test]) - targets[test]) ** 2).mean()))
        return min(sum(errors) / len(errors), 10.0)

    return Task(f"kernel_ridge_{name}", "conditional", KERNEL_RIDGE, true)


def tree(name: str) -> Task:
    """The error rate of one decision tree, whose random numbers differ between trials; true is the
    mean of five of them. Noisy."""
    inputs, targets = _data(name)

    def error(config: Config, seed: int) -> float:
        from sklearn.tree import DecisionTreeClassifier

        wrong = 0
        for train, test in _folds(len(inputs)):
            model = DecisionTreeClassifier(**config, random_state=seed)
            model.fit(inputs[train], targets[train])
            wrong += int((model.predict(inputs[test]) != targets[test]).sum())
        return wrong / len(inputs)

    def true(config: Config) -> float:
        return sum(error(config, seed) for seed in range(5)) / 5

    def noisy(config: Config, rng: numpy.random.Generator) -> float:
        return error(config, int(rng.integers(5)))

    return Task(f"decision_tree_{name}", "noisy", TREE, true, noisy)


class _Trained(Sequence[float]):
    """The validation losses of one network, trained no further than was asked for."""

    def __init__(self, losses: Iterator[float]) -> None:
        self._losses = losses
        self._known: list[float] = []

    def __len__(self) -> int:
        return EPOCHS

    @overload
    def __getitem__(self, epoch: int) -> float: ...
    @overload
    def __getitem__(self, epoch: slice) -> Sequence[float]: ...
    def __getitem__(self, epoch: int | slice) -> float | Sequence[float]:
        last = EPOCHS - 1 if isinstance(epoch, slice) else epoch
        while len(self._known) <= last and len(self._known) < EPOCHS:
            self._known.append(next(self._losses))
        return self._known[epoch]


def mlp_curves(name: str) -> CurveTask:
    """Validation loss (log-loss or squared error) of a small network after each epoch. What
    diverges counts twice the loss of knowing nothing. Its time: matrix products, and a constant
    for each batch."""
    inputs, targets = _data(name)
    ((train, test), *_) = _folds(len(inputs))
    classes = numpy.unique(targets) if targets.dtype.kind == "i" else None
    worst = 2.0 * (math.log(len(classes)) if classes is not None else 1.0)

    def losses(config: Config) -> Iterator[float]:
        model = _network(config, classes is not None)
        at = {"classes": classes} if classes is not None else {}
        for _ in range(EPOCHS):
            try:
                with warnings.catch_warnings(), numpy.errstate(all="ignore"):
                    warnings.simplefilter("ignore")
                    model.partial_fit(inputs[train], targets[train], **at)
                    loss = _loss(model, inputs[test], targets[test])
            except ValueError:  # its weights are no numbers any more
                loss = worst
            yield min(loss, worst) if math.isfinite(loss) else worst

    def curve(config: Config) -> tuple[Sequence[float], float]:
        width, layers = config["width"], config["layers"]
        products = inputs.shape[1] * width + (layers - 1) * width**2
        batches = len(train) / config["batch"]
        return _Trained(losses(config)), EPOCHS * (batches * 1e-4 + len(train) * products * 2e-9)

    rng = random.Random(99)
    seconds = [curve(sample(MLP, rng))[1] for _ in range(200)]
    whole = float(numpy.median(seconds))
    return CurveTask(f"mlp_{name}", "trained", MLP, EPOCHS, curve, whole)


def _network(config: Config, classifies: bool) -> Any:
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    make: Callable[..., Any] = MLPClassifier if classifies else MLPRegressor
    return make(
        hidden_layer_sizes=(config["width"],) * config["layers"],
        activation=config["activation"],
        solver=config["solver"],
        learning_rate_init=config["learning_rate"],
        alpha=config["alpha"],
        batch_size=config["batch"],
        momentum=config.get("momentum", 0.9),
        nesterovs_momentum=config.get("nesterov") == "yes",
        beta_1=config.get("beta1", 0.9),
        random_state=0,
    )


def _loss(model: Any, inputs: Array, targets: Array) -> float:
    if not hasattr(model, "predict_proba"):
        return float(((model.predict(inputs) - targets) ** 2).mean())
    chances = model.predict_proba(inputs)[numpy.arange(len(targets)), targets]
    return float(-numpy.log(numpy.maximum(chances, 1e-12)).mean())
