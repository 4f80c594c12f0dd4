"""alert() and mark_preempting(): what is recorded for those who tell people, and the agent."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from logger_place import clean_place, folder_of, records_of, under_an_agent

import opensweep
from logging_core.records import AlertRaised

__all__ = ["clean_place"]
pytestmark = pytest.mark.usefixtures("clean_place")


def raised(run: opensweep.Run) -> list[tuple[str, str, str, float]]:
    alerts = [record for record in records_of(run) if isinstance(record, AlertRaised)]
    return [(alert.title, alert.text, alert.level, alert.wait_s) for alert in alerts]


def test_alerts_of_every_level_and_wait() -> None:
    run = opensweep.init()
    run.alert("Low", "text")
    run.alert(title="a", text="b", level=opensweep.AlertLevel.WARN, wait_duration=300)
    run.alert("a", "b", level="error", wait_duration=timedelta(minutes=2))
    opensweep.alert("a", "b", "WARNING", 0)
    assert raised(run) == [
        ("Low", "text", "INFO", 60.0),
        ("a", "b", "WARN", 300.0),
        ("a", "b", "ERROR", 120.0),
        ("a", "b", "WARN", 0.0),
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"level": "FATAL"}, "level 'FATAL' is none of INFO, WARN, ERROR"),
        ({"wait_duration": "1h"}, "a timedelta or a number of seconds, not '1h'"),
        ({"wait_duration": -1}, "not -1"),
        ({"wait_duration": float("nan")}, "not nan"),
    ],
)
def test_alerts_that_make_no_sense(options: dict[str, Any], message: str) -> None:
    run = opensweep.init()
    with pytest.raises(opensweep.UsageError, match=message):
        run.alert("a", "b", **options)
    assert raised(run) == []


def test_a_text_of_any_length_is_an_alert() -> None:
    run = opensweep.init()
    run.alert("t" * 10_000, "x" * 10_000_000)
    ((title, text, _, _),) = raised(run)
    assert (len(title), len(text)) == (1000, 100_000)


def test_functions_of_the_active_run_need_one() -> None:
    for name in ("alert", "mark_preempting", "save", "log_artifact", "watch"):
        with pytest.raises(opensweep.Error, match=rf"opensweep.init\(\) before opensweep.{name}"):
            getattr(opensweep, name)()


def test_mark_preempting_tells_the_agent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = under_an_agent(monkeypatch, tmp_path / "run", {})
    opensweep.init()
    opensweep.mark_preempting()
    assert folder.preempting.exists()


def test_mark_preempting_without_an_agent_and_without_a_record() -> None:
    run = opensweep.init()
    run.mark_preempting()
    assert folder_of(run).preempting.exists()
    run.finish()
    with opensweep.init(mode="disabled") as nowhere:
        nowhere.mark_preempting()
        nowhere.alert("a", "b")
