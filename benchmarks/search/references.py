"""What regret is measured by: `python -m benchmarks.search.references [TASK …]`.

For each task that is named (or all that have none) the best value that is known and the median of
2,000 random configs go into tasks/references.json. The best: as the task states it, or the lowest
of 20,000 random configs and of a hill climb from each of the best 20; `--results FILE` lowers it to
what any method has found since.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import statistics
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.search.results import Results
from benchmarks.search.space import Config, Parameter, Space, at, is_active, sample
from benchmarks.search.tasks import Unavailable, registry

FILE = Path(__file__).with_name("tasks") / "references.json"


def moved(space: Space, config: Config, rng: random.Random, step: float) -> Config:
    """A neighbour: about two parameters changed, a number by about `step` of its axis."""
    rate = min(1.0, 2.0 / len(space))
    found: Config = {}
    for p in space:
        if not is_active(p, found):
            continue
        if p.name in config and rng.random() >= rate:
            found[p.name] = config[p.name]
        elif p.name in config and p.kind != "choice":
            found[p.name] = _near(p, config[p.name], rng, step)
        else:
            found[p.name] = at(p, rng.random())
    return found


def _near(p: Parameter, value: float, rng: random.Random, step: float) -> float:
    if p.kind == "integer" and rng.random() < 0.5:
        return int(min(max(value + rng.choice((-1, 1)), p.low), p.high))
    if p.log:
        share = math.log(value / p.low) / math.log(p.high / p.low)
    else:
        share = (value - p.low) / (p.high - p.low)
    near: float = at(p, min(max(share + rng.gauss(0.0, step), 0.0), 1.0 - 1e-12))
    return near


def search(
    space: Space, objective: Callable[[Config], float], draws: int, climbs: int, moves: int
) -> tuple[float, float]:
    """(the lowest value found, the median of the first 2,000 random draws)."""
    rng = random.Random(2024)
    scored = []
    for _ in range(draws):
        config = sample(space, rng)
        scored.append((objective(config), config))
    median = statistics.median(value for value, _ in scored[:2000])
    scored.sort(key=lambda pair: pair[0])
    best = scored[0][0]
    for value, config in scored[:climbs]:
        for move in range(moves):
            near = moved(space, config, rng, 0.2 * 0.01 ** (move / moves))
            there = objective(near)
            if there <= value:
                value, config = there, near
        best = min(best, value)
    return best, median


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("tasks", nargs="*", help="instead of all that have no reference yet")
    parser.add_argument("--results", type=Path, metavar="FILE", help="of the benchmark")
    parser.add_argument("--draws", type=int, default=20_000)
    parser.add_argument("--climbs", type=int, default=20)
    parser.add_argument("--moves", type=int, default=600)
    given = parser.parse_args()
    known: dict[str, list[float]] = json.loads(FILE.read_text("utf-8")) if FILE.exists() else {}
    every = {name: _trial(make) for name, make in registry.TRIALS.items()}
    every |= {f"{name} curves": _curve(make) for name, make in registry.CURVES.items()}
    if given.results:
        _lower(known, Results(given.results), {n for n, make in every.items() if _is_open(make)})
    for name in given.tasks or ([] if given.results else [n for n in every if n not in known]):
        try:
            space, objective, best = every[name]()
        except Unavailable as why:
            print(f"{name}: {why}", file=sys.stderr)
            continue
        effort = (2000, 0, 0) if best is not None else (given.draws, given.climbs, given.moves)
        found, median = search(space, objective, *effort)
        if not math.isfinite(found + median):
            print(f"{name}: has no values", file=sys.stderr)  # some surrogates are blanked
            continue
        lowest = [found if best is None else best]
        if name in known:
            lowest.append(known[name][0])
        known[name] = [min(lowest), median]
        print(f"{name}: best {min(lowest):.8g}, median {median:.8g}", flush=True)
        _write(known)
    _write(known)
    return 0


def _lower(known: dict[str, list[float]], results: Results, open_ones: set[str]) -> None:
    """To the lowest true value that any run came to, where the task does not state the best."""
    for run, record in results.records.items():
        name = run.task if run.part == "trials" else f"{run.task} curves"
        if name in open_ones & set(known):
            values = record["observed"] if run.part == "trials" else [v for _, v in record["path"]]
            if min(values, default=math.inf) < known[name][0]:
                known[name][0] = min(values)
                print(f"{name}: {run.method} found {min(values):.8g}")


def _is_open(make: Callable[[], Made]) -> bool:
    try:
        return make()[2] is None
    except Unavailable:
        return False


Made = tuple[Space, Callable[[Config], float], float | None]


def _trial(make: Callable[[], object]) -> Callable[[], Made]:
    def made() -> Made:
        task = make()
        return task.space, task.true, task.best  # type: ignore[attr-defined]

    return made


def _curve(make: Callable[[], object]) -> Callable[[], Made]:
    def made() -> Made:
        task = make()
        return task.space, lambda config: min(task.curve(config)[0]), task.best  # type: ignore[attr-defined]

    return made


def _write(known: dict[str, list[float]]) -> None:
    lines = (f"  {json.dumps(name)}: {json.dumps(known[name])}" for name in sorted(known))
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main())
