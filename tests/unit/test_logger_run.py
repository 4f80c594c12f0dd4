"""A run as a script uses it: steps, commits, summary, endings; read back from its files."""

from __future__ import annotations

import contextlib
import errno
import math
import os
import shutil
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from logger_place import clean_place, folder_of, records_of, rows_of, under_an_agent  # noqa: F401

import opensweep
from logging_core import frames, trouble
from logging_core.fate import Fate, say_fate
from logging_core.nesting import nested
from logging_core.records import Finished, History
from logging_core.summary import SummaryFold

pytestmark = pytest.mark.usefixtures("clean_place")


# -- steps and commits ---------------------------------------------------------------------------


def test_each_call_is_a_step() -> None:
    run = opensweep.init()
    for value in (1.0, 2.0, 3.0):
        run.log({"loss": value})
    assert run.step == 3
    assert rows_of(run) == [(0, {"loss": 1.0}), (1, {"loss": 2.0}), (2, {"loss": 3.0})]


def test_commit_false_adds_to_the_step() -> None:
    run = opensweep.init()
    run.log({"a": 1}, commit=False)
    run.log({"b": 2, "a": 3}, commit=False)
    assert run.step == 0
    run.log({"c": 4})
    run.log({"a": 5})
    assert rows_of(run) == [(0, {"a": 3, "b": 2, "c": 4}), (1, {"a": 5})]
    assert run.summary["a"] == 5


def test_an_explicit_step_stays_open_until_a_later_one() -> None:
    run = opensweep.init()
    run.log({"a": 1}, step=5)
    run.log({"b": 2}, step=5)
    assert "a" not in run.summary
    run.log({"a": 3}, step=7, commit=True)
    assert dict(run.summary) == {"a": 3, "b": 2}
    assert run.step == 8
    run.log({"a": 4})
    run.log({"a": 6}, step=12)
    run.log({"b": 9})  # no step: completes the open one
    assert run.step == 13
    assert rows_of(run) == [
        (5, {"a": 1, "b": 2}),
        (7, {"a": 3}),
        (8, {"a": 4}),
        (12, {"a": 6, "b": 9}),
    ]


def test_a_step_that_went_by_is_dropped_with_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    run = opensweep.init()
    run.log({"a": 1}, step=5)
    run.log({"a": 2}, step=3)
    run.log({"a": 3}, step=4)
    run.finish()
    assert rows_of(run) == [(5, {"a": 1})]
    assert capsys.readouterr().err.count("steps only go forward") == 1


def test_an_open_step_is_complete_at_the_end() -> None:
    run = opensweep.init()
    run.log({"a": 1}, step=2)
    assert rows_of(run) == [(2, {"a": 1})]  # also for whoever reads after a kill -9
    run.finish()
    assert run.summary["a"] == 1
    assert rows_of(run) == [(2, {"a": 1})]


def test_an_empty_call_counts_a_step_and_commit_true_closes_one() -> None:
    run = opensweep.init()
    run.log({})
    run.log({"a": 1}, commit=False)
    run.log({}, commit=True)
    run.log({"a": 2})
    assert rows_of(run) == [(1, {"a": 1}), (2, {"a": 2})]


@pytest.mark.parametrize("data", [None, [("a", 1)], "a", 3])
def test_only_mappings_are_logged(data: Any) -> None:
    run = opensweep.init()
    with pytest.raises(ValueError, match="takes a dict"):
        run.log(data)
    with pytest.raises(opensweep.UsageError, match="step must be an integer"):
        run.log({"a": 1}, step="one")  # type: ignore[arg-type]
    with pytest.raises(opensweep.UsageError, match="step must be an integer"):
        run.log({"a": 1}, step=math.inf)  # type: ignore[arg-type]


def test_a_step_is_a_whole_number() -> None:
    run = opensweep.init()
    with pytest.raises(opensweep.UsageError, match=r"step must be an integer, not 30\.7"):
        run.log({"a": 1}, step=30.7)  # type: ignore[arg-type]
    run.log({"a": 1}, step=3.0)  # type: ignore[arg-type]
    assert rows_of(run) == [(3, {"a": 1})]


