"""The tables of the part on early termination.

    t10     time to a regret of 10 %, geometric mean; one that never comes there counts twice the
            budget (as everywhere here)
    A       what random search without stopping has at the end of the budget on a task: its median
    reach   the share of runs that come there, and to 10 %
    end     regret at the end of the budget, mean and geometric mean (at least 0.001)

Time is in whole trainings that the workers could have done by then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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
                    for path in _paths(name, task, runs)
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
        rows = [_row(name, tasks, runs, budget) for name in methods]
        title = f"{family or 'all'}: {len(tasks)} tasks"
        parts.append(f"{title}\n\n" + markdown(_HEAD, rows))
    return "\n".join(parts)


_HEAD = ["method", "runs", "t10", "reach 10 %", "time to A", "reach A", "end", "end, geometric"]


def _family(task: str) -> str:
    return task.partition("_")[0] if task in registry.CURVES else ""


def _row(name: str, tasks: Sequence[str], runs: Mapping[Run, Record], budget: float) -> list[str]:
    tens: list[Array] = []
    to_a: list[Array] = []
    ends: list[Array] = []
    for task in tasks:
        reference = references()[f"{task} curves"]
        ten = reference.best + 0.1 * (reference.median - reference.best)
        a = float(numpy.median([_end(r) for r in _paths(RANDOM, task, runs)]))
        paths = _paths(name, task, runs)
        tens.append(numpy.array([reached(path, ten, budget) for path in paths]))
        to_a.append(numpy.array([reached(path, a, budget) for path in paths]))
        ends.append(numpy.array([reference.regret(_end(path)) for path in paths]))

    def share(times: Sequence[Array]) -> str:
        return f"{numpy.mean([(each <= budget).mean() for each in times]):.2f}"

    title = CURVES[name].title if name in CURVES else name
    return [
        f"**{title}**" if name == OURS else title,
        str(sum(map(len, tens))),
        shown(estimate(tens, geometric_mean), ".3g"),
        share(tens),
        shown(estimate(to_a, geometric_mean), ".3g"),
        share(to_a),
        shown(estimate(ends, mean), ".3f"),
        shown(estimate([numpy.maximum(e, FLOOR) for e in ends], geometric_mean), ".3f"),
    ]


def _paths(name: str, task: str, runs: Mapping[Run, Record]) -> list[list[list[float]]]:
    return [
        record["path"] for run, record in runs.items() if (run.method, run.task) == (name, task)
    ]


def _end(path: Sequence[Sequence[float]]) -> float:
    return path[-1][1]
