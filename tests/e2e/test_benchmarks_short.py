"""The benchmarks in short form: that they still measure.

Their figures are judged by `make bench` on a quiet machine, never here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import pytest

from benchmarks import (
    controller,
    dashboard,
    faults,
    history,
    ingest,
    logging,
    turnaround,
    wandb_api,
    wandb_pages,
    wandb_sweeps,
)

T = TypeVar("T")


def apart(measure: Callable[[], T]) -> T:
    """In a thread of its own: the browser that other tests keep open holds the loop of this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(measure).result()


def test_the_controller_records_each_point_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert controller.main(points=200) > 0
    assert "each recorded once" in capsys.readouterr().out


def test_all_that_is_logged_is_read_back_from_the_api(capsys: pytest.CaptureFixture[str]) -> None:
    ingest.sustain(10, ingest.arguments(["--seconds", "1", "--rate", "100000"]))
    assert capsys.readouterr().out.split()[0] == "10"


def test_replayed_agents_of_wandb_try_each_point_once() -> None:
    assert wandb_sweeps.main(points=60, agents=8) > 0


def test_the_turnaround_is_measured() -> None:
    figures = turnaround.main(trials=4)
    assert figures.keys() == turnaround.AIMS_S.keys()
    assert all(0 < seconds < 60 for seconds in figures.values())


def test_a_chart_costs_what_is_asked_for_not_what_is_stored(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path}/bench.db"
    figures = apart(lambda: history.main(database, points=150_000, requests=200))
    assert figures["long whole cold ms"] < 3 * max(figures["short whole cold ms"], 2.0)
    assert figures["long whole warm ms"] < figures["long whole cold ms"]
    assert figures["bytes a value"] < history.AIMS["bytes a value"] * -1
    assert figures["http small chunks/s"] > 0


def test_a_training_loop_pays_less_than_for_lines_of_json() -> None:
    report = logging.measure(repeat=1, steps=40, calls={1: 8000, 100: 400}, long={1: 200_000})
    assert not report.failed
    ours, naive = report.figures["opensweep"], report.figures["JSON lines"]
    assert ours["median_us_1"] < naive["median_us_1"]
    assert ours["median_us_100"] < naive["median_us_100"] / 2
    assert ours["long_metrics_per_s_1"] > naive["metrics_per_s_1"]
    assert ours["bytes_100"] < naive["bytes_100"]
    assert ours["packed_bytes_100"] < ours["bytes_100"]
    assert ours["kept"] == logging.KILLED_AFTER
    assert ours["long_grown_mb_1"] < 5  # and 200,000 rows are 8 MB of file
    assert "opensweep" in logging.table(report.figures)


def test_what_clients_of_wandb_stream_is_answered_and_counted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    wandb_api.main(["--only", "busy", "--seconds", "2", "--clients", "5"])
    name, posts, *_ = capsys.readouterr().out.split()
    assert (name, int(posts)) == ("busy", 10)


def test_pages_of_runs_are_asked_for_as_the_client_of_wandb_does(
    capsys: pytest.CaptureFixture[str],
) -> None:
    wandb_pages.main(["--runs", "600", "--repeat", "2", "--no-client"])
    assert "the last page, lazy" in capsys.readouterr().out


def test_faults_of_the_middle_are_measured(tmp_path: Path) -> None:
    figures: faults.Figures = defaultdict(list)
    faults.hit_middle(tmp_path / "middle", 1, figures)
    assert len(figures) == 4
    assert all(0 < back <= again < 60 for ((back, again),) in figures.values())


def test_pages_are_measured_by_what_is_painted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dashboard, "CURVES", 4)
    monkeypatch.setattr(dashboard, "POINTS", 60)
    wanted = ["runs table", "zoom", "brushed"]
    figures = apart(lambda: dashboard.measure(60, (12, 24), repeat=1, only=wanted))
    assert len(figures) == len(wanted)
    assert all(value > 0 for value in figures.values())
    assert set(dashboard.missed(dict.fromkeys(dashboard.AIMS, 20.0))) == set(dashboard.AIMS)
    assert dashboard.missed({name: abs(aim) for name, aim in dashboard.AIMS.items()}) == []