def test_what_a_row_may_not_say_itself(capsys: pytest.CaptureFixture[str]) -> None:
    run = opensweep.init()
    for number in range(4):  # rows alike, which would go the quick way
        run.log({"a": number, "_timestamp": 1.5e9 + number})
    run.log({"_step": 77, "_runtime": 8, "a": 4})
    run.log({"_step": 78})
    run.log({"a": 6, "_timestamp": "noon"})
    before = time.time()
    records = [record for record in records_of(run) if isinstance(record, History)]
    steps = [(0, 0), (1, 1), (2, 2), (3, 3), (4, 4), (6, 6)]
    assert [(record.step, record.row["a"]) for record in records] == steps
    assert [record.time for record in records[:4]] == [1.5e9, 1.5e9 + 1, 1.5e9 + 2, 1.5e9 + 3]
    assert all(abs(record.time - before) < 60 for record in records[4:])
    assert dict(run.summary) == {"a": 6}
    told = capsys.readouterr().err
    assert told.count("'_step' is reserved and left out") == 1
    assert told.count("in seconds since 1970, not 'noon'") == 1


def test_a_step_metric_is_no_time_of_its_own() -> None:
    """define_metric(step_metric="_timestamp") must not give one row the time of another."""
    run = opensweep.init()
    run.define_metric("a", step_metric="_timestamp")
    run.log({"a": 1, "_timestamp": 5.0})
    run.log({"a": 2})
    first, second = (record for record in records_of(run) if isinstance(record, History))
    assert (first.time, first.row) == (5.0, {"a": 1})
    assert second.time > 1.5e9
    assert second.row == {"a": 2}


class Scalar:
    """As NumPy, torch and JAX scalars are: known by `item` alone."""

    def item(self) -> float:
        return 0.25


def test_values_of_every_kind() -> None:
    run = opensweep.init()
    logged = {
        "nan": math.nan,
        "inf": -math.inf,
        "huge": 10**40,
        "flag": True,
        "none": None,
        "text": "é\ud800\0",
        "scalar": Scalar(),
        "list": [1, (2, Scalar())],
        "deep": {"er": {"x": Scalar()}, 3: 1},
        "thing": Path("x"),
    }
    run.log(logged)
    ((_, row),) = rows_of(run)
    assert math.isnan(row.pop("nan"))
    assert row == {
        "inf": -math.inf,
        "huge": 10**40,
        "flag": True,
        "none": None,
        "text": "é\ud800\0",
        "scalar": 0.25,
        "list": [1, [2, 0.25]],
        "deep": {"er": {"x": 0.25}, "3": 1},
        "thing": "x",
    }
    assert run.summary["deep.er.x"] == 0.25
    run.log({"scalar": Scalar(), "n": 1})
    assert rows_of(run)[1] == (1, {"scalar": 0.25, "n": 1})


def test_threads_share_a_run() -> None:
    run = opensweep.init()

    def work(worker: int) -> None:
        for i in range(200):
            run.log({f"w{worker}": i})

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = rows_of(run)
    assert [step for step, _ in rows] == list(range(800))
    for worker in range(4):
        values = [row[f"w{worker}"] for _, row in rows if f"w{worker}" in row]
        assert values == list(range(200))


def test_the_summary_is_read_while_another_thread_logs() -> None:
    run = opensweep.init()
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)

    def work() -> None:
        for number in range(3000):
            run.log({f"a{number}": number, f"deep.b{number}": number})

    thread = threading.Thread(target=work)
    thread.start()
    try:
        while thread.is_alive():
            assert "none" not in run.summary
            assert len(dict(run.summary)) <= len(run.summary)
            run.summary["deep.own"] = 1
            del run.summary["deep.own"]
    finally:
        sys.setswitchinterval(before)
        thread.join()
    assert len(run.summary["deep"]) == 3000


# -- summary and define_metric -------------------------------------------------------------------


def test_summaries_by_definition() -> None:
    run = opensweep.init()
    run.define_metric("val/*", summary="min,max")
    run.define_metric("val/acc", summary="best", goal="maximize")
    run.define_metric("lr", summary="none")
    run.define_metric("loss", summary="mean,first,last")
    for loss, acc in ((3.0, 0.5), (1.0, 0.9), (math.nan, 0.7)):
        run.log({"val/loss": loss, "val/acc": acc, "lr": 1, "loss": loss, "epoch": 1})
    summary = dict(run.summary)
    assert math.isnan(summary["loss"].pop("last"))
    assert summary == {
        "val/loss": {"min": 1.0, "max": 3.0},
        "val/acc": {"best": 0.9},
        "loss": {"mean": 2.0, "first": 3.0},
        "epoch": 1,
    }


