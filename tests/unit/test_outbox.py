"""Results on disk: kept until acknowledged, found again when their agent is dead."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.afterwork import WORKERS, Afterwork
from agent.claim import Claim
from agent.delivery import deliver_abandoned
from agent.outbox import Outbox, Result, abandoned
from logging_core.folder import RunFolder
from logging_core.records import FileSaved, Record, Writer
from sweeps.errors import OpensweepError
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


def test_what_is_recorded_stays_until_it_is_settled(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path, "a")
    outbox.put(result())
    outbox.record(result())
    assert outbox.pending() == []
    assert outbox.recorded() == [result()]
    outbox.close()
    [found] = abandoned(tmp_path)
    assert found.recorded() == [result()]
    found.settle(found.recorded()[0])
    found.close()
    assert list((tmp_path / "outbox").iterdir()) == []


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


class Server:
    """Plays the client."""

    def __init__(self) -> None:
        self.chunks: list[tuple[str, str]] = []
        self.ended: list[str] = []

    def post_chunk(self, run: str, writer: int, kind: str, *given: Any, **more: Any) -> None:
        self.chunks.append((run, kind))

    def finish(self, trial_id: str, *given: Any, **more: Any) -> dict[str, Any]:
        self.ended.append(trial_id)
        return {"state": "failed", "will_retry": False, "objective": None}

    def describe_run(self, *given: Any, **more: Any) -> None:
        pass


class Ears:
    def server_away(self, error: OpensweepError) -> None: ...

    def server_back(self) -> None: ...

    def warn(self, message: str) -> None:
        raise AssertionError(message)


class Files:
    """An errand: brings what the records name."""

    def __init__(self, brought: list[str]) -> None:
        self.brought, self.left = brought, list[str]()

    def take(self, record: Record) -> None:
        if isinstance(record, FileSaved):
            self.left.append(record.path)

    def work(self, *, final: bool) -> bool:
        self.brought += self.left
        self.left.clear()
        return True


class TestWhatADeadAgentLeft:
    @pytest.fixture
    def brought(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        brought: list[str] = []
        monkeypatch.setattr("agent.shipper.errands_for", lambda *given: [Files(brought)])
        monkeypatch.setattr("agent.shipper.lane_errands_for", lambda *given: [])
        monkeypatch.setattr("agent.compact.SMALL_BYTES", 100)
        return brought

    def leave(self, home: Path, *, recorded: bool) -> RunFolder:
        folder = RunFolder.create(home / "s1-1", run_id="s1-1", config={}, locked=True, metadata={})
        writer = Writer(folder.records(1))
        for step in range(100):
            writer.history(step, float(step), {"loss": 1.0})
        writer.add(FileSaved("model.pt"))
        writer.close()
        outbox = Outbox(home, "dead")
        left = replace(result(), folder=str(folder.path))
        outbox.put(left)
        if recorded:
            outbox.record(left)
        outbox.close()
        return folder

    def deliver(self, home: Path, server: Server) -> int:
        client: Any = server
        return deliver_abandoned(client, "me@here", home, Ears(), threading.Event())

    @pytest.mark.parametrize("recorded", [False, True])
    def test_the_next_agent_does(self, tmp_path: Path, brought: list[str], recorded: bool) -> None:
        folder, server = self.leave(tmp_path, recorded=recorded), Server()
        assert self.deliver(tmp_path, server) == (0 if recorded else 1)
        assert server.ended == ([] if recorded else ["s1-1"])
        assert server.chunks == [("s1-1", "history")]
        assert brought == ["model.pt"]
        assert folder.chunks(1).exists(), "and its rows are packed"
        assert list((tmp_path / "outbox").iterdir()) == []

    def test_not_while_somebody_else_is_at_it(self, tmp_path: Path, brought: list[str]) -> None:
        folder, server = self.leave(tmp_path, recorded=True), Server()
        other = Claim(folder)
        assert other.take()
        self.deliver(tmp_path, server)
        assert (server.chunks, brought) == ([], [])
        other.release()
        self.deliver(tmp_path, server)
        assert brought == ["model.pt"]

    def test_a_run_folder_that_is_gone_is_settled(self, tmp_path: Path, brought: list[str]) -> None:
        folder = self.leave(tmp_path, recorded=True)
        shutil.rmtree(folder.path)
        self.deliver(tmp_path, Server())
        assert list((tmp_path / "outbox").iterdir()) == []


class TestAfterwork:
    def test_jobs_are_done_while_others_wait_for_nothing(self) -> None:
        afterwork = Afterwork(threading.Event(), Ears())
        gate, done = threading.Event(), list[int]()
        for number in range(WORKERS + 3):
            afterwork.add(lambda give_up, number=number: (gate.wait(10), done.append(number)))  # type: ignore[misc]
        assert afterwork.left == WORKERS + 3
        assert not afterwork.wait(0.01)
        gate.set()
        assert afterwork.wait(10)
        assert sorted(done) == list(range(WORKERS + 3))
        assert afterwork.left == 0

    def test_one_that_fails_is_told_and_the_others_go_on(self) -> None:
        class Told(Ears):
            def __init__(self) -> None:
                self.heard: list[str] = []

            def warn(self, message: str) -> None:
                self.heard.append(message)

        ears, done = Told(), threading.Event()

        def fails(give_up: threading.Event) -> None:
            raise RuntimeError("no")

        afterwork = Afterwork(threading.Event(), ears)
        afterwork.add(fails)
        afterwork.add(lambda give_up: done.set())
        assert afterwork.wait(10)
        assert done.is_set()
        assert "RuntimeError: no" in ears.heard[0]

    def test_an_agent_in_a_hurry_leaves_the_rest(self) -> None:
        give_up, begun = threading.Event(), threading.Semaphore(0)

        def long(hurry: threading.Event) -> None:
            begun.release()
            hurry.wait(10)

        afterwork = Afterwork(give_up, Ears())
        for _ in range(WORKERS + 2):
            afterwork.add(long)
        for _ in range(WORKERS):
            assert begun.acquire(timeout=10)
        give_up.set()
        assert afterwork.wait(10)
        assert afterwork.left == 2
