"""What somebody waits for in the pages, in a headless Chromium over a project of 10,000 runs.

    python -m benchmarks.dashboard [--runs N] [--repeat N] [--only NAME …]

A server of its own in a temporary folder: 10,000 runs of 50 metrics in one project, 100 of them
with 12 curves of 2,000 points; a sweep of 1,000 trials with curves and one of 5,000. Each page is
opened by a browser whose cache is empty, as often as `--repeat` says; the median counts. A page is
done when its canvases have been painted and stay as they are (page_watch.py), a table when its
rows stand in it. The window is 1440 x 900, of the sweep's page high enough for all of its charts,
because what is out of sight is not drawn.

A point is logged by a script of its own (a real `opensweep.init()`); an hour of updates is a run
that is sent a row for each second of an hour, at ten times the pace at which a page looks again.
Software draws, no GPU. The first line says what else the machine was doing.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import psutil
from playwright.sync_api import Browser, Locator, sync_playwright

from benchmarks import demo_data
from benchmarks.page_watch import Watched
from benchmarks.runs import fill
from controller.store import Chunk, ChunkKind, NewRun, Store, open_store
from opensweep.local import Settings, server_status, start_server, stop_server
from sweeps.protocol.chunks import encode

KEY = "b" * 40
PROJECT = "p"
CURVES, METRICS, POINTS = 100, 12, 2000
CHROMIUM_FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run")

AIMS = {
    "runs table: first rows": -1.0,
    "sweep of 1,000 trials: all charts": -1.5,
    "100 runs x 2,000 points": -0.7,
    "12 panels of 100 runs x 2,000 points": -1.5,
    "zoom, with its detail": -0.2,
    "a point, from log() to its pixel": -1.5,
    "5,000 trials brushed, frames/s": 30.0,
    "heap after an hour of updates, x of before": -1.5,
}
"""Seconds, if nothing else is said. At least so much; below zero: at most."""

_SCRIPT = """
import sys, time
import opensweep
run = opensweep.init(project="live", id="live")
for number in range(int(sys.argv[1])):
    time.sleep(2.0)
    run.log({"loss": float(number % 5)})
    print(time.time(), flush=True)
