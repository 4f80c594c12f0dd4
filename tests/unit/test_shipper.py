"""What arrives at the server of a run folder: all of it, once, in order, whatever happens."""

from __future__ import annotations

import json
import shutil
import threading
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent import streams
from agent.shipper import Shipper
from logging_core.folder import RunFolder
from logging_core.records import (
    ConfigUpdate,
    FileSaved,
    MetricDefined,
    Record,
    SummaryUpdate,
    Writer,
)
from sweeps.errors import Fenced, OpensweepError, ServerError, ServerUnreachable, StoreUnavailable
from sweeps.protocol import columns
from sweeps.protocol.chunks import decode, unpack_points

NEVER = threading.Event()
NOW = threading.Event()
NOW.set()


class Server:
    """Plays the client: keeps each chunk once, by its number; answers as it is told."""

    def __init__(self) -> None:
        self.chunks: dict[tuple[int, str, int], dict[str, Any]] = {}
        self.lanes: dict[str, Server] = {}
        self.said: list[dict[str, Any]] = []
        self.posts: list[tuple[str, int, bytes]] = []
        self.fail: Callable[[str, int], OpensweepError | None] = lambda kind, seq: None
        self.lose_answers = False

    def post_chunk(self, run: str, writer: int, kind: str, seq: int, first: int, last: int,
                   rows: int, objective: bytes, data: bytes, lane: str = "") -> None:  # fmt: skip
        if error := self.fail(kind, seq):
            raise error
        if lane:
            whole = (run, writer, kind, seq, first, last, rows, objective, data)
            self.lanes.setdefault(lane, Server()).post_chunk(*whole)
            return
        self.posts.append((kind, seq, data))
        known = sorted(s for w, k, s in self.chunks if (w, k) == (writer, kind))
        assert seq <= len(known) + 1, "a gap"
        self.chunks.setdefault(
            (writer, kind, seq),
            {"first": first, "last": last, "rows": rows, "objective": objective, "data": data},
        )
        if self.lose_answers:
            raise ServerUnreachable("the answer was lost")

    def describe_run(self, run_id: str, writer: int, **said: Any) -> None:
        if error := self.fail("describe", 0):
            raise error
        self.said.append(said)

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

    def lane(self, name: str) -> Writer:
        return Writer(self.folder.records(f"1-{name}"))

    def carry(self, metric: str | None = "loss") -> Shipper:
        """All of it, after the script's end."""
        shipper = self.shipper(metric=metric)
        shipper.stop()
        assert shipper.drain(NEVER)
        return shipper

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


def test_rows_with_names_of_their_own_come_in_small_chunks(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columns, "_MASK_BITS", 10_000)
    monkeypatch.setattr(columns, "_MASK_BITS_A_VALUE", 16)
    for step in range(1000):
        run.writer.history(step, 1000.0, {f"k{step}": step})
    shipper = run.shipper()
    shipper.stop()
    assert shipper.drain(NEVER)
    assert run.server.rows() == [(step, {f"k{step}": step}) for step in range(1000)]
    chunks = [decode(chunk["data"]) for chunk in run.server.chunks.values()]
    assert 10 <= len(chunks) <= 40
    assert all(chunk.raggedness <= 1.01 for chunk in chunks)


def test_custom_charts_come_one_by_one(run: Run) -> None:
    run.writer.add(ConfigUpdate({"a": {"x": 1}, "_wandb": {"visualize": {"roc": {"id": 1}}}}))
    run.writer.add(ConfigUpdate({"a": {"y": 2}, "_wandb": {"visualize": {"pr": {"id": 2}}}}))
    config = run.carry().digest.config
    assert config == {"a": {"y": 2}, "_wandb": {"visualize": {"roc": {"id": 1}, "pr": {"id": 2}}}}


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


def test_nested_names_are_those_that_a_metric_is_asked_for_by(run: Run) -> None:
    run.log(1, val={"accuracy": 0.5, "by": {"class": 1}}, ms=3)
    shipper = run.shipper(metric="val/accuracy")
    shipper.stop()
    assert list(shipper.digest.keys) == ["i", "val.accuracy", "val.by.class", "ms"]


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


