"""The benchmarks of the controller and of the turn-around in short form: that they still measure.

Their figures are judged by `make bench` on a quiet machine, never here.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import controller, history, ingest, turnaround


def test_the_controller_records_each_point_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert controller.main(points=200) > 0
    assert "each recorded once" in capsys.readouterr().out


def test_all_that_is_logged_is_read_back_from_the_api(capsys: pytest.CaptureFixture[str]) -> None:
    ingest.sustain(10, ingest.arguments(["--seconds", "1", "--rate", "100000"]))
    assert capsys.readouterr().out.split()[0] == "10"


def test_the_turnaround_is_measured() -> None:
    figures = turnaround.main(trials=4)
    assert figures.keys() == turnaround.AIMS_S.keys()
    assert all(0 < seconds < 60 for seconds in figures.values())


def test_a_chart_costs_what_is_asked_for_not_what_is_stored(tmp_path: Path) -> None:
    figures = history.main(f"sqlite:///{tmp_path}/bench.db", points=300_000, requests=400)
    assert figures["long whole cold ms"] < 3 * max(figures["short whole cold ms"], 2.0)
    assert figures["long whole warm ms"] < figures["long whole cold ms"]
    assert figures["bytes a value"] < history.AIMS["bytes a value"] * -1
    assert figures["http small chunks/s"] > 0
