"""How long a suggestion takes, side by side: `python -m benchmarks search latency`.

Eight parameters, mixed. Each method is told of so many random trials, and of as many pending ones
as asked for; then all take turns, one suggestion each, so that whatever else the machine does hits
all alike. A figure is the median over the turns, in milliseconds of processor time on one core, of
what a method does for one trial, asked and told; the first turn (in which models are fitted from
nothing) is left out. The ratio is the median over turns of theirs to ours in the same turn.
"""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.search.environments import Absent, python_of
from benchmarks.search.methods import OURS, Method
from benchmarks.search.peers import Setting
from benchmarks.search.pipe import Pipe
from benchmarks.search.space import Config, Space, choice, integer, real, sample
from benchmarks.search.tables import markdown

SPACE: Space = (
    real("learning_rate", 1e-5, 1e-1, log=True),
    real("decay", 1e-6, 1e-1, log=True),
    real("momentum", 0.0, 0.99),
    real("dropout", 0.0, 0.8),
    real("smoothing", 0.0, 0.3),
    integer("layers", 1, 8),
    integer("batch", 8, 512, log=True),
    choice("activation", "relu tanh gelu"),
)
CASES = ((50, 0), (100, 0), (500, 0), (1000, 0), (100, 64), (1000, 64))
"""(trials that are over, pending ones)"""
AIMS = {50: 50.0, 100: 60.0, 500: 150.0, 1000: 300.0}
"""Milliseconds of ours, at most; pending trials or not."""
AIM_RATIO = 5.0
"""GPSampler's time to ours, at least."""

Turns = dict[str, list[float]]
"""method -> milliseconds, turn by turn."""


def value(c: Config) -> float:
    """Something to learn from; smaller is better."""
    loss: float = (
        0.2 * (math.log10(c["learning_rate"]) + 3) ** 2 + 0.05 * (math.log10(c["decay"]) + 4) ** 2
    )
    loss += (c["momentum"] - 0.9) ** 2 + (c["dropout"] - 0.2) ** 2 + c["smoothing"] ** 2
    loss += 0.02 * (c["layers"] - 4) ** 2 + 0.1 * math.log2(c["batch"] / 64) ** 2
    return loss + (0.3 if c["activation"] == "tanh" else 0.0)


def measure(
    chosen: Mapping[str, Method],
    environments: Path,
    *,
    cases: Sequence[tuple[int, int]] = CASES,
    turns: int = 5,
    limit: float = 600.0,
) -> tuple[dict[tuple[int, int], Turns], dict[str, str]]:
    """Case -> what each method took; and why a method is missing."""
    found: dict[tuple[int, int], Turns] = {}
    absent: dict[str, str] = {}
    for over, pending in cases:
        pipes: dict[str, Pipe] = {}
        taken: Turns = {}
        try:
            for name, method in chosen.items():
                try:
                    pipes[name] = Pipe(python_of(method.environment, environments), limit)
                    _prepare(pipes[name], method, over, pending, turns)
                except Absent as why:
                    absent[f"{name} at {over}, {pending} pending"] = str(why)
                    failed = pipes.pop(name, None)
                    if failed is not None:
                        failed.close()
            for turn in range(turns + 1):
                for name in list(pipes):
                    try:
                        seconds = _turn(pipes[name], over + pending + 1 + turn)
                    except Absent as why:
                        absent[f"{name} at {over}, {pending} pending"] = str(why)
                        del pipes[name]
                        continue
                    if turn:
                        taken.setdefault(name, []).append(1e3 * seconds)
        finally:
            for pipe in pipes.values():
                pipe.close()
        found[over, pending] = taken
    return found, absent


def _prepare(pipe: Pipe, method: Method, over: int, pending: int, turns: int) -> None:
    rng = random.Random(over)
    setting = Setting(0, pending + 1, over + pending + turns + 1)
    pipe.start(method.module, method.options, SPACE, setting)
    for number in range(1, over + pending + 1):
        config = sample(SPACE, rng)
        pipe.learn(number, config, value(config) if number <= over else None)


def _turn(pipe: Pipe, number: int) -> float:
    config, seconds = pipe.ask(number)
    return seconds + pipe.tell(number, value(config))


def table(found: Mapping[tuple[int, int], Turns], chosen: Mapping[str, Method]) -> str:
    """Milliseconds a method and case; in brackets how many times ours."""
    head = ["ms for one trial", *(_case(*case) for case in found)]
    rows = []
    for name, method in chosen.items():
        cells = [f"**{method.title}**" if name == OURS else method.title]
        for taken in found.values():
            cells.append(_cell(taken.get(name), taken.get(OURS) if name != OURS else None))
        rows.append(cells)
    return markdown(head, rows)


def _case(over: int, pending: int) -> str:
    return f"{over:,}" + (f", {pending} pending" if pending else "")


def _cell(taken: Sequence[float] | None, ours: Sequence[float] | None) -> str:
    if not taken:
        return "–"
    shown = f"{statistics.median(taken):,.0f}"
    if not ours or len(ours) != len(taken):
        return shown
    return f"{shown} ({ratio(taken, ours):.1f}x)"


def ratio(theirs: Sequence[float], ours: Sequence[float]) -> float:
    """The median over turns."""
    return statistics.median(a / b for a, b in zip(theirs, ours, strict=True))


def missed(found: Mapping[tuple[int, int], Turns]) -> list[str]:
    """What is short of the aims, in words."""
    short = []
    for (over, pending), taken in found.items():
        if OURS not in taken:
            continue
        case, ours = _case(over, pending), statistics.median(taken[OURS])
        if ours > AIMS.get(over, math.inf):
            short.append(f"{case}: {ours:.0f} ms, aimed at {AIMS[over]:.0f}")
        if "gpsampler" in taken and ratio(taken["gpsampler"], taken[OURS]) < AIM_RATIO:
            short.append(f"{case}: GPSampler takes less than {AIM_RATIO:g} times as long")
    return short