class TestLanes:
    def test_every_process_of_an_attempt_is_shipped_by_itself(self, run: Run) -> None:
        run.log(5, loss=1.0)
        with_rank = run.lane("rank1")
        for step in range(7):
            with_rank.history(step, 2000.0 + step, {"loss": 0.5, "own": step})
        with_rank.close()
        run.lane("other_attempt").close()
        (run.folder.path / "console.1-rank1.log").write_text("hello\n")
        (run.folder.path / "records.2-rank1.bin").write_bytes(b"")
        shipper = run.carry()
        assert len(run.server.rows()) == 5
        assert [row["own"] for _, row in run.server.lanes["rank1"].rows()] == list(range(7))
        assert run.server.lanes["rank1"].console() == b"hello\n"
        assert set(run.server.lanes) == {"rank1"}
        assert (run.folder.path / "shipped.1-rank1.json").exists()
        assert shipper.digest.objective(maximize=False) == 0.5
        assert shipper.digest.summary == {"i": 4, "loss": 0.5, "own": 6}, "the later value counts"

    def test_one_that_appears_while_it_runs(self, run: Run) -> None:
        shipper = run.shipper()
        shipper.start()
        run.log(3, loss=1.0)
        until(run.server.rows)
        late = run.lane("late")
        late.history(0, 1.0, {"loss": 2.0})
        until(lambda: "late" in run.server.lanes and run.server.lanes["late"].rows())
        late.close()
        shipper.stop()
        assert shipper.drain(NEVER)
        assert shipper.digest.rows == 4

    def test_each_is_followed_exactly_after_a_crash(self, run: Run) -> None:
        run.log(3, loss=1.0)
        rank = run.lane("a")
        rank.history(0, 1.0, {"x": 1.0})
        run.carry()
        rank.history(1, 2.0, {"x": 2.0})
        rank.close()
        again = run.shipper(resume=True)
        again.stop()
        assert again.drain(NEVER)
        assert run.server.lanes["a"].rows() == [(0, {"x": 1.0}), (1, {"x": 2.0})]
        assert len(run.server.rows()) == 3


def test_machine_metrics_go_as_rows_of_their_own(run: Run) -> None:
    machine = Writer(run.folder.system(1))
    for n in range(20):
        machine.history(n, 1000.0 + n, {"system.cpu": n / 2, "system.gpu.0.gpu": 99.0})
    machine.close()
    run.log(2, loss=1.0)
    shipper = run.carry()
    [chunk] = run.server.of("system")
    assert (chunk["first"], chunk["last"], chunk["rows"], chunk["objective"]) == (0, 19, 20, b"")
    assert len(list(decode(chunk["data"]).rows())) == 20
    assert "system.cpu" not in shipper.digest.summary
    assert set(json.loads(run.folder.shipped(1).read_text())) == {"history", "system"}


class TestPatience:
    def test_a_backlog_makes_chunks_larger_and_not_more(self, run: Run) -> None:
        run.log(250_000)
        run.carry(metric=None)
        assert len(run.server.of("history")) <= 4
        assert sum(chunk["rows"] for chunk in run.server.of("history")) == 250_000

    def test_a_slow_server_is_asked_less_often(self, run: Run) -> None:
        real = run.server.post_chunk

        def slow(*given: Any, **more: Any) -> None:
            time.sleep(0.1)
            real(*given, **more)

        run.server.post_chunk = slow  # type: ignore[method-assign]
        shipper = run.shipper(metric=None)
        shipper.start()
        began = time.monotonic()
        while time.monotonic() - began < 2.0:
            run.log(1)
            time.sleep(0.01)
        shipper.stop()
        assert len(run.server.posts) <= 4


