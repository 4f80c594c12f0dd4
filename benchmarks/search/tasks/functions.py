"""Closed forms whose smallest value is known: test functions of the literature, spaces with
conditions made of them, and both with noise.

Sources: Surjanovic and Bingham, Virtual Library of Simulation Experiments
(https://www.sfu.ca/~ssurjano/optimization.html), for all that has a name there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy

from benchmarks.search.space import Config, Space, choice, integer, real
from benchmarks.search.tasks import Task

_HARTMANN_WEIGHTS = numpy.array([1.0, 1.2, 3.0, 3.2])
_HARTMANN_3 = (
    numpy.array([[3, 10, 30], [0.1, 10, 35], [3, 10, 30], [0.1, 10, 35]]),
    numpy.array([[3689, 1170, 2673], [4699, 4387, 7470], [1091, 8732, 5547], [381, 5743, 8828]])
    * 1e-4,
)
_HARTMANN_6 = (
    numpy.array(
        [
            [10, 3, 17, 3.5, 1.7, 8],
            [0.05, 10, 17, 0.1, 8, 14],
            [3, 3.5, 1.7, 10, 17, 8],
            [17, 8, 0.05, 10, 0.1, 14],
        ]
    ),
    numpy.array(
        [
            [1312, 1696, 5569, 124, 8283, 5886],
            [2329, 4135, 8307, 3736, 1004, 9991],
            [2348, 1451, 3522, 2883, 3047, 6650],
            [4047, 8828, 8732, 5743, 1091, 381],
        ]
    )
    * 1e-4,
)


def _branin(x: Sequence[float]) -> float:
    bowl = x[1] - 5.1 / (4 * math.pi**2) * x[0] ** 2 + 5 / math.pi * x[0] - 6
    return bowl**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x[0]) + 10


def _hartmann(scales: numpy.ndarray, places: numpy.ndarray) -> Callable[[Sequence[float]], float]:
    def value(x: Sequence[float]) -> float:
        away = (scales * (numpy.asarray(x) - places) ** 2).sum(1)
        return -float(_HARTMANN_WEIGHTS @ numpy.exp(-away))

    return value


def _levy(x: Sequence[float]) -> float:
    w = 1 + (numpy.asarray(x) - 1) / 4
    head = math.sin(math.pi * w[0]) ** 2
    middle = ((w[:-1] - 1) ** 2 * (1 + 10 * numpy.sin(math.pi * w[:-1] + 1) ** 2)).sum()
    return float(head + middle + (w[-1] - 1) ** 2 * (1 + math.sin(2 * math.pi * w[-1]) ** 2))


def _rosenbrock(x: Sequence[float]) -> float:
    """Its logarithm, ln(1 + f): the valley counts, not the walls."""
    v = numpy.asarray(x)
    steps = 100 * (v[1:] - v[:-1] ** 2) ** 2 + (1 - v[:-1]) ** 2
    return math.log1p(float(steps.sum()))


def _styblinski_tang(x: Sequence[float]) -> float:
    v = numpy.asarray(x)
    return float((v**4 - 16 * v**2 + 5 * v).sum() / 2)


def _griewank(x: Sequence[float]) -> float:
    v = numpy.asarray(x)
    waves = numpy.cos(v / numpy.sqrt(numpy.arange(1, len(v) + 1)))
    return float(1 + (v**2).sum() / 4000 - waves.prod())


def _ackley(x: Sequence[float]) -> float:
    v = numpy.asarray(x)
    bowl = -20 * math.exp(-0.2 * math.sqrt((v**2).mean()))
    return bowl - math.exp(numpy.cos(2 * math.pi * v).mean()) + 20 + math.e


_ACKLEY_MIXED: Space = (
    *(real(f"x{i}", -1.0, 1.0) for i in range(3)),
    integer("n0", 0, 20),
    integer("n1", 0, 20),
    choice("c0", "a b c d"),
    choice("c1", "a b c d"),
)
_LEVELS = {"a": 2, "b": 0, "c": 3, "d": 1}  # a choice has no order


def _ackley_mixed(c: Config) -> float:
    return _ackley(
        [
            c["x0"] - 0.13,
            c["x1"] + 0.31,
            c["x2"] - 0.42,
            (c["n0"] - 7) / 10,
            (c["n1"] - 3) / 10,
            0.4 * _LEVELS[c["c0"]],
            0.4 * _LEVELS[c["c1"]],
        ]
    )


_VALLEY: Space = (
    real("learning_rate", 1e-6, 1.0, log=True),
    real("decay", 1e-7, 1e-1, log=True),
    integer("batch", 8, 1024, log=True),
    real("momentum", 0.0, 0.99),
    real("dropout", 0.0, 0.8),
)


def _valley(c: Config) -> float:
    """As trainings often are: the best rate follows batch and momentum, too high a rate falls off
    a cliff, and two of the five hardly matter."""
    rate: float = math.log10(c["learning_rate"]) - 0.5 * math.log10(c["batch"] / 64)
    rate -= math.log10(1 - c["momentum"])  # of what it comes to
    off = rate + 1.7
    loss = 0.08 * off**2 if off < 0 else 1.2 * off**2
    loss += 0.02 * (math.log10(c["decay"]) + 4) ** 2 + 0.05 * (c["dropout"] - 0.3) ** 2
    return 1 - math.exp(-loss) + 0.002 * math.log2(c["batch"] / 8)


_OPTIMISER: Space = (
    choice("optimizer", "sgd adam rmsprop"),
    real("learning_rate", 1e-5, 1.0, log=True),
    real("momentum", 0.0, 0.99, optimizer="sgd"),
    choice("nesterov", "yes no", optimizer="sgd"),
    real("beta1", 0.5, 0.999, optimizer="adam"),
    real("beta2", 0.9, 0.9999, optimizer="adam"),
    real("rho", 0.5, 0.999, optimizer="rmsprop"),
    real("decay", 1e-6, 1e-1, log=True),
)


def _optimiser(c: Config) -> float:
    """Each optimizer has its own best rate and its own knobs; the best is one of adam's."""
    best_rate = {"sgd": -0.8, "adam": -2.6, "rmsprop": -3.1}[c["optimizer"]]
    floor = {"sgd": 0.05, "adam": 0.0, "rmsprop": 0.1}[c["optimizer"]]
    loss: float = floor + 0.15 * (math.log10(c["learning_rate"]) - best_rate) ** 2
    if c["optimizer"] == "sgd":
        loss += 0.8 * (c["momentum"] - 0.9) ** 2 + 0.03 * (c["nesterov"] == "no")
    elif c["optimizer"] == "adam":
        loss += 0.3 * (math.log10(1 - c["beta1"]) + 1) ** 2
        loss += 0.1 * (math.log10(1 - c["beta2"]) + 3) ** 2
    else:
        loss += 0.2 * (math.log10(1 - c["rho"]) + 1) ** 2
    return loss + 0.03 * (math.log10(c["decay"]) + 4) ** 2


