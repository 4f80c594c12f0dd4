"""What arrives at the server of a run folder: all of it, once, in order, whatever happens."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent import streams
from agent.shipper import Shipper
from logging_core.folder import RunFolder
from logging_core.records import ConfigUpdate, MetricDefined, SummaryUpdate, Writer
from sweeps.errors import Fenced, OpensweepError, ServerError, ServerUnreachable, StoreUnavailable
from sweeps.protocol.chunks import decode, unpack_points

NEVER = threading.Event()
NOW = threading.Event()
NOW.set()


class Server:
    """Plays the client: keeps each chunk once, by its number; answers as it is told."""

    def __init__(self) -> None:
        self.chunks: dict[tuple[int, str, int], dict[str, Any]] = {}
        self.posts: list[tuple[str, int, bytes]] = []
        self.fail: Callable[[str, int], OpensweepError | None] = lambda kind, seq: None
        self.lose_answers = False

    def post_chunk(self, run: str, writer: int, kind: str, seq: int, first: int, last: int,
                   rows: int, objective: bytes, data: bytes, lane: str = "") -> None:  # fmt: skip
        if error := self.fail(kind, seq):
            raise error
        self.posts.append((kind, seq, data))
        known = sorted(s for w, k, s in self.chunks if (w, k) == (writer, kind))
        assert seq <= len(known) + 1, "a gap"
        self.chunks.setdefault(
            (writer, kind, seq),
            {"first": first, "last": last, "rows": rows, "objective": objective, "data": data},
        )
        if self.lose_answers:
            raise ServerUnreachable("the answer was lost")

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [chunk for (_, k, _), chunk in sorted(self.chunks.items()) if k == kind]

    def rows(self) -> list[tuple[int, dict[str, Any]]]:
        decoded = [decode(chunk["data"]) for chunk in self.of("history")]
        return [(step, row) for columns in decoded for step, _, row in columns.rows()]

    def points(self) -> list[tuple[int, float]]:
        return [p for chunk in self.of("history") for p in unpack_points(chunk["objective"])]

    def console(self) -> bytes:
        return b"".join(chunk["data"] for chunk in self.of("console"))


class Ears:
    """The listener of a shipper."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def server_away(self, error: OpensweepError) -> None:
        self.heard.append("away")

    def server_back(self) -> None:
        self.heard.append("back")

    def warn(self, message: str) -> None:
        self.heard.append(message)


class Run:
    """A run folder with a script that writes into it."""

    def __init__(self, path: Path) -> None:
        self.server, self.ears = Server(), Ears()
        self.folder = RunFolder.create(path, run_id="s1-1", config={}, locked=True, metadata={})
        self.writer = Writer(self.folder.records(1))
        self.step = 0

    def log(self, count: int = 1, **values: Any) -> None:
        for _ in range(count):
            self.writer.history(self.step, 1000.0 + self.step, {"i": self.step, **values})
            self.step += 1

    def say(self, text: str) -> None:
        with open(self.folder.console(1), "a") as file:
            file.write(text)

    def shipper(self, *, resume: bool = False, metric: str | None = "loss") -> Shipper:
        return Shipper(self.server, self.folder, "s1-1", 1, metric, self.ears, resume=resume)  # type: ignore[arg-type]


@pytest.fixture
def run(tmp_path: Path) -> Any:
    run = Run(tmp_path / "run")
    yield run
    run.writer.close()