class TestErrands:
    def test_what_a_run_says_of_itself_arrives_while_it_runs(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("agent.description.EVERY_S", 0.1)
        run.writer.add(ConfigUpdate({"lr": 0.1}))
        run.writer.add(MetricDefined("acc", summary=("max",)))
        shipper = run.shipper()
        shipper.start()
        run.log(1, loss=1.0, acc=0.5)
        until(lambda: run.server.said)
        run.log(1, loss=0.5, acc=0.4)
        until(lambda: run.server.said[-1].get("summary", {}).get("loss") == 0.5)
        shipper.stop()
        assert shipper.drain(NEVER)
        assert shipper.finish_errands(NEVER)
        assert run.server.said[0]["config"] == {"lr": 0.1}
        assert run.server.said[0]["metrics"]["acc"]["summary"] == ["max"]
        assert all("config" not in said and "metrics" not in said for said in run.server.said[1:])
        assert run.server.said[-1]["summary"] == {"i": 1, "loss": 0.5, "acc": {"max": 0.5}}

    def test_a_result_saves_saying_it_again(self, run: Run) -> None:
        run.writer.add(ConfigUpdate({"lr": 0.1}))
        run.log(1, loss=1.0)
        shipper = run.carry()
        shipper.result_is_told()
        assert shipper.finish_errands(NEVER)
        assert run.server.said == []

    def test_none_of_it_waits_for_another(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        """A slow errand holds up no chunk, a broken one no other, and each sees every record."""
        slow, broken, good = Slow(), Broken(), Good()
        monkeypatch.setattr("agent.shipper.errands_for", lambda *given: [slow, broken, good])
        run.writer.add(FileSaved("a.txt"))
        run.log(1, loss=1.0)
        shipper = run.shipper()
        shipper.start()
        until(lambda: slow.begun)
        run.log(1, loss=0.5)
        until(lambda: len(run.server.points()) == 2)
        slow.go_on.set()
        run.writer.add(FileSaved("b.txt"))
        until(lambda: len(good.taken) == 2)
        shipper.stop()
        assert shipper.drain(NEVER)
        run.lane("x").close()
        assert shipper.finish_errands(NEVER)
        assert good.finals > 0
        assert any("Broken is given up: RuntimeError: no" in heard for heard in run.ears.heard)

    def test_an_outage_is_sat_out_and_a_hurry_is_not(self, run: Run) -> None:
        run.log(1, loss=1.0)
        run.server.fail = lambda kind, seq: (
            ServerUnreachable("away") if kind == "describe" else None
        )
        shipper = run.carry()
        assert not shipper.finish_errands(NOW)
        assert "away" in run.ears.heard
        run.server.fail = lambda kind, seq: None
        assert shipper.finish_errands(NEVER)
        assert run.server.said

    def test_a_fenced_attempt_ends_them(self, run: Run) -> None:
        run.log(1, loss=1.0)
        fenced: list[bool] = []
        run.server.fail = lambda kind, seq: Fenced("newer") if kind == "describe" else None
        shipper = Shipper(run.server, run.folder, "s1-1", 1, "loss", run.ears,  # type: ignore[arg-type]
                          on_fenced=lambda: fenced.append(True))  # fmt: skip
        shipper.stop()
        assert shipper.drain(NEVER)
        assert shipper.finish_errands(NEVER)
        assert fenced == [True]
        assert shipper.fenced.is_set()

    def test_one_that_the_server_never_takes_is_given_up(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("agent.errands.Backoff.seconds", lambda self: 0.0)
        run.log(1, loss=1.0)
        run.server.fail = lambda kind, seq: ServerError("bug") if kind == "describe" else None
        shipper = run.carry()
        assert shipper.finish_errands(NEVER)
        assert any("Description is given up: bug" in heard for heard in run.ears.heard)


class Good:
    def __init__(self) -> None:
        self.taken: list[Record] = []
        self.finals = 0

    def take(self, record: Record) -> None:
        self.taken.append(record)

    def work(self, *, final: bool) -> bool:
        self.finals += final
        return self.finals != 1


class Slow(Good):
    def __init__(self) -> None:
        super().__init__()
        self.begun, self.go_on = False, threading.Event()

    def work(self, *, final: bool) -> bool:
        self.begun = True
        return self.go_on.wait(10.0)


class Broken(Good):
    def work(self, *, final: bool) -> bool:
        raise RuntimeError("no")


class TestFaults:
    def test_a_long_outage_takes_little_memory_and_is_made_up_for_quickly(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("agent.shipper.Backoff.seconds", lambda self: 0.01)
        monkeypatch.setattr("agent.tape.KEEP_BYTES", 1 << 20)
        run.server.fail = lambda kind, seq: ServerUnreachable("away")
        shipper = run.shipper()
        shipper.start()
        run.log(1, loss=1.0)
        until(lambda: "away" in run.ears.heard)
        tracemalloc.start()
        try:
            run.log(100_000, loss=0.5)
            until(lambda: shipper.digest.rows == run.step)
            assert tracemalloc.get_traced_memory()[1] < 12 << 20
        finally:
            tracemalloc.stop()
        began = time.monotonic()
        run.server.fail = lambda kind, seq: None
        until(lambda: len(run.server.points()) == run.step)
        assert time.monotonic() - began < 5.0
        shipper.stop()
        assert shipper.drain(NEVER)
        assert [step for step, _ in run.server.points()] == list(range(run.step))

    def test_a_disk_that_fills_up_while_progress_is_noted(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*given: Any) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(streams.Progress, "save", full)
        run.log(10, loss=1.0)
        run.carry()
        assert len(run.server.rows()) == 10

    def test_a_folder_that_is_deleted_under_the_run(self, run: Run) -> None:
        shipper = run.shipper()
        shipper.start()
        run.log(10, loss=1.0)
        until(run.server.points)
        shutil.rmtree(run.folder.path)
        run.log(10, loss=1.0)
        shipper.stop()
        assert shipper.drain(NEVER)
        assert shipper.digest.rows >= 10
        assert shipper.finish_errands(NEVER)

    def test_strings_of_a_megabyte(self, run: Run) -> None:
        for n in range(40):
            run.log(1, text=f"{n}" * (500_000 if n > 9 else 1_000_000), loss=float(n))
        run.carry()
        assert [row["text"][:2] for _, row in run.server.rows()][10:] == [
            str(n) for n in range(10, 40)
        ]
        assert max(len(chunk["data"]) for chunk in run.server.of("history")) < 16 << 20

    def test_a_hundred_thousand_names(self, run: Run) -> None:
        began = time.monotonic()
        for n in range(3):
            run.log(1, **{f"layer/{k}/norm": k * 0.5 + n for k in range(100_000)})
        shipper = run.carry(metric="layer/7/norm")
        assert time.monotonic() - began < 20.0
        assert len(run.server.rows()[0][1]) == 100_001
        assert shipper.digest.objective(maximize=True) == 5.5
        assert len(shipper.digest.summary) == 100_001

    def test_a_row_that_no_chunk_can_hold_costs_only_itself(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("sweeps.protocol.chunks.MAX_JSON_BYTES", 1000)
        run.log(20, loss=1.0)
        run.log(1, loss=2.0, text="x" * 2000)
        run.log(20, loss=3.0, text="y")
        run.carry()
        assert [step for step, _ in run.server.rows()] == [n for n in range(41) if n != 20]
        assert sum("cannot be sent" in heard for heard in run.ears.heard) == 1

    def test_shapes_that_alternate(self, run: Run) -> None:
        """Training rows with an evaluation every few steps, and a text now and then."""
        for n in range(3000):
            run.log(1, loss=1 / (n + 1), **({"val": n * 0.5} if n % 3 == 0 else {}))
            if n % 500 == 0:
                run.log(1, note=f"at {n}", deep={"er": n})
        run.carry()
        rows = run.server.rows()
        assert [step for step, _ in rows] == list(range(run.step))
        assert sum("val" in row for _, row in rows) == 1000
        assert [row["deep.er"] for _, row in rows if "deep.er" in row] == list(range(0, 3000, 500))
        assert len(run.server.points()) == 3000
