"""A finished writer's rows packed away: nothing is lost, whenever it is cut off."""

from __future__ import annotations

import os
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from agent import compact as module
from agent.compact import compact, packed_rows, unpack
from agent.streams import Progress
from logging_core.folder import RunFolder
from logging_core.records import (
    Compacted,
    ConfigUpdate,
    Finished,
    History,
    MetricDefined,
    Reader,
    SummaryUpdate,
    Writer,
)
from logging_core.summary import SummaryFold

ROWS = 3000


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    """A run of some thousand rows, with other records between, all acknowledged."""
    monkeypatch.setattr(module, "SMALL_BYTES", 1000)
    folder = RunFolder.create(tmp_path / "run", run_id="r", config={}, locked=False, metadata={})
    writer = Writer(folder.records(1))
    writer.add(ConfigUpdate({"lr": 0.1}))
    writer.add(MetricDefined("loss", summary=("min", "mean")))
    for n in range(ROWS):
        writer.history(n, 1e9 + n / 7, {"loss": 1 / (n + 1), "n": n})
        if n == 2000:
            writer.history(n, 1e9 + n / 7, {"note": "half way", "in": {"deep": 1}})
    writer.add(SummaryUpdate({"best": 0.5}))
    writer.add(Finished(0, 2e9))
    writer.close()
    acknowledge(folder)
    return folder


def acknowledge(folder: RunFolder) -> None:
    end = os.stat(folder.records(1)).st_size
    Progress(folder.shipped(1)).save("history", 2, end, end)


def fold_of(folder: RunFolder) -> SummaryFold:
    fold = SummaryFold()
    for record in Reader(folder.records(1)).read(final=True):
        fold.apply(record)
    return fold


def rows_in(folder: RunFolder) -> list[tuple[int, float, dict[str, Any]]]:
    """What a reader finds: in the record file, or, where that says so, packed."""
    records = Reader(folder.records(1)).read(final=True)
    rows = [tuple(record) for record in records if isinstance(record, History)]
    if any(isinstance(record, Compacted) for record in records):
        assert not rows
        return [row for columns in packed_rows(folder, "1") for row in columns.rows()]
    return rows  # type: ignore[return-value]


def flat(rows: list[tuple[int, float, dict[str, Any]]]) -> list[Any]:
    return [
        (step, time, {"note": row["note"], "in.deep": 1} if "note" in row else row)
        for step, time, row in rows
    ]


def test_rows_become_a_few_bytes_a_value_and_the_rest_stays(folder: RunFolder) -> None:
    rows, fold = flat(rows_in(folder)), fold_of(folder)
    before = os.stat(folder.records(1)).st_size
    assert compact(folder, "1")
    left = Reader(folder.records(1)).read(final=True)
    assert [type(record) for record in left] == [
        ConfigUpdate, MetricDefined, SummaryUpdate, Finished, Compacted,
    ]  # fmt: skip
    assert isinstance(left[-1], Compacted)
    assert (left[-1].next_step, left[-1].rows) == (ROWS, ROWS + 1)
    assert rows_in(folder) == rows
    assert fold_of(folder).summary == fold.summary
    after = os.stat(folder.records(1)).st_size + os.stat(folder.chunks(1)).st_size
    assert after < before / 3


def test_the_summary_goes_on_where_it_was(folder: RunFolder) -> None:
    whole = fold_of(folder)
    compact(folder, "1")
    packed = fold_of(folder)
    for fold in (whole, packed):
        fold.apply(History(ROWS, 2e9, {"loss": 7.0}))
    assert packed.summary["loss"]["min"] == whole.summary["loss"]["min"]
    assert packed.summary["loss"]["mean"] == pytest.approx(whole.summary["loss"]["mean"])


def test_it_is_done_once(folder: RunFolder) -> None:
    assert compact(folder, "1")
    rows = rows_in(folder)
    assert not compact(folder, "1")
    assert rows_in(folder) == rows


def test_never_while_somebody_writes(folder: RunFolder) -> None:
    writer = Writer(folder.records(1))
    try:
        assert not compact(folder, "1")
    finally:
        writer.close()
    assert compact(folder, "1")


def test_never_before_all_is_acknowledged(folder: RunFolder) -> None:
    Progress(folder.shipped(1)).save("history", 1, 100, 100)
    assert not compact(folder, "1")
    os.unlink(folder.shipped(1))
    assert not compact(folder, "1")
    folder.shipped(1).write_text("damaged")
    assert not compact(folder, "1")


def test_small_files_damaged_ones_and_none_are_left_alone(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not compact(folder, "7")
    monkeypatch.setattr(module, "SMALL_BYTES", 1 << 30)
    assert not compact(folder, "1")
    monkeypatch.setattr(module, "SMALL_BYTES", 1000)
    whole = bytearray(folder.records(1).read_bytes())
    whole[len(whole) // 2] ^= 1
    folder.records(1).write_bytes(whole)
    acknowledge(folder)
    rows = rows_in(folder)
    assert not compact(folder, "1")
    assert rows_in(folder) == rows


class Cut(Exception):
    """The process ends here."""


@pytest.mark.parametrize("call", ["replace", "fsync"])
@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_cut_off_at_any_point(
    folder: RunFolder, call: str, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, fold, real, calls = flat(rows_in(folder)), fold_of(folder), getattr(os, call), []

    def cut(*given: Any) -> Any:
        calls.append(given)
        if len(calls) == number:
            raise Cut
        return real(*given)

    with monkeypatch.context() as patch:
        patch.setattr(os, call, cut)
        try:
            compact(folder, "1")
        except Cut:
            pass
        else:
            assert number > len(calls)
    assert flat(rows_in(folder)) == rows
    assert fold_of(folder).summary == fold.summary
    compact(folder, "1")
    assert rows_in(folder) == rows


def test_a_full_disk_leaves_all_as_it_was(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sorted(os.listdir(folder.path)), folder.records(1).read_bytes()

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            compact(folder, "1")
    assert (sorted(os.listdir(folder.path)), folder.records(1).read_bytes()) == before


def test_unpacked_rows_can_be_shipped_again(folder: RunFolder) -> None:
    rows, fold = flat(rows_in(folder)), fold_of(folder)
    assert not unpack(folder, "1")
    compact(folder, "1")
    assert unpack(folder, "1")
    assert rows_in(folder) == rows
    assert fold_of(folder).summary == fold.summary
    assert not folder.chunks(1).exists()


def test_to_unpack_takes_no_more_memory_for_a_longer_run(tmp_path: Path) -> None:
    """`sweep sync` to another server asks for it, whether or not anything was packed."""
    folder = RunFolder.create(tmp_path / "run", run_id="r", config={}, locked=False, metadata={})
    writer = Writer(folder.records(1))
    names = [f"m{n}" for n in range(30)]
    for step in range(20_000):  # as dicts they would take 40 MB
        writer.history(step, 1e9, dict.fromkeys(names, step / 7))
    writer.close()
    tracemalloc.start()
    try:
        assert not unpack(folder, "1")
        assert tracemalloc.get_traced_memory()[1] < 10e6
    finally:
        tracemalloc.stop()
