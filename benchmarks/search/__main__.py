"""The command line: `python -m benchmarks search …`; see the package for what it measures."""

from __future__ import annotations

import argparse
import dataclasses
import json
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.search import curve_report, engine, latency, methods, trial_report
from benchmarks.search.environments import ENVIRONMENTS, Absent, python_of
from benchmarks.search.methods import OURS, RANDOM, Method
from benchmarks.search.peers import Setting
from benchmarks.search.pipe import Pipe
from benchmarks.search.results import FILE, Results, Run, revision
from benchmarks.search.tasks import Unavailable, registry

BUDGET = 60
_PATIENCE = 3  # failures of a method before it is left out
_MOST = 1000  # trials of a run on curves: for peers that want a number


def main(argv: Sequence[str] | None = None) -> int:
    given = arguments(argv)
    if given.part == "latency":
        return _latency(given)
    results = Results(given.results)
    code = revision()
    if not given.report:
        absent = measure(given, results, code)
        for name, why in absent.items():
            print(f"not measured: {name}: {why}")
    short = []
    for workers in given.workers:
        newest = None if given.report else code
        runs = results.of(given.part, workers, given.size, newest, older=given.older)
        chosen = {
            run: record
            for run, record in runs.items()
            if run.task in given.tasks
            and run.method.split()[0] in given.methods
            and run.seed < given.seeds
        }
        print(f"\n{workers} workers\n")
        if given.part == "curves":
            print(curve_report.tables(chosen, given.size))
            picture = curve_report.picture(chosen, given.size, workers)
            missed = curve_report.missed(chosen, given.size)
        else:
            families = {run.task: record["family"] for run, record in chosen.items()}
            print(trial_report.tables(chosen, families, given.size))
            picture = trial_report.picture(chosen, given.size, workers)
            missed = trial_report.missed(chosen, families, given.size)
        if picture is not None and given.results is not None:
            path = given.results.with_name(f"{given.results.stem}-{given.part}-{workers}.svg")
            path.write_text(picture, "utf-8")
            print(f"{path}: the same as a picture")
        short += [f"{workers} workers: {each}" for each in missed]
    for each in short:
        print(f"short of what was aimed at: {each}")
    return bool(short)


def _latency(given: argparse.Namespace) -> int:
    found, absent = latency.measure(given.methods, given.environments, limit=given.limit)
    print(latency.table(found, given.methods))
    for name, why in absent.items():
        print(f"not measured: {name}: {why}")
    short = latency.missed(found)
    for each in short:
        print(f"short of what was aimed at: {each}")
    return bool(short)


def measure(given: argparse.Namespace, results: Results, code: str) -> dict[str, str]:
    """Every run that is asked for and not there yet; returns why methods or tasks are missing."""
    until = time.monotonic() + given.hours * 3600
    absent: dict[str, str] = {}
    made: dict[str, Any] = {}
    pipes: dict[str, Pipe] = {}
    failures: Counter[str] = Counter()
    try:
        for run in _wanted(given, code):
            lost = run.task in absent or failures[run.method] >= _PATIENCE
            if run in results.records or lost:
                continue
            if time.monotonic() > until:
                print(f"--hours {given.hours:g} are over; the same command goes on", flush=True)
                break
            method: Method = given.methods[run.method]
            try:
                if run.task not in made:
                    made[run.task] = given.tasks[run.task]()
                if run.method not in pipes:
                    here = given.here and not method.environment
                    python = "" if here else python_of(method.environment, given.environments)
                    pipes[run.method] = Pipe(python, given.limit)
                record = _one(run, method, made[run.task], pipes[run.method])
            except Unavailable as why:
                absent[run.task] = str(why)
                continue
            except Absent as why:
                absent[f"{run.method} on {run.task}"] = str(why)
                print(f"{run.method} on {run.task}: {why}", file=sys.stderr, flush=True)
                failures[run.method] += 1 if pipes.pop(run.method, None) else _PATIENCE
                continue
            results.add(run, record)
            print(
                f"{run.method:24} {run.task:42} seed {run.seed} workers {run.workers}: "
                f"{record['shown']} in {record['wall']:.1f} s",
                file=sys.stderr,
                flush=True,
            )
    finally:
        for pipe in pipes.values():
            pipe.close()
    return absent


