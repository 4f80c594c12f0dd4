"""What a training loop pays for logging, side by side with other tools, in one run.

    python -m benchmarks.logging                    this logger and JSON lines (a minute)
    python -m benchmarks.logging --peers            and the tools of benchmarks/peers.txt (an hour)
    python -m benchmarks.logging --peers wandb aim  and these

Every figure is the median over fresh processes. The tools are installed into environments of their
own, which are kept in `--environments` (by default in the user's cache) and never touch this one;
one that cannot be installed or run is listed with the reason. Columns:

    import s, init s    until the first log() can be called
    1 us, 100 us        log() of 1 and of 100 metrics as the loop sees it: median / 99th percentile
    1/s, 100/s          metrics a second at 1 and at 100 a call, until finish() has returned
    finish s            of the run with 1 metric a call
    1 B, 100 B          bytes a value on disk (packed: as the agent leaves them in the run folder)
    kept                rows found after kill -9, of 2,000 that were logged 1 ms apart
    busy 1              slowdown of a busy loop that logs 1 metric in every step of 0.85 ms
    busy 100            extra time a step, 100 metrics in every step (how: one_tracker.busy)
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from agent import compact
from agent.streams import Progress
from benchmarks import one_tracker
from benchmarks.trackers import HERE, PEERS
from logging_core.folder import RunFolder

OURS = "opensweep"
CHILD = Path(one_tracker.__file__)
ENVIRONMENTS = Path("~/.cache/opensweep-benchmark").expanduser()
CALLS = {1: 30_000, 100: 3_000}
LONG = {1: 1_000_000, 100: 50_000}
KILLED_AFTER = 2000
STEP_S = 0.85e-3
TIMEOUT_S = 180.0
GRACE_S = 3.0

AIMS = {
    "import_s": -0.030,
    "init_s_1": -0.050,
    "median_us_1": -1.0,
    "p99_us_1": -5.0,
    "median_us_100": -10.0,
    "packed_bytes_1": -5.0,
    "packed_bytes_100": -5.0,
    "kept": float(KILLED_AFTER),
    "slowdown_1": -0.02,
    "long_metrics_per_s_1": 1e6,
    "long_metrics_per_s_100": 10e6,
    "long_grown_mb_1": -15.0,
    "long_grown_mb_100": -15.0,
    "long_finish_s_1": -1.0,
}
"""Of this logger, at least so much; below zero: at most."""

Figures = dict[str, float]


class Failed(Exception):
    """A tool cannot be measured; says why."""


@dataclass
class Report:
    """What was measured.

    Attributes:
        figures: tool -> name -> median.
        failed: tool -> why a figure of it, or all of it, is missing.
    """

    figures: dict[str, Figures] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


class Child:
    """One process that measures a tool, below a home of its own: no tool finds settings or an
    account of the user's. Its output goes to files, which a helper of the tool may keep open."""

    def __init__(self, python: str, tool: str, mode: str, folder: Path, **arguments: int) -> None:
        self._mode = mode
        self._out: IO[str] = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed by result()
        self._err: IO[str] = tempfile.TemporaryFile("w+")  # noqa: SIM115
        # -P: benchmarks/ is not searched for modules.
        command = [python, "-P", str(CHILD), tool, mode, str(folder), json.dumps(arguments)]
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            env=_at_home_in(folder),
            stdin=subprocess.DEVNULL,
            stdout=self._out,
            stderr=self._err,
            start_new_session=True,
        )

    def result(self) -> Figures:
        """What it measured. Raises Failed."""
        try:
            code = self._process.wait(TIMEOUT_S)
        except subprocess.TimeoutExpired:
            code = None
        self._end()
        if code is None:
            raise Failed(f"{self._mode}: not done after {TIMEOUT_S:.0f} s")
        out, err = self._read(self._out), self._read(self._err)
        for line in out:
            if line.startswith(one_tracker.MARK):
                figures: Figures = json.loads(line[len(one_tracker.MARK) :])
                return figures
        if self._mode == "kill" and code == -signal.SIGKILL:
            return {}
        raise Failed(f"{self._mode}: {(err or out or [f'exit code {code}'])[-1][:200]}")

    def _end(self) -> None:
        """The helpers of the tool may finish what they have; then they end."""
        until = time.monotonic() + GRACE_S
        with suppress(ProcessLookupError):
            while time.monotonic() < until:
                os.killpg(self._process.pid, 0)
                time.sleep(0.05)
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    @staticmethod
    def _read(file: IO[str]) -> list[str]:
        with file:
            file.seek(0)
            return [line.strip() for line in file if line.strip()]


def _at_home_in(folder: Path | str) -> dict[str, str]:
    home = dict.fromkeys(("HOME", "TMPDIR", "TRACKIO_DIR"), str(folder))
    return {**home, "PATH": os.environ.get("PATH", os.defpath), "DO_NOT_TRACK": "1"}