_DEPTH: Space = (
    choice("layers", "one two three four"),
    *(
        real(f"width{i}", 0.0, 1.0, layers=" ".join(("one", "two", "three", "four")[i:]))
        for i in range(4)
    ),
    choice("norm", "none batch layer"),
    real("epsilon", -1.0, 1.0, norm="batch layer"),
    real("dropout", 0.0, 1.0, layers="three four"),
)


def _depth(c: Config) -> float:
    """A width a layer: the deeper, the better, if the widths fit."""
    depth = ("one", "two", "three", "four").index(c["layers"]) + 1
    loss: float = {1: 0.5, 2: 0.25, 3: 0.1, 4: 0.0}[depth]
    wanted = (0.8, 0.6, 0.35, 0.2)
    loss += sum(1.2 * (c[f"width{i}"] - wanted[i]) ** 2 for i in range(depth))
    loss += 0.2 if c["norm"] == "none" else 0.3 * (c["epsilon"] - 0.4) ** 2
    loss += 0.05 * (c["norm"] == "layer")
    return loss + (0.0 if depth < 3 else 0.5 * (c["dropout"] - 0.25) ** 2)


_KERNELS: Space = (
    choice("model", "tree linear kernel"),
    choice("kernel", "rbf poly", model="kernel"),
    real("cost", 1e-3, 1e3, log=True, model="linear kernel"),
    real("gamma", 1e-4, 1e2, log=True, kernel="rbf poly"),
    integer("degree", 2, 6, kernel="poly"),
    integer("depth", 1, 20, model="tree"),
    integer("leaf", 1, 100, log=True, model="tree"),
)