def until(condition: Callable[[], Any], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_all_of_it_arrives_in_order(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "CHUNK_ROWS", 100)
    run.log(250, loss=0.5)
    run.writer.add(ConfigUpdate({"a": 1}))
    run.log(74, text="x", nested={"a": 1})
    run.writer.history(324, 1324.0, {"i": 324}, partial=True)  # never completed by the script
    run.say("one\ntwo\n")
    shipper = run.shipper()
    shipper.stop()
    assert shipper.drain(NEVER)
    assert [step for step, _ in run.server.rows()] == list(range(325))
    assert run.server.rows()[-2:] == [
        (323, {"i": 323, "text": "x", "nested.a": 1}),
        (324, {"i": 324}),
    ]
    assert run.server.points() == [(i, 0.5) for i in range(250)]
    assert run.server.console() == b"one\ntwo\n"
    for chunk in run.server.of("history"):
        assert chunk["rows"] == len(list(decode(chunk["data"]).rows()))
        assert chunk["last"] - chunk["first"] == chunk["rows"] - 1
    [console] = run.server.of("console")
    assert (console["first"], console["last"], console["rows"]) == (0, 8, 2)


def test_the_objective_goes_at_once_and_the_rest_waits(run: Run) -> None:
    shipper = run.shipper()
    shipper.start()
    try:
        run.log(5)
        began = time.monotonic()
        until(lambda: run.server.rows())
        assert time.monotonic() - began > 0.2, "rows without it are gathered"
        run.log(1, loss=1.0)
        began = time.monotonic()
        until(lambda: run.server.points())
        assert time.monotonic() - began < 0.6
    finally:
        shipper.stop()


def test_the_objective_is_not_posted_more_than_ten_times_a_second(run: Run) -> None:
    shipper = run.shipper()
    shipper.start()
    began = time.monotonic()
    while time.monotonic() - began < 1.0:
        run.log(1, loss=1.0)
        time.sleep(0.001)
    shipper.stop()
    assert shipper.drain(NEVER)
    assert len(run.server.posts) <= 12
    assert len(run.server.points()) == run.step


@pytest.mark.parametrize("error", [ServerUnreachable("away"), StoreUnavailable("full")])
def test_an_outage_loses_nothing_and_repeats_nothing(run: Run, error: OpensweepError) -> None:
    run.server.fail = lambda kind, seq: error
    shipper = run.shipper()
    shipper.start()
    run.log(10, loss=1.0)
    until(lambda: "away" in run.ears.heard)
    run.log(1500, loss=2.0)
    shipper.stop()
    assert not shipper.drain(NOW)
    run.server.fail = lambda kind, seq: None
    assert shipper.drain(NEVER)
    assert [step for step, _ in run.server.rows()] == list(range(1510))
    assert run.ears.heard[-1] == "back"


def test_a_chunk_whose_answer_was_lost_is_sent_again_just_the_same(run: Run) -> None:
    run.log(10, loss=1.0)
    shipper = run.shipper()
    shipper.stop()
    run.server.lose_answers = True
    assert not shipper.drain(NOW)
    run.log(10, loss=1.0)  # the file has grown since: the chunk has not
    assert not shipper.drain(NOW)
    run.server.lose_answers = False
    assert shipper.drain(NEVER)
    (_, seq, first), (_, again, second) = run.server.posts[:2]
    assert (seq, first) == (again, second)
    assert [step for step, _ in run.server.rows()] == list(range(20))


@pytest.mark.parametrize("lost", [True, False], ids=["arrived", "did not arrive"])
def test_an_agent_that_crashed_while_sending_is_followed_exactly(run: Run, lost: bool) -> None:
    run.say("begun\n")
    run.log(8, loss=1.0)
    dead = run.shipper()
    dead.stop()
    if lost:
        run.server.lose_answers = True
    else:
        run.server.fail = lambda kind, seq: ServerUnreachable("away")
    assert not dead.drain(NOW)  # it is killed here: the boundaries are on disk, no more is
    run.log(30, loss=2.0)
    run.say("ended\n")
    run.server.lose_answers, run.server.fail = False, lambda kind, seq: None
    shipper = run.shipper(resume=True)
    shipper.stop()
    assert shipper.drain(NEVER)
    steps = [step for step, _ in run.server.rows()]
    assert steps == list(range(38))
    assert run.server.console() == b"begun\nended\n"
    history = [(seq, data) for kind, seq, data in run.server.posts if kind == "history"]
    assert len({seq for seq, _ in history}) == len(set(history)), "one number, one content"


def test_going_on_after_a_clean_end_sends_nothing_again(run: Run) -> None:
    run.log(5, loss=1.0)
    run.say("x\n")
    first = run.shipper()
    first.stop()
    first.drain(NEVER)
    posted = len(run.server.posts)
    again = run.shipper(resume=True)
    again.stop()
    assert again.drain(NEVER)
    assert len(run.server.posts) == posted


def test_a_damaged_memory_is_told(run: Run) -> None:
    (run.folder.path / "shipped.1.json").write_text('{"history": 3}')
    with pytest.raises(ValueError, match=r"shipped\.1\.json"):
        run.shipper(resume=True)


def test_a_fenced_attempt_sends_nothing_more(run: Run) -> None:
    fenced = []
    run.server.fail = lambda kind, seq: Fenced("a newer attempt owns it")
    run.log(5, loss=1.0)
    shipper = Shipper(run.server, run.folder, "s1-1", 1, "loss", run.ears,  # type: ignore[arg-type]
                      on_fenced=lambda: fenced.append(True))  # fmt: skip
    shipper.start()
    until(lambda: fenced)
    shipper.stop()
    assert shipper.drain(NEVER)
    assert run.server.posts == []


def test_a_chunk_that_the_server_never_takes_does_not_hold_up_the_rest(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.shipper.Backoff.seconds", lambda self: 0.0)
    monkeypatch.setattr(streams, "CHUNK_ROWS", 10)
    run.server.fail = lambda kind, seq: (
        ServerError("bug") if (kind, seq) == ("history", 1) else None
    )
    run.log(10, loss=1.0)
    run.say("x\n")
    shipper = run.shipper()
    shipper.stop()
    assert shipper.drain(NEVER)
    assert run.server.console() == b"x\n"
    assert any("chunk 1 of s1-1" in heard for heard in run.ears.heard)


def test_the_digest_holds_summary_names_and_objective(run: Run) -> None:
    run.writer.add(MetricDefined("acc", summary=("max",)))
    run.log(1, loss=3.0, acc=0.5)
    run.log(1, loss=1.0, acc=0.9)
    run.log(1, loss=2.0, acc=0.7)
    run.log(1, loss=float("nan"))
    run.log(1, loss=True)
    run.writer.add(SummaryUpdate({"note": "x"}))
    shipper = run.shipper()
    shipper.stop()
    digest = shipper.digest
    assert digest.summary == {"i": 4, "loss": True, "acc": {"max": 0.9}, "note": "x"}
    assert (digest.rows, digest.points) == (5, 3)
    assert list(digest.keys) == ["i", "loss", "acc"]
    assert digest.objective(maximize=False) == 1.0
    assert digest.objective(maximize=True) == 3.0


@pytest.mark.parametrize(
    "row", [{"val": {"loss": 0.5}}, {"val/loss": 0.5}, {"val.loss": 0.5}], ids=str
)
def test_a_dotted_objective_is_found_however_it_was_logged(run: Run, row: dict[str, Any]) -> None:
    run.log(1, **row)
    shipper = run.shipper(metric="val.loss")
    shipper.stop()
    shipper.drain(NEVER)
    assert run.server.points() == [(0, 0.5)]
    assert shipper.digest.objective(maximize=False) == 0.5


def test_a_foreign_record_file_is_told_and_the_console_still_sent(run: Run) -> None:
    run.writer.close()
    run.folder.records(1).write_bytes(b"something else entirely")
    run.say("x\n")
    shipper = run.shipper()
    shipper.stop()
    assert shipper.drain(NEVER)
    assert run.server.console() == b"x\n"
    assert any("cannot be read" in heard for heard in run.ears.heard)


def test_what_is_remembered_is_small(run: Run) -> None:
    run.log(5000, loss=1.0)
    shipper = run.shipper()
    shipper.stop()
    shipper.drain(NEVER)
    kept = json.loads((run.folder.path / "shipped.1.json").read_text())
    assert set(kept) == {"history"}
    assert kept["history"]["start"] == kept["history"]["end"]