@dataclass(frozen=True)
class Bench:
    """Measures one tool.

    Args:
        tool: its name in trackers.py.
        python: the interpreter that has it.
        repeat: processes of each figure.
        steps: of the busy loop.
        work: what one of its steps computes.
        calls: metrics a call -> calls.
        long: the same for a long run; measured where it is not empty.
    """

    tool: str
    python: str
    repeat: int
    steps: int
    work: int
    calls: Mapping[int, int]
    long: Mapping[int, int]

    def measure(self) -> Figures:
        """Every figure that AIMS and COLUMNS name. Raises Failed."""
        self.median("latency", 1, metrics=1, calls=10)  # what a first use compiles and caches
        found: Figures = {"import_s": self.imports()}
        for metrics, calls in self.calls.items():
            for mode in ("latency", "throughput"):
                figures = self.median(mode, self.repeat, metrics=metrics, calls=calls)
                found |= {f"{name}_{metrics}": value for name, value in figures.items()}
            found |= self.sizes(metrics, calls)
        found |= self.median("busy", self.repeat, steps=self.steps, work=self.work)
        for metrics, calls in self.long.items():
            figures = self.median("long", self.repeat, metrics=metrics, calls=calls)
            found |= {f"long_{name}_{metrics}": value for name, value in figures.items()}
        return found | self.kept()

    def median(self, mode: str, repeat: int, **arguments: int) -> Figures:
        """Of each figure of so many processes, one after the other."""
        results = []
        for _ in range(repeat):
            with tempfile.TemporaryDirectory() as folder:
                results.append(self.child(mode, folder, **arguments).result())
        return {name: statistics.median(each[name] for each in results) for name in results[0]}

    def imports(self) -> float:
        """Seconds that the import takes in an interpreter that has loaded nothing else."""
        statement = {**HERE, **PEERS}[self.tool]().statement
        code = f"import time; t = time.perf_counter(); {statement}; print(time.perf_counter() - t)"
        took = []
        for _ in range(self.repeat):
            with tempfile.TemporaryDirectory() as folder:
                out = subprocess.check_output(
                    [self.python, "-P", "-c", code],
                    cwd=folder,
                    env=_at_home_in(folder),
                    stderr=subprocess.DEVNULL,
                )
            took.append(float(out.splitlines()[-1]))
        return statistics.median(took)

    def child(self, mode: str, folder: str, **arguments: int) -> Child:
        return Child(self.python, self.tool, mode, Path(folder), **arguments)

    def sizes(self, metrics: int, calls: int) -> Figures:
        """Bytes a value, beyond what a run without a row takes."""
        with tempfile.TemporaryDirectory() as empty, tempfile.TemporaryDirectory() as folder:
            self.child("size", empty, metrics=metrics, calls=0).result()
            made = self.child("size", folder, metrics=metrics, calls=calls).result()["calls"]
            values, none = made * metrics, _bytes_in(empty)
            found = {f"bytes_{metrics}": (_bytes_in(folder) - none) / values}
            if self.tool == OURS:
                _pack(folder)
                found[f"packed_bytes_{metrics}"] = (_bytes_in(folder) - none) / values
            return found

    def kept(self) -> Figures:
        """Rows found after a kill; the processes run side by side, for they sleep."""
        with ExitStack() as folders:
            killed = [
                folders.enter_context(tempfile.TemporaryDirectory()) for _ in range(self.repeat)
            ]
            for child in [self.child("kill", each, calls=KILLED_AFTER) for each in killed]:
                child.result()
            found = [self.child("recovered", each).result()["rows"] for each in killed]
        return {"kept": statistics.median(found)}


def _pack(folder: str) -> None:
    """As the agent does with a run that the server has whole."""
    (path,) = Path(folder).glob("*/run.json")
    run = RunFolder(path.parent)
    end = run.records(1).stat().st_size
    Progress(run.shipped(1)).save("history", 2, end, end)
    if not compact.compact(run, "1"):
        raise Failed(f"{run.path} was not packed")


def _bytes_in(folder: str) -> int:
    return sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())


def environment(package: str, folder: Path) -> str:
    """The interpreter that has a package of peers.txt, installed the first time. Raises Failed."""
    lines = (Path(__file__).with_name("peers.txt")).read_text("utf-8").splitlines()
    wanted = [line for line in lines if line.partition("==")[0] == package]
    if not wanted:
        raise Failed(f"{package} is not in benchmarks/peers.txt")
    place = folder / wanted[0].replace("==", "-")
    python, ready = place / "bin" / "python", place / ".ready"
    if not ready.exists():
        print(f"installing {wanted[0]} into {place} …", file=sys.stderr, flush=True)
        for command in (
            [sys.executable, "-m", "venv", "--clear", str(place)],
            [str(python), "-m", "pip", "install", "--quiet", "--no-input", wanted[0]],
        ):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                said = (done.stderr or done.stdout).strip().splitlines() or ["no reason given"]
                raise Failed(f"cannot be installed: {said[-1][:200]}")
        ready.touch()
    return str(python)