def test_a_step_metric_is_carried_along() -> None:
    run = opensweep.init()
    run.define_metric("epoch", hidden=True)
    run.define_metric("val/*", step_metric="epoch")
    run.log({"val/loss": 0.9})  # no epoch seen yet
    run.log({"epoch": 3})
    run.log({"loss": 1.0})
    run.log({"val/loss": 0.5})
    run.log({"val/loss": 0.4}, step=10)
    run.log({"loss": 1}, step=11)
    assert [row for _, row in rows_of(run)] == [
        {"val/loss": 0.9},
        {"epoch": 3},
        {"loss": 1.0},
        {"val/loss": 0.5, "epoch": 3},
        {"val/loss": 0.4, "epoch": 3},
        {"loss": 1},
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "x", "summary": "median"}, "'median' is none of min, max"),
        ({"name": "x", "goal": "up"}, "'up' is not minimize or maximize"),
        ({"name": ""}, "name of a metric"),
    ],
)
def test_definitions_that_make_no_sense(arguments: dict[str, Any], message: str) -> None:
    run = opensweep.init()
    with pytest.raises(opensweep.UsageError, match=message):
        run.define_metric(**arguments)


def test_the_script_sets_summary_values_itself() -> None:
    run = opensweep.init()
    run.log({"acc": 0.5})
    run.summary["best"] = Scalar()
    run.summary.update({"note": "x"}, n=3)
    run.summary.acc = 0.75
    del run.summary["n"]
    assert dict(run.summary) == {"acc": 0.75, "best": 0.25, "note": "x"}
    assert run.summary.best == 0.25
    with pytest.raises(AttributeError, match="no value 'worst'"):
        _ = run.summary.worst
    with pytest.raises(KeyError):
        del run.summary["n"]
    run.log({"acc": 0.1})
    assert run.summary["acc"] == 0.1


def test_the_file_folds_to_the_same_summary() -> None:
    run = opensweep.init()
    run.define_metric("a*", summary="min,mean")
    run.log({"acc": 1, "deep": {"x": "t"}})
    run.log({"acc": 3}, commit=False)
    run.summary["deep.x"] = 2
    run.log({"b": [1]})
    run.summary.update({"c": None})
    run.log({"acc": 5}, step=9)
    run.finish()
    fold = SummaryFold()
    for record in records_of(run):
        fold.apply(record)
    assert nested(fold.summary) == dict(run.summary)
    assert fold.summary["acc"] == {"min": 1, "mean": 3.0}


# -- the end, and trouble ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "code"),
    [(None, 0), (RuntimeError("no"), 1), (SystemExit(3), 3), (KeyboardInterrupt(), 130)],
)
def test_the_with_statement_records_how_it_ended(error: BaseException | None, code: int) -> None:
    with contextlib.suppress(BaseException), opensweep.init() as run:
        if error is not None:
            raise error
    last = records_of(run)[-1]
    assert isinstance(last, Finished)
    assert last.exit_code == code


def test_finish_puts_everything_back(capsys: pytest.CaptureFixture[str]) -> None:
    before = (sys.excepthook, sys.exit, "write" in vars(sys.stdout))
    run = opensweep.init()
    assert sys.excepthook is not before[0]
    print("printed")
    sys.stderr.write("told\n")
    run.finish()
    run.finish()
    print("afterwards")
    assert (sys.excepthook, sys.exit, "write" in vars(sys.stdout)) == before
    kept = folder_of(run).console("1").read_text()
    assert "printed\ntold\n" in kept
    assert "afterwards" not in kept
    assert "printed\nafterwards\n" in capsys.readouterr().out


def test_the_start_and_the_end_as_the_user_sees_them(capsys: pytest.CaptureFixture[str]) -> None:
    run = opensweep.init(project="digits", name="first try")
    for i in range(8):
        run.log({"loss": 7.0 - i, "val/accuracy": i})
    run.summary["note"] = "a rather long note about this run"
    run.finish()
    out, err = capsys.readouterr()
    assert out == ""
    assert f"opensweep: run {run.id} 'first try' (project digits)\n" in err
    assert (
        "opensweep: Run history:\n"
        "opensweep:         loss █▇▆▅▄▃▂▁\n"
        "opensweep: val/accuracy ▁▂▃▄▅▆▇█\n"
        "opensweep:\n"
        "opensweep: Run summary:\n"
        "opensweep:         loss 0.0\n"
        "opensweep:         note a rather long note a...\n"
        "opensweep: val/accuracy 7\n"
    ) in err
    assert str(folder_of(run).path) in err


