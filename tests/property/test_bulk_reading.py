"""Reading in bulk gives what reading record by record gives, however a file ends or is damaged."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.columnar import ColumnReader, Rows
from agent.digest import LaneDigest
from agent.packing import points_of
from agent.tape import Tape
from logging_core import frames
from logging_core.records import (
    ConfigUpdate,
    Finished,
    History,
    MetricDefined,
    Reader,
    Record,
    SummaryUpdate,
    Writer,
)
from logging_core.summary import SummaryFold
from logging_core.values import flatten
from sweeps.objective import metric_value
from sweeps.protocol.columns import from_rows

patient = settings(deadline=None, max_examples=40)

SHAPES: list[dict[str, Any]] = [
    {"loss": 0.5},
    {"loss": 0.5, "acc": 1},
    {"loss": 2, "ok": True},
    {f"m{n}": n / 7 for n in range(30)},
    {"text": "x", "loss": 1.0},
    {"nested": {"a": 1}, "big": 2**70},
    {"loss": math.nan, "acc": -math.inf},
]
others = st.sampled_from(
    [
        SummaryUpdate({"best": 1.0}, ("acc",)),
        MetricDefined("loss", summary=("min", "mean")),
        MetricDefined("m*", summary=("max", "first")),
        MetricDefined("acc", summary=("none",)),
        ConfigUpdate({"a": 1}),
        Finished(0, 5.0),
    ]
)
# (shape, how many such rows, whether they come in parts): files with long and short runs.
runs = st.tuples(
    st.integers(0, len(SHAPES) - 1), st.sampled_from([1, 2, 9, 40, 300]), st.integers(0, 9)
)
files = st.lists(st.one_of(runs, others), max_size=12)


def write(path: Path, content: list[Any]) -> None:
    path.unlink(missing_ok=True)
    writer = Writer(path)
    step = 0
    for one in content:
        if isinstance(one, tuple) and type(one) is tuple:
            shape, count, odd = one
            for n in range(count):
                row = {
                    key: value + n if type(value) in (int, float) else value
                    for key, value in SHAPES[shape].items()
                }
                writer.history(step, 1e9 + step / 7, row, partial=odd == 0)
                step += 0 if odd == 1 else 1
        else:
            writer.add(one)
    writer.close()


def in_bulk(path: Path, *, final: bool = True, rows: int = 1 << 16) -> tuple[list[Record], int]:
    reader, at, found = ColumnReader(path), 0, []
    while (batch := reader.batch(at, rows=rows, final=final)) is not None:
        found += list(plain(batch.items))
        assert batch.rows == sum(isinstance(one, History) for one in plain(batch.items))
        at = batch.end
    return found, at


def plain(items: Any) -> Iterator[Record]:
    for item in items:
        if isinstance(item, Rows):
            yield from item.rows()
        else:
            yield item


def one_by_one(path: Path, *, final: bool = True) -> tuple[list[Record], int]:
    reader = Reader(path)
    found = reader.read(final=final)
    return found, reader.offset


def same(left: Any, right: Any) -> bool:
    return repr(left) == repr(right)  # NaN, -0.0, bools and the order of names included


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bulk") / "records.1.bin"


@patient
@given(files, st.sampled_from([1, 7, 100, 1 << 16]), st.booleans())
def test_every_file(path: Path, content: list[Any], rows: int, final: bool) -> None:
    write(path, content)
    assert same(in_bulk(path, final=final, rows=rows)[0], one_by_one(path, final=final)[0])


@patient
@given(files, st.data())
def test_a_stretch_read_again_is_the_same(path: Path, content: list[Any], data: Any) -> None:
    write(path, content)
    reader = ColumnReader(path)
    at, ends, pieces = 0, [0], []
    limits = data.draw(st.lists(st.integers(1, 200), min_size=1, max_size=5))
    while batch := reader.batch(at, rows=limits[len(ends) % len(limits)], final=True):
        at = batch.end
        ends.append(at)
        pieces.append(list(plain(batch.items)))
    begin = data.draw(st.integers(0, len(ends) - 1))
    end = data.draw(st.integers(begin, len(ends) - 1))
    again = reader.batch(ends[begin], stop=ends[end]) if begin < end else None
    wanted = [record for piece in pieces[begin:end] for record in piece]
    assert same(list(plain(again.items)) if again else [], wanted)
    assert again is None or again.end == ends[end]


def test_a_file_torn_at_any_byte(path: Path, tmp_path: Path) -> None:
    write(path, [(1, 12, 5), (0, 9, 5), (4, 1, 5), SummaryUpdate({"a": 1}), (3, 10, 5), (1, 2, 0)])
    whole, torn = path.read_bytes(), tmp_path / "torn.bin"
    for length in range(len(whole)):
        torn.write_bytes(whole[:length] + bytes(length % 50))
        assert same(in_bulk(torn)[0], one_by_one(torn)[0]), length


def test_a_file_with_any_bit_wrong(path: Path, tmp_path: Path) -> None:
    write(path, [(1, 20, 5), (3, 10, 5), (0, 9, 5)])
    whole, wrong = path.read_bytes(), tmp_path / "wrong.bin"
    for position in range(8, len(whole)):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << position % 8
        wrong.write_bytes(damaged)
        assert same(in_bulk(wrong)[0], one_by_one(wrong)[0]), position


@patient
@given(files)
def test_columns_hold_the_rows(path: Path, content: list[Any]) -> None:
    write(path, content)
    reader, at = ColumnReader(path), 0
    while batch := reader.batch(at, final=True):
        at = batch.end
        for item in batch.items:
            if isinstance(item, Rows):
                mine, theirs = item.columns(), from_rows(list(item.rows()))
                assert list(mine.columns) == list(theirs.columns)
                assert repr(list(mine.rows())) == repr(list(theirs.rows()))


@patient
@given(files, st.sampled_from([10, 1 << 16]))
def test_a_digest_is_what_one_record_after_the_other_gives(
    path: Path, content: list[Any], rows: int
) -> None:
    write(path, content)
    fold, keys, points, seen = SummaryFold(), dict[str, None](), list[float](), list[Record]()
    for record in one_by_one(path)[0]:
        fold.apply(record)
        if not isinstance(record, History):
            seen.append(record)
            continue
        keys.update(dict.fromkeys(flatten(record.row)))
        if (value := metric_value(record.row, "loss")) is not None:
            points.append(value)
    others: list[Record] = []
    tape = Tape(path)
    digest = LaneDigest(tape, "loss", pytest.fail, others.append)
    while (batch := tape.next(digest.read_to, rows=rows, final=True)) is not None:
        digest.take(batch)
    assert same(digest.fold.summary, {name: fold.summary[name] for name in digest.fold.summary})
    assert digest.fold.summary.keys() == fold.summary.keys()
    assert (list(digest.keys), digest.points) == (list(keys), len(points))
    assert (digest.lowest, digest.highest) == (min(points, default=None), max(points, default=None))
    assert same(others, seen)


@patient
@given(files)
def test_points_are_those_of_the_rows(path: Path, content: list[Any]) -> None:
    write(path, content)
    batch = ColumnReader(path).batch(0, final=True)
    items = batch.items if batch is not None else ()
    wanted = [
        (row.step, value)
        for row in plain(items)
        if isinstance(row, History) and (value := metric_value(row.row, "acc")) is not None
    ]
    assert points_of(items, "acc").tolist() == wanted


def test_rows_are_read_in_bulk_at_all(path: Path) -> None:
    write(path, [(n % 4, 10, 5) for n in range(40)])
    batch = ColumnReader(path).batch(0)
    assert batch is not None
    assert [type(item) for item in batch.items].count(Rows) == len(batch.items)


def test_rows_of_a_lost_layout_are_not_looked_at_one_by_one(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(path, [(0, 300, 5)] * 10)
    data = bytearray(path.read_bytes())
    data[20] ^= 1
    path.write_bytes(data)
    with path.open("ab") as file:
        file.write(frames.frame(frames.FINISHED, b'{"exit_code":0,"time":5.0}'))
    looks, read = itertools.count(), os.pread
    monkeypatch.setattr(os, "pread", lambda *call: (next(looks), read(*call))[1])
    assert in_bulk(path) == ([Finished(0, 5.0)], path.stat().st_size)
    assert next(looks) < 100


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert ColumnReader(tmp_path / "none.bin").batch(0) is None