def work_of(seconds: float) -> int:
    """What `one_tracker.compute` is to be given to take so long."""
    count, times = 20_000, []
    for _ in range(20):
        before = time.perf_counter()
        one_tracker.compute(count)
        times.append(time.perf_counter() - before)
    return int(count * seconds / statistics.median(times))


COLUMNS: dict[str, Callable[[Figures], str]] = {
    "import s": lambda f: f"{f['import_s']:.3f}",
    "init s": lambda f: f"{f['init_s_1']:.3f}",
    "1 µs": lambda f: f"{f['median_us_1']:,.2f} / {f['p99_us_1']:,.1f}",
    "100 µs": lambda f: f"{f['median_us_100']:,.1f} / {f['p99_us_100']:,.0f}",
    "1/s": lambda f: _short(f["metrics_per_s_1"]),
    "100/s": lambda f: _short(f["metrics_per_s_100"]),
    "finish s": lambda f: f"{f['finish_s_1']:.3f}",
    "1 B, 100 B": lambda f: f"{f['bytes_1']:.0f}, {f['bytes_100']:.0f}",
    "kept": lambda f: f"{f['kept']:,.0f}",
    "busy 1": lambda f: f"{f['slowdown_1']:+.1%}",
    "busy 100": lambda f: f"{f['extra_100_us']:+,.0f} µs",
}


def _short(rate: float) -> str:
    return f"{rate / 1e6:.2f} M" if rate >= 1e6 else f"{rate / 1e3:.3g} k"


def table(figures: Mapping[str, Figures]) -> str:
    """In Markdown, a tool a line."""
    rows = [["tool", *COLUMNS], ["---"] * (1 + len(COLUMNS))]
    rows += [[tool, *(show(found) for show in COLUMNS.values())] for tool, found in figures.items()]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def missed(figures: Figures) -> list[str]:
    """The figures of ours that are short of what was aimed at."""
    return [n for n, aim in AIMS.items() if (figures[n] > -aim if aim < 0 else figures[n] < aim)]


def measure(
    peers: Sequence[str] = (),
    environments: Path | None = None,
    repeat: int = 5,
    steps: int = 500,
    calls: Mapping[int, int] = CALLS,
    long: Mapping[int, int] = LONG,
) -> Report:
    """Everything: of this logger, of JSON lines, and of those of `trackers.PEERS` named."""
    report, work = Report(), work_of(STEP_S)
    for tool, tracker in [*HERE.items(), *((name, PEERS[name]) for name in peers)]:
        if tool == "JSON lines, flushed" and not peers:
            continue  # saves time
        print(f"{tool} …", file=sys.stderr, flush=True)
        try:
            python = sys.executable
            if tracker.package:
                python = environment(tracker.package, environments or ENVIRONMENTS)
            mine = long if tool == OURS else {}
            bench = Bench(tool, python, repeat, steps, work, calls, mine)
            report.figures[tool] = bench.measure()
        except Failed as failed:
            report.failed[tool] = str(failed)
    return report


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--peers", nargs="*", metavar="PACKAGE", help="all, or those named")
    parser.add_argument("--environments", type=Path, default=ENVIRONMENTS)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--json", type=Path, metavar="FILE")
    return parser.parse_args(argv)


def main() -> int:
    given = arguments()
    peers: list[str] = []
    if given.peers is not None:
        unknown = set(given.peers) - {peer.package for peer in PEERS.values()}
        if unknown:
            print(f"benchmarks/trackers.py knows no {', '.join(sorted(unknown))}", file=sys.stderr)
            return 2
        peers = [n for n, peer in PEERS.items() if not given.peers or peer.package in given.peers]
    report = measure(peers, given.environments, given.repeat, steps=2000 if peers else 500)
    print(table(report.figures))
    for tool, why in report.failed.items():
        print(f"not measured: {tool}: {why}")
    if given.json:
        given.json.write_text(json.dumps(vars(report), indent=1), encoding="utf-8")
    if OURS not in report.figures:
        return 1
    ours = report.figures[OURS]
    print("\nthis logger:")
    for name, aim in AIMS.items():
        bound = f"at {'most' if aim < 0 else 'least'} {abs(aim):,.10g}"
        print(f"    {name:24}{ours[name]:16,.3f}   {bound}")
    short = missed(ours)
    if short:
        print(f"short of what was aimed at: {', '.join(short)}", file=sys.stderr)
    return bool(short)


if __name__ == "__main__":
    raise SystemExit(main())
