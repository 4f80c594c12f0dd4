"""Sweeps on a virtual clock, the same for every method: N workers, each asking when it is free.

A method's own time is measured and reported, but takes none of the clock's. Nothing here looks at
a real clock, or depends on which method is asked: trial k of (task, seed) takes as long, and is as
noisy, whoever suggested it. Neighbours: `pipe` (the methods), the tasks, `sweeps.simulate` (the
project's own, with retries and restarts).
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy

from benchmarks.search.pipe import Pipe
from benchmarks.search.space import Config
from benchmarks.search.tasks import CurveTask, Task

SPREAD = 0.5
"""Of the logarithm of a trial's duration."""
ASKED = 5
"""After so many trials each a method is asked which one it names."""


@dataclass
class Trials:
    """What came of a run over whole trials.

    Attributes:
        observed: after each trial, the true value of the one with the lowest measured value.
        named: after each trial, the true value of the one that the method names as best; a method
            that does not just name the lowest is asked after every fifth.
        seconds: the method's own processor time for each trial, asked and told.
    """

    observed: list[float] = field(default_factory=list)
    named: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


def run_trials(task: Task, pipe: Pipe, *, seed: int, workers: int, trials: int) -> Trials:
    """Runs `trials` of them, `workers` at a time; the peer has been started."""
    clock = numpy.random.default_rng((seed, 77))
    lasts = numpy.exp(clock.normal(0.0, SPREAD, trials))
    configs: dict[int, Config] = {}
    due: list[tuple[float, int]] = []
    found = Trials(seconds=[0.0] * trials)
    truth = cache(lambda number: task.true(configs[number]))
    now, lowest, best = 0.0, float("inf"), 0
    named: int | None = None
    while len(found.observed) < trials:
        while len(due) < workers and len(configs) < trials:
            number = len(configs) + 1
            configs[number], seconds = pipe.ask(number)
            found.seconds[number - 1] += seconds
            heapq.heappush(due, (now + float(lasts[number - 1]), number))
        now, number = heapq.heappop(due)
        value = task.measure(configs[number], numpy.random.default_rng((seed, 99, number)))
        found.seconds[number - 1] += pipe.tell(number, value)
        if value < lowest:
            lowest, best = value, number
        if len(found.observed) % ASKED == ASKED - 1 or len(found.observed) == trials - 1:
            named = pipe.best()
        found.observed.append(truth(best))
        found.named.append(truth(named or best))
    return found


@dataclass
class Curves:
    """What came of a run over trials that may be stopped.

    Attributes:
        path: (when, the lowest value so far), each time it fell; in whole trainings that the
            workers could have done by then, the median of random configs being one.
        trials, stopped, epochs: how many there were.
        seconds: the method's own, in all.
    """

    path: list[tuple[float, float]] = field(default_factory=list)
    trials: int = 0
    stopped: int = 0
    epochs: int = 0
    seconds: float = 0.0


def run_curves(task: CurveTask, pipe: Pipe, *, workers: int, budget: float) -> Curves:
    """Runs for the time of `budget` whole trainings; the peer has been started."""
    found = Curves()
    curves: dict[int, tuple[Sequence[float], float]] = {}
    due: list[tuple[float, int, int]] = []
    lowest, now = float("inf"), 0.0
    while now <= budget:
        while len(due) < workers:
            found.trials = number = found.trials + 1
            config, seconds = pipe.ask(number)
            found.seconds += seconds
            values, whole = task.curve(config)
            epoch_takes = whole / task.whole / len(values) * workers
            curves[number] = (values, epoch_takes)
            heapq.heappush(due, (now + epoch_takes, number, 1))
        now, number, epoch = heapq.heappop(due)
        if now > budget:
            break
        values, epoch_takes = curves[number]
        value = float(values[epoch - 1])
        found.epochs += 1
        if value < lowest:
            lowest = value
            found.path.append((round(now, 4), value))
        stop, seconds = pipe.report(number, epoch, value)
        found.seconds += seconds
        if epoch < len(values) and not stop:
            heapq.heappush(due, (now + epoch_takes, number, epoch + 1))
        else:
            stopped = stop and epoch < len(values)
            found.stopped += stopped
            found.seconds += pipe.tell(number, value, stopped=stopped, took=epoch * epoch_takes)
            del curves[number]
    return found
