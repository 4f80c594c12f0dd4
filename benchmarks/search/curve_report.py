"""The tables of the part on early termination.

    t10     time to a regret of 10 %, geometric mean; one that never comes there counts twice the
            budget (as everywhere here)
    A       what random search without stopping has at the end of the budget on a task: its median
    reach   the share of runs that come there, and to 10 %
    end     regret at the end of the budget, mean and geometric mean (at least 0.001)
    t10 / ours  geometric mean over the runs that both have of the same task and seed

Time is in whole trainings that the workers could have done by then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy

from benchmarks.search.methods import CURVES, OURS, RANDOM
from benchmarks.search.plot import svg
from benchmarks.search.results import Record, Run
from benchmarks.search.statistics import Array, estimate, geometric_mean, mean
from benchmarks.search.tables import markdown, shown
from benchmarks.search.tasks import references, registry

FLOOR = 1e-3
PICTURED = 200  # bootstrap samples of a point


def reached(path: Sequence[Sequence[float]], level: float, budget: float) -> float:
    """When the lowest value first was at most `level`; 2 · budget: never."""
    return next((when for when, value in path if value <= level), 2.0 * budget)


def picture(runs: Mapping[Run, Record], budget: float, workers: int) -> str | None:
    """Geometric mean regret over time, all shared tasks, as SVG; None: nothing is shared."""
    methods = _methods(runs)
    tasks = _shared(methods, runs)
    if not tasks:
        return None
    lines = {}
    for name in methods:
        line = []
        for when in (budget * n / 24 for n in range(1, 25)):
            regrets = []
            for task in tasks:
                reference = references()[f"{task} curves"]
                found = [
                    reference.regret(_by(path, when, reference.median))
                    for path in _paths(name, task, runs).values()
                ]
                regrets.append(numpy.maximum(found, FLOOR))
            line.append((when, estimate(regrets, geometric_mean, PICTURED)))
        lines[CURVES[name].title if name in CURVES else name] = line
    title = f"Regret over {len(tasks)} tasks, {workers} workers (geometric mean, 95 %)"
    return svg(lines, title=title, across="whole trainings", up="regret")


def _by(path: Sequence[Sequence[float]], when: float, before: float) -> float:
    """The lowest value by then; `before` while there is none."""
    return next((value for at, value in reversed(path) if at <= when), before)


def _methods(runs: Mapping[Run, Record]) -> list[str]:
    order = {name: place for place, name in enumerate(CURVES)}
    return sorted(dict.fromkeys(run.method for run in runs), key=lambda name: order.get(name, -1))


def _shared(methods: Sequence[str], runs: Mapping[Run, Record]) -> list[str]:
    """The tasks that every method has a run on."""
    have = {(run.method, run.task) for run in runs}
    return [
        task
        for task in dict.fromkeys(run.task for run in runs)
        if f"{task} curves" in references() and all((name, task) in have for name in methods)
    ]


def tables(runs: Mapping[Run, Record], budget: float) -> str:
    """Over all tasks, and over each family of them."""
    methods = _methods(runs)
    shared = _shared(methods, runs)
    if not shared or RANDOM not in methods:
        return "nothing to compare yet: every method needs a run on a task, random search too\n"
    parts = []
    for family in ["", *dict.fromkeys(_family(task) for task in shared)]:
        tasks = [task for task in shared if family in ("", _family(task))]
        found = {name: figures(name, tasks, runs, budget) for name in methods}
        rows = [_row(name, found[name], found.get(OURS), budget) for name in methods]
        title = f"{family or 'all'}: {len(tasks)} tasks"
        parts.append(f"{title}\n\n" + markdown(_HEAD, rows))
    return "\n".join(parts)


def missed(runs: Mapping[Run, Record], budget: float) -> list[str]:
    """Which of the aims ours is short of, in words; an aim at a method that was not run is left
    out."""
    methods = _methods(runs)
    tasks = _shared(methods, runs)
    if not tasks or not {OURS, RANDOM} <= set(methods):
        return []
    found = {name: figures(name, tasks, runs, budget) for name in methods}
    short = []
    for name, times in AIMS.items():
        if name in found:
            ratio = estimate(_shares(found[name].ten, found[OURS].ten), geometric_mean).value
            if ratio < times:
                short.append(f"t10 is {ratio:.2g} times shorter than {name}'s, aimed at {times:g}")
    for what in ("to_a", "end"):
        means = {
            name: estimate([_raised(each) for each in getattr(found[name], what)], geometric_mean)
            for name in methods
            if CURVES.get(name, CURVES[OURS]).module != "ours" or name == OURS
        }
        first = min(means, key=lambda name: means[name].value)
        if means[first].value < means[OURS].value:
            short.append(f"{first} is ahead of ours in {_WORDS[what]}")
    return short


AIMS = {
    "wandb+hyperband": 2.5,
    "tpe+hyperband": 4.0,
    "random+asha1": 2.5,
    "random+asha2": 2.5,
    "syne-asha": 2.5,
}
"""How many times shorter our t10 is to be, at least."""
_WORDS = {"to_a": "time to A", "end": "regret at the end"}
_HEAD = [
    "method", "runs", "t10", "t10 / ours", "reach 10 %",
    "time to A", "reach A", "end", "end, geometric",
]  # fmt: skip

BySeed = dict[int, float]


@dataclass
class Figures:
    """Of one method, for each task by seed: t10, time to A, and regret at the end."""

    ten: list[BySeed] = field(default_factory=list)
    to_a: list[BySeed] = field(default_factory=list)
    end: list[BySeed] = field(default_factory=list)


def figures(name: str, tasks: Sequence[str], runs: Mapping[Run, Record], budget: float) -> Figures:
    """Of the tasks, in their order."""
    found = Figures()
    for task in tasks:
        reference = references()[f"{task} curves"]
        ten = reference.best + 0.1 * (reference.median - reference.best)
        plain = _paths(RANDOM, task, runs).values()
        a = float(numpy.median([_by(path, budget, reference.median) for path in plain]))
        paths = _paths(name, task, runs)
        ends = {seed: _by(path, budget, reference.median) for seed, path in paths.items()}
        found.ten.append({seed: reached(path, ten, budget) for seed, path in paths.items()})
        found.to_a.append({seed: reached(path, a, budget) for seed, path in paths.items()})
        found.end.append({seed: reference.regret(end) for seed, end in ends.items()})
    return found


def _row(name: str, its: Figures, ours: Figures | None, budget: float) -> list[str]:
    def share(times: Sequence[BySeed]) -> str:
        return f"{numpy.mean([(_array(each) <= budget).mean() for each in times]):.2f}"

    times = "–"
    if ours is not None and name != OURS:
        shares = [each for each in _shares(its.ten, ours.ten) if len(each)]
        times = shown(estimate(shares, geometric_mean), ".2g") if shares else "–"
    title = CURVES[name].title if name in CURVES else name
    return [
        f"**{title}**" if name == OURS else title,
        str(sum(map(len, its.ten))),
        shown(estimate([_array(each) for each in its.ten], geometric_mean), ".3g"),
        times,
        share(its.ten),
        shown(estimate([_array(each) for each in its.to_a], geometric_mean), ".3g"),
        share(its.to_a),
        shown(estimate([_array(each) for each in its.end], mean), ".3f"),
        shown(estimate([_raised(each) for each in its.end], geometric_mean), ".3f"),
    ]


def _array(values: BySeed) -> Array:
    return numpy.array(list(values.values()))


def _raised(values: BySeed) -> Array:
    high: Array = numpy.maximum(_array(values), FLOOR)
    return high


def _shares(theirs: Sequence[BySeed], ours: Sequence[BySeed]) -> list[Array]:
    """Theirs as multiples of ours, task by task, over the seeds that both have."""
    return [
        numpy.array([one[seed] / other[seed] for seed in one if seed in other])
        for one, other in zip(theirs, ours, strict=True)
    ]


def _family(task: str) -> str:
    return task.partition("_")[0] if task in registry.CURVES else ""


def _paths(name: str, task: str, runs: Mapping[Run, Record]) -> dict[int, list[list[float]]]:
    """By seed."""
    return {
        run.seed: record["path"]
        for run, record in runs.items()
        if (run.method, run.task) == (name, task)
    }