def _kernels(c: Config) -> float:
    """Two levels of conditions; a good tree is nearly as good as the best kernel."""
    if c["model"] == "tree":
        depth: float = c["depth"]
        return 0.06 + 0.004 * (depth - 8) ** 2 + 0.1 * math.log10(c["leaf"] / 5) ** 2
    cost = math.log10(c["cost"])
    if c["model"] == "linear":
        return 0.2 + 0.03 * (cost - 0.5) ** 2
    gamma = math.log10(c["gamma"])
    if c["kernel"] == "rbf":
        ridge = gamma + 0.6 * (cost - 1.0) + 1.2
        return 0.4 * ridge**2 / (1 + ridge**2) + 0.02 * (cost - 1.4) ** 2
    degree: float = c["degree"]
    return 0.1 + 0.05 * (degree - 3) ** 2 + 0.08 * (gamma + 1) ** 2 + 0.02 * (cost - 0.5) ** 2


def _axes(count: int, low: float, high: float) -> Space:
    return tuple(real(f"x{i}", low, high) for i in range(count))


def _plain(name: str, space: Space, value: Callable[[Sequence[float]], float], best: float) -> Task:
    def true(config: Config) -> float:
        return value([config[p.name] for p in space])

    return Task(name, "functions", space, true, best=best)


def _noisy(task: Task, spread: float, *, growing: bool = False) -> Task:
    """The same with normal noise; `growing`: in proportion to the value above the best."""
    best = task.best or 0.0

    def measured(config: Config, rng: numpy.random.Generator) -> float:
        value = task.true(config)
        by = spread * (0.2 + (value - best)) if growing else spread
        return value + by * float(rng.normal())

    return Task(f"{task.name}_noisy", "noisy", task.space, task.true, measured, task.best)


BRANIN = _plain("branin", (real("x0", -5, 10), real("x1", 0, 15)), _branin, 0.39788735772973816)
HARTMANN_6 = _plain("hartmann6", _axes(6, 0.0, 1.0), _hartmann(*_HARTMANN_6), -3.322368011415515)
ACKLEY_MIXED = Task("ackleymix7", "functions", _ACKLEY_MIXED, _ackley_mixed, best=0.0)
VALLEY = Task("valley5", "functions", _VALLEY, _valley, best=0.0)
OPTIMISER = Task("tree_optimizer", "conditional", _OPTIMISER, _optimiser, best=0.0)

TASKS: tuple[Task, ...] = (
    BRANIN,
    _plain("hartmann3", _axes(3, 0.0, 1.0), _hartmann(*_HARTMANN_3), -3.8627797873327696),
    HARTMANN_6,
    _plain("levy8", _axes(8, -10.0, 10.0), _levy, 0.0),
    _plain("rosenbrock4", _axes(4, -2.0, 2.0), _rosenbrock, 0.0),
    _plain("styblinski6", _axes(6, -5.0, 5.0), _styblinski_tang, -39.16616570377142 * 6),
    _plain("griewank3", _axes(3, -40.0, 60.0), _griewank, 0.0),
    ACKLEY_MIXED,
    VALLEY,
    OPTIMISER,
    Task("tree_depth", "conditional", _DEPTH, _depth, best=0.0),
    Task("tree_kernels", "conditional", _KERNELS, _kernels, best=0.0),
    _noisy(BRANIN, 10.0),
    _noisy(HARTMANN_6, 0.25),
    _noisy(ACKLEY_MIXED, 0.3),
    _noisy(VALLEY, 0.05),
    _noisy(OPTIMISER, 0.3, growing=True),
)