def _wanted(given: argparse.Namespace, code: str) -> Iterator[Run]:
    """Seeds first, so that whatever is there when time is over is fair to all."""
    for seed in range(given.seeds):
        for workers in given.workers:
            for name in given.methods:
                ours = code if given.methods[name].module == "ours" else ""
                for task in given.tasks:
                    yield Run(given.part, name, task, seed, workers, given.size, ours)


def _one(run: Run, method: Method, task: Any, pipe: Pipe) -> dict[str, Any]:
    before = time.perf_counter()
    if run.part == "trials":
        setting = Setting(run.seed, run.workers, run.size)
        pipe.start(method.module, method.options, task.space, setting)
        trials = engine.run_trials(task, pipe, seed=run.seed, workers=run.workers, trials=run.size)
        record = dataclasses.asdict(trials)
        record["shown"] = f"{trials.named[-1]:.6g}"
    else:
        setting = Setting(run.seed, run.workers, _MOST, task.epochs)
        pipe.start(method.module, method.options, task.space, setting)
        curves = engine.run_curves(task, pipe, workers=run.workers, budget=run.size)
        record = dataclasses.asdict(curves)
        record["shown"] = f"{curves.path[-1][1]:.6g}, {curves.trials} trials"
    return {"family": task.family, **record, "wall": round(time.perf_counter() - before, 2)}


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks search", description="Search and early termination, compared."
    )
    parts = ("trials", "curves", "latency")
    parser.add_argument("part", nargs="?", default=parts[0], choices=parts)
    parser.add_argument("--tasks", default="all", metavar="A,B", help="names or sets of tasks")
    parser.add_argument("--methods", "--peers", metavar="A,B", help="all, or those named")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--workers", default=None, metavar="1,8")
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--budget", type=int, default=BUDGET, help="whole trainings, for curves")
    parser.add_argument("--hours", type=float, default=1.0, help="no new run after so long")
    parser.add_argument("--limit", type=float, default=600.0, help="seconds for one answer")
    parser.add_argument("--results", type=Path, default=FILE)
    parser.add_argument("--environments", type=Path, default=ENVIRONMENTS)
    parser.add_argument("--here", action="store_true", help="what needs no environment: no process")
    parser.add_argument("--report", action="store_true", help="only the tables of what is there")
    parser.add_argument("--older", action="store_true", help="with ours as it was, by revision")
    parser.add_argument(
        "--variant",
        action="append",
        default=[],
        metavar="NAME={…}",
        help="ours, under a name, with these keys of a sweep file (JSON)",
    )
    given = parser.parse_args(argv)
    curves = given.part == "curves"
    given.size = given.budget if curves else given.trials
    given.workers = [int(n) for n in (given.workers or ("4,8" if curves else "1,8")).split(",")]
    known = methods.CURVES if curves else methods.TRIALS
    for variant in given.variant:
        name, _, file = variant.partition("=")
        known[name] = Method(name, "ours", options={"file": json.loads(file)})
    every = given.methods or ("all" if curves else f"{OURS},{RANDOM}")
    given.methods = _chosen(parser, every, known, {"all": tuple(known)})
    given.tasks = _chosen(
        parser,
        given.tasks,
        registry.CURVES if curves else registry.TRIALS,
        registry.CURVE_SETS if curves else registry.TRIAL_SETS,
    )
    return given


def _chosen(
    parser: argparse.ArgumentParser,
    wanted: str,
    known: Mapping[str, Any],
    sets: Mapping[str, Sequence[str]],
) -> dict[str, Any]:
    names = [name for each in wanted.split(",") for name in sets.get(each, (each,))]
    for name in names:
        if name not in known:
            parser.error(f"{name!r} is none of {', '.join([*sets, *known])}")
    return {name: known[name] for name in names}


if __name__ == "__main__":
    # Ended from outside it still ends the peers' processes.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    raise SystemExit(main())