def test_a_full_disk_pauses_logging_and_not_the_script(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = opensweep.init()
    run.log({"a": "kept"})

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "posix_fallocate", full)
        for _ in range(3):
            run.log({"a": "x" * 100_000})
        run.summary["b"] = 1
    assert capsys.readouterr().err.count("No space left on device") == 1
    monkeypatch.setattr(trouble, "RETRY_S", 0.0)
    run._journal._trouble._retry_at = 0.0
    run.log({"a": "again"})
    run.finish()
    assert rows_of(run) == [(0, {"a": "kept"}), (4, {"a": "again"})]
    err = capsys.readouterr().err
    assert "logging goes on; 4 calls could not be recorded" in err


def test_a_full_disk_that_takes_a_few_bytes_is_still_full(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = opensweep.init()
    run.log({"a": "kept"})  # there is room for others as small

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(trouble, "RETRY_S", 0.0)
    with monkeypatch.context() as patch:
        patch.setattr(os, "posix_fallocate", full)
        for _ in range(3):
            run.log({"a": "x" * 100_000})
    err = capsys.readouterr().err
    assert err.count("No space left on device") == 1
    assert "logging goes on" not in err
    run.log({"a": "again"})
    assert "logging goes on; 3 calls could not be recorded" in capsys.readouterr().err
    with monkeypatch.context() as patch:
        patch.setattr(os, "posix_fallocate", full)
        run.log({"a": "x" * 10_000_000})
    assert "No space left on device" in capsys.readouterr().err  # told anew
    run.finish()
    assert rows_of(run) == [(0, {"a": "kept"}), (4, {"a": "again"})]


def test_no_room_for_one_more_thread(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = opensweep.init()

    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        for number in range(5):
            run.log({"a": number})
    run.finish()
    assert [row for _, row in rows_of(run)] == [{"a": number} for number in range(5)]
    assert capsys.readouterr().err.count("can't start new thread") == 1


def test_a_record_beyond_all_bounds_is_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = opensweep.init()
    monkeypatch.setattr(frames, "MAX_FRAME", 10_000)
    run.log({"text": "x" * 20_000})
    run.summary["text"] = "x" * 20_000
    run.log({"a": 1})
    run.finish()
    assert [row for _, row in rows_of(run)] == [{"a": 1}]
    assert capsys.readouterr().err.count("bytes is too large to log: it is left out") == 1


def test_a_folder_that_is_deleted_under_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    run = opensweep.init()
    shutil.rmtree(folder_of(run).path)
    for _ in range(5):
        run.log({"a": "x" * 50_000})
    run.finish()
    err = capsys.readouterr().err
    assert "was deleted" in err
    assert "Traceback" not in err


def test_a_second_process_of_a_trial_is_told_that_it_records_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    under_an_agent(monkeypatch, tmp_path / "trial", {"lr": 1})
    first = opensweep.init()
    second = opensweep.init(reinit="create_new")
    second.log({"a": 1})
    assert (second.disabled, second.config.lr) == (True, 1)
    assert "another process records run ab12cd34-1" in capsys.readouterr().err
    assert rows_of(first) == []
    second.finish()


def test_very_many_names_are_kept_and_warned_about_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = opensweep.init()
    run.log({f"a{n}": n for n in range(100_000)})
    assert "different names" not in capsys.readouterr().err
    run.log({"one more": 1.5})
    run.log({"another": 2.5})
    assert capsys.readouterr().err.count("more than 100,000 different names") == 1
    assert run.summary["a99999"] == 99_999
    assert [len(row) for _, row in rows_of(run)] == [100_000, 1, 1]


@pytest.mark.parametrize(
    ("fate", "said"),
    [
        (Fate("sent"), "and sent to http://h/runs/r"),
        (Fate("under way"), "and is being sent to http://h/runs/r"),
        (Fate("waited", left=2_540_000), "2.5 MB left; it goes on in the background"),
        (Fate("waited"), "still being sent to http://h/runs/r; it goes on in the background"),
        (Fate("away"), "`sweep sync /f` sends it later"),
        (Fate("refused", "taken."), "it is not sent: taken. `sweep sync /f --id NEW` sends it"),
        (Fate("failed", "the key"), "it is not sent: the key. `sweep sync /f` tries again"),
    ],
)
def test_what_the_end_says_of_the_way_to_the_server(
    fate: Fate, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    say_fate("r", Path("/f"), "http://h/runs/r", fate, trial=False)
    told = capsys.readouterr().err
    assert told.startswith("opensweep: run r is kept in /f")
    assert said in told
    assert ("and sent to" in told) == (fate.state == "sent")
