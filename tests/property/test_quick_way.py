"""The quick way of log() records what the slow one does, whatever is logged in whichever order."""

from __future__ import annotations

import itertools
import math
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logging_core import terminal
from logging_core.journal import Journal
from logging_core.records import History, MetricDefined, Reader, SummaryUpdate, Writer

patient = settings(deadline=None, max_examples=200)

ROWS: list[dict[Any, Any]] = [
    {"loss": 0.5},
    {"loss": 1},
    {"loss": True},
    {"acc": 0.5},
    {"loss": 0.25, "acc": 3, "ok": False},
    {"acc": 3, "loss": 0.25, "ok": False},
    {"loss": math.nan},
    {"loss": "text"},
    {"loss": 2**70},
    {"nested": {"a": 1.5}},
    {},
    {3: 1.0},
    {"loss": 0.75, "_timestamp": 7.0},
    {"_step": 3, "_runtime": 1.0},
]
steps = st.one_of(st.none(), st.integers(0, 40), st.sampled_from([2**63, True, 1.0, 2.5]))
logged = st.tuples(
    st.just("log"),
    st.integers(0, len(ROWS) - 1),
    steps,
    st.sampled_from([None, None, None, True, False]),
    st.sampled_from([1, 2, 3, 30]),
)
others = st.sampled_from(
    [
        ("define", MetricDefined("loss", summary=("min", "mean", "first"))),
        ("define", MetricDefined("acc", summary=("max", "last"))),
        ("define", MetricDefined("*", step_metric="acc", step_sync=True)),
        ("record", SummaryUpdate({"best": 1.0}, ("acc",))),
        ("look",),
        ("step",),
    ]
)
counter = itertools.count()


def carry_out(journal: Journal, acts: list[Any]) -> list[Any]:
    seen: list[Any] = []
    for act in acts:
        if act[0] == "log":
            _, row, step, commit, times = act
            for number in range(times):
                moved = None if step is None else step + number
                try:
                    journal.log(dict(ROWS[row]), moved, commit)
                except ValueError as error:
                    seen.append(str(error))
        elif act[0] == "define":
            journal.define(act[1])
        elif act[0] == "record":
            journal.record(act[1])
        elif act[0] == "look":
            seen.append(dict(journal.summary()))
        else:
            seen.append(journal.step)
    seen += [dict(journal.summary()), journal.curves(), journal.step]
    assert journal.close(0)
    return seen


def written(path: Path) -> list[Any]:
    return [
        (one.step, one.time == 7.0, one.row) if isinstance(one, History) else one[:-1]
        for one in Reader(path).read(final=True)
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("quick")


@patient
@given(st.lists(st.one_of(logged, logged, others), max_size=25))
def test_both_ways_record_the_same(folder: Path, acts: list[Any]) -> None:
    quick, slow = folder / f"q{next(counter)}", folder / f"s{next(counter)}"
    found = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(terminal, "warn", lambda _text: None)
        for path in (quick, slow):
            found.append((carry_out(Journal(Writer(path)), acts), written(path)))
            patch.setattr(Journal, "_make_way", lambda _self, **_how: None)
    assert repr(found[0]) == repr(found[1])
    quick.unlink()
    slow.unlink()


def test_it_is_taken_at_all(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(Writer(folder / "taken"))
    slowly = []
    whole = journal._log
    monkeypatch.setattr(journal, "_log", lambda *call: (slowly.append(call), whole(*call)))
    for number in range(20_000):
        journal.log({"loss": number / 7})
    assert len(slowly) < 20
    for number in range(20_000, 40_000):
        journal.log({"loss": number / 7}, number)
    assert len(slowly) < 40
    journal.close(0)
    assert [(r.step, r.row["loss"]) for r in Reader(folder / "taken").read()[:-1]] == [
        (number, number / 7) for number in range(40_000)
    ]


def test_threads_that_log_at_once_lose_nothing(folder: Path) -> None:
    journal = Journal(Writer(folder / "threads"))
    start = threading.Barrier(4)

    def work(name: str) -> None:
        start.wait()
        for number in range(5000):
            journal.log({name: number})
            if number % 500 == 0:
                journal.summary()

    threads = [threading.Thread(target=work, args=(f"m{n % 2}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    journal.close(0)
    rows = [r for r in Reader(folder / "threads").read() if isinstance(r, History)]
    assert [row.step for row in rows] == list(range(20_000))
    for name in ("m0", "m1"):
        logged = sorted(row.row[name] for row in rows if name in row.row)
        assert logged == sorted(list(range(5000)) * 2)