time.sleep(2.0)
"""


class Bench:
    """One filled server and one browser."""

    def __init__(
        self, url: str, store: Store, browser: Browser, repeat: int, sweeps: dict[int, str]
    ) -> None:
        self.url = url
        self.store = store
        self.browser = browser
        self.repeat = repeat
        self.sweeps = sweeps

    def page(self, height: int = 900) -> Watched:
        return Watched(self.browser, self.url, KEY, height)

    def opened(self, path: str, ready: str, *, height: int = 900, painted: bool = True) -> float:
        """The median of some times that a page is opened, in seconds."""
        took = []
        for _ in range(self.repeat):
            with self.page(height) as page:
                took.append(page.open(path, ready, painted=painted))
        return statistics.median(took)

    # -- the figures -------------------------------------------------------------------------

    def runs_table(self) -> float:
        path = f"/projects/{PROJECT}"
        return self.opened(path, _ROWS, painted=False)

    def sweep_page(self) -> float:
        return self.opened(f"/sweeps/{self.sweeps[0]}", _ALL_CHARTS, height=3000)

    def overlay(self) -> float:
        return self.opened(_charts("m0$"), _panels(1))

    def twelve(self) -> float:
        return self.opened(_charts("m"), _panels(METRICS), height=2200)

    def zoom(self) -> float:
        """From the release of the button until the detail is painted; each goes deeper."""
        took = []
        with self.page() as page:
            page.open(_charts("m0$"), _panels(1))
            page.ask("addEventListener('pointerup', () => { watch.up = performance.now() }, true)")
            page.ask("addEventListener('mouseup', () => { watch.up = performance.now() }, true)")
            for _ in range(self.repeat):
                box = _box(page.page.locator(".panel canvas").first)
                y = box["y"] + box["height"] / 2
                page.page.mouse.move(box["x"] + 0.15 * box["width"], y)
                page.page.mouse.down()
                page.page.mouse.move(box["x"] + 0.9 * box["width"], y, steps=4)
                page.page.mouse.up()
                up = float(page.ask("watch.up"))
                took.append((page.done("true", since=up) - up) / 1000)
        return statistics.median(took)

    def point(self) -> float:
        """The slowest of some points, from before log() until the chart has changed."""
        environment = {**os.environ, "OPENSWEEP_URL": self.url, "OPENSWEEP_API_KEY": KEY}
        count = self.repeat + 2
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, self.page() as page:
            script = subprocess.Popen(
                [sys.executable, "-c", _SCRIPT, str(count)],
                cwd=folder,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
            assert script.stdout is not None
            late = []
            try:
                for number in range(count):
                    logged = float(script.stdout.readline())
                    if number == 1:  # the first two are there when the page opens
                        page.open("/runs/live?tab=charts", _panels(1))
                        page.ask("watch.begun = Date.now() - performance.now()")
                    if number > 1:
                        seen = page.ask(_CHANGED_SINCE % (1000 * logged))
                        late.append(float(seen) / 1000 - logged)
            finally:
                script.kill()
                script.wait()
        return max(late)

    def brushing(self) -> float:
        """Frames a second in which something was painted, while a brush is drawn and moved."""
        with self.page(1400) as page:
            page.open(f"/sweeps/{self.sweeps[1]}", _PARALLEL)
            mouse = page.page.mouse
            box = _box(page.page.locator(".parallel-brush").nth(2))
            x, top, high = box["x"] + box["width"] / 2, box["y"], box["height"]
            mouse.move(x, top + 0.3 * high)
            mouse.down()
            mouse.move(x, top + 0.5 * high, steps=4)
            begin = page.ask("[performance.now(), watch.paints]")
            for part in (0.8, 0.4, 0.9, 0.5):
                mouse.move(x, top + part * high, steps=30)
            end = page.ask("[performance.now(), watch.paints]")
            mouse.up()
            assert page.page.locator(".is-brushed").count(), "nothing was brushed"
        return float(1000 * (end[1] - begin[1]) / (end[0] - begin[0]))

    def hour(self, rows: int = 3600, updates: int = 100) -> float:
        """The heap of a run's page after so many rows, against that after the first of them."""
        self.store.register_run(NewRun("hour", "hour", project="hour", started=time.time()))
        at = 0

        def log(count: int) -> None:
            nonlocal at
            some = [
                (at + i, time.time(), {f"m{k}": float(at + i) for k in range(4)})
                for i in range(count)
            ]
            last = at + count - 1
            chunk = Chunk("hour", 1, ChunkKind.HISTORY, at, at, last, count, encode(some))
            self.store.add_chunk(chunk)
            at += count

        log(10)
        with self.page() as page:
            page.open("/runs/hour?tab=charts", _panels(1))
            tools = page.context.new_cdp_session(page.page)

            def heap() -> float:
                for _ in range(2):
                    tools.send("HeapProfiler.collectGarbage")
                told = tools.send("Performance.getMetrics")["metrics"]
                return float(next(m["value"] for m in told if m["name"] == "JSHeapUsedSize"))

            tools.send("Performance.enable")
            each = max(rows // updates, 1)
            for _ in range(max(updates // 10, 1)):
                log(each)
                page.page.wait_for_timeout(450)
            before = heap()
            while at < rows:
                log(each)
                page.page.wait_for_timeout(450)
            return heap() / before


_ROWS = """[...document.querySelectorAll('[role=row] a')]
    .filter((a) => a.textContent.trim()).length > 10"""
_ALL_CHARTS = """document.querySelectorAll('.panel').length >= 8
    && !document.querySelector('.panel [role=status], .loading')"""
_PARALLEL = """document.querySelectorAll('.panel').length >= 3
    && document.querySelectorAll('canvas').length > 2"""
_CHANGED_SINCE = """() => new Promise((resolve) => {
  const look = () => {
    const at = watch.begun + watch.painted;
    at > %f ? resolve(at) : requestAnimationFrame(look);
  };
  look();
})"""


def _charts(panels: str) -> str:
    return f"/projects/{PROJECT}/charts?q=over&count={CURVES}&panels={quote(panels)}"


def _panels(count: int) -> str:
    return f"document.querySelectorAll('.panel canvas').length >= {count}"


def _box(found: Locator) -> dict[str, float]:
    box = found.bounding_box()
    assert box is not None, "the chart is not there"
    return {name: box[name] for name in ("x", "y", "width", "height")}


def _fill(store: Store, runs: int, trials: tuple[int, int]) -> dict[int, str]:
    fill(store, max(runs - CURVES, 0), 50)
    names = [f"m{number}" for number in range(METRICS)]
    demo_data.add_runs(store, PROJECT, CURVES, POINTS, names, name="over")
    return {
        0: demo_data.add_sweep(store, "first", "sweeps", trials[0], points=60),
        1: demo_data.add_sweep(store, "second", "sweeps", trials[1]),
    }


def _rest(pid: int) -> None:
    """Waits until the server has packed what it was given."""
    server, quiet = psutil.Process(pid), 0
    deadline = time.monotonic() + 120
    while quiet < 3 and time.monotonic() < deadline:
        quiet = quiet + 1 if server.cpu_percent(0.5) < 10 else 0


def measure(
    runs: int = 10_000,
    trials: tuple[int, int] = (1000, 5000),
    repeat: int = 5,
    only: list[str] | None = None,
) -> dict[str, float]:
    """Prints the table; returns the figures."""
    load = os.getloadavg()[0]
    print(f"load of the machine before: {load:.1f} on {os.cpu_count()} cores")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    assert chromium, "no Chromium here: install it (Debian: chromium)"
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        settings = Settings(home=Path(folder), key=KEY)
        with open_store(f"sqlite:///{folder}/opensweep.db") as store:
            sweeps = _fill(store, runs, trials)
        url = start_server(settings, port=0)
        try:
            with open_store(f"sqlite:///{folder}/opensweep.db") as store:
                browser = playwright.chromium.launch(
                    executable_path=chromium, args=list(CHROMIUM_FLAGS)
                )
                bench = Bench(url, store, browser, repeat, sweeps)
                _rest(int((server_status(settings) or {})["pid"]))
                works: dict[str, Callable[[], float]] = {
                    "runs table: first rows": bench.runs_table,
                    "sweep of 1,000 trials: all charts": bench.sweep_page,
                    "100 runs x 2,000 points": bench.overlay,
                    "12 panels of 100 runs x 2,000 points": bench.twelve,
                    "zoom, with its detail": bench.zoom,
                    "a point, from log() to its pixel": bench.point,
                    "5,000 trials brushed, frames/s": bench.brushing,
                    "heap after an hour of updates, x of before": bench.hour,
                }
                for name, work in works.items():
                    if only and not any(part in name for part in only):
                        continue
                    figures[name] = work()
                    aim = AIMS[name]
                    wanted = f"{'at most' if aim < 0 else 'at least'} {abs(aim):g}"
                    print(f"{name:45}{figures[name]:9.2f}   {wanted}", flush=True)
                browser.close()
        finally:
            stop_server(settings)
    return figures


def missed(figures: dict[str, float]) -> list[str]:
    return [
        name
        for name, value in figures.items()
        if (value > -AIMS[name] if AIMS[name] < 0 else value < AIMS[name])
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--only", nargs="*")
    options = parser.parse_args()
    short = missed(measure(options.runs, repeat=options.repeat, only=options.only))
    if short:
        print(f"missed: {', '.join(short)}")
    sys.exit(bool(short))
