"""Results on disk: kept until acknowledged, found again when their agent is dead."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from agent.outbox import Outbox, Result, abandoned
from sweeps.trial import AttemptState, Outcome, Reason

REPOSITORY = Path(__file__).parents[2]


def result(trial_id: str = "s1-1", token: int = 1) -> Result:
    return Result(
        sweep_id="s1",
        trial_id=trial_id,
        token=token,
        outcome=Outcome(AttemptState.FAILED, Reason.ERROR, "ValueError: no", 1, None),
        summary={"loss": float("inf"), "nested": {"a": [1, None]}},
        logged_keys=("loss", "nested"),
        server_id="me@here",
        folder="/runs/s1-1",
        metric="loss",
        config={"hidden": 32},
        metadata={"name": "first", "tags": ["a"]},
        seconds=1.5,
    )


def test_what_is_put_comes_back_as_it_was(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path, "a")
    first, second = result(), result("s1-2", 3)
    outbox.put(first)
    outbox.put(second)
    assert outbox.pending() == [first, second]
    outbox.settle(first)
    outbox.settle(first)
    assert outbox.pending() == [second]
    outbox.close()
    assert outbox.path.is_dir(), "what nobody acknowledged stays"


def test_an_empty_outbox_leaves_no_trace(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path, "a")
    outbox.put(result())
    outbox.settle(result())
    outbox.close()
    outbox.close()
    assert list((tmp_path / "outbox").iterdir()) == []


def test_a_living_agents_outbox_is_left_alone(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path, "a")
    outbox.put(result())
    assert list(abandoned(tmp_path)) == []
    outbox.close()


def test_a_killed_agents_outbox_is_found_once(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys; sys.path.insert(0, sys.argv[2])\n"
        "sys.path.insert(0, sys.argv[2] + '/tests/unit')\n"
        "from test_outbox import Outbox, result\n"
        "Outbox(sys.argv[1], 'dead').put(result())\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path), str(REPOSITORY)], check=False)
    [found] = abandoned(tmp_path)
    assert found.pending() == [result()]
    assert list(abandoned(tmp_path)) == [], "it is ours now"
    found.settle(result())
    found.close()
    assert list((tmp_path / "outbox").iterdir()) == []


def test_an_abandoned_outbox_with_nothing_in_it_is_cleared_away(tmp_path: Path) -> None:
    folder = tmp_path / "outbox" / "dead"
    folder.mkdir(parents=True)
    (folder / "lock").touch()
    (folder / "s1-1.1.draft").write_text("{")  # killed while writing
    assert list(abandoned(tmp_path)) == []
    assert not folder.exists()


def test_an_abandoned_folder_without_even_a_lock_is_cleared_away(tmp_path: Path) -> None:
    folder = tmp_path / "outbox" / "dead"
    folder.mkdir(parents=True)
    assert list(abandoned(tmp_path)) == []
    assert not folder.exists()


def test_an_outbox_is_made_though_others_clear_away_what_is_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another agent starts between the making of the folder and that of its lock."""
    real, seen = os.open, []

    def open_late(path: Path, *args: int) -> int:
        if not seen and path.name == "lock":
            seen.append(path)
            assert list(abandoned(tmp_path)) == []
        return real(path, *args)

    monkeypatch.setattr(os, "open", open_late)
    outbox = Outbox(tmp_path, "a")
    outbox.put(result())
    assert outbox.pending() == [result()]
    outbox.close()
    assert seen


def test_a_result_of_an_earlier_version_knows_no_duration() -> None:
    data = result().to_json()
    assert Result.from_json(data).seconds == 1.5
    del data["seconds"]
    assert Result.from_json(data).seconds is None


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"trial_id": 1}', '{"outcome": {}}'])
def test_a_damaged_file_does_not_hide_the_others(tmp_path: Path, damage: str) -> None:
    outbox = Outbox(tmp_path, "a")
    outbox.put(result())
    (outbox.path / "s1-9.1.json").write_text(damage)
    assert outbox.pending() == [result()]
    outbox.close()
    assert (outbox.path / "s1-9.1.json").exists()


def test_the_file_is_plain_json(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path, "a")
    outbox.put(result())
    data = json.loads((outbox.path / "s1-1.1.json").read_text())
    assert (data["trial_id"], data["token"], data["outcome"]["state"]) == ("s1-1", 1, "failed")
    outbox.close()
