"""The record file under every kind of damage: what is read is what was written but for what was
hit, and every value is exactly the one that was logged."""

from __future__ import annotations

import math
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logging_core.frames import MAGIC, FrameSource
from logging_core.records import (
    ConfigUpdate,
    Finished,
    History,
    MetadataUpdate,
    MetricDefined,
    Reader,
    Record,
    RecordError,
    SummaryUpdate,
    Writer,
)

# A disk that others use too may keep any one example waiting.
patient = settings(deadline=None, max_examples=60)

numbers = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True),
    st.integers(),
    st.booleans(),
)
anything = st.recursive(
    st.one_of(numbers, st.none(), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner)),
    max_leaves=6,
)
names = st.one_of(st.sampled_from(["loss", "val/loss", "a.b", ""]), st.text())
steps = st.integers(-(2**63), 2**63 - 1)
times = st.floats(0, 2e9)
rows = st.one_of(
    st.dictionaries(names, numbers, max_size=5), st.dictionaries(names, anything, max_size=4)
)
records = st.one_of(
    st.builds(History, steps, times, rows),
    st.builds(History, steps, times, st.fixed_dictionaries({"loss": numbers, "acc": numbers})),
    st.builds(
        SummaryUpdate, st.dictionaries(names, anything, max_size=3), st.lists(names), st.none()
    ),
    st.builds(ConfigUpdate, st.dictionaries(names, anything, max_size=3)),
    st.builds(MetadataUpdate, st.dictionaries(names, anything, max_size=3)),
    st.builds(MetricDefined, names, summary=st.lists(st.sampled_from(["min", "last"]))),
    st.builds(Finished, st.integers(0, 255), times),
)


def same(left: Any, right: Any) -> bool:
    """Equal in value and in type; NaN equals NaN."""
    if isinstance(left, dict) and isinstance(right, dict):
        return list(left) == list(right) and all(same(left[k], right[k]) for k in left)
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, float) and math.isnan(left):
        return isinstance(right, float) and math.isnan(right)
    return type(left) is type(right) and bool(left == right)


def same_records(left: list[Record], right: list[Record]) -> bool:
    return [type(one) for one in left] == [type(one) for one in right] and same(left, right)


def write(path: Path, given_records: list[Record], mapped: bool = True) -> None:
    path.unlink(missing_ok=True)
    writer = Writer(path, mapped=mapped)
    for record in given_records:
        writer.add(record)
    writer.close()


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("records") / "records.1.bin"


@patient
@given(st.lists(records, max_size=12), st.booleans())
def test_what_is_read_is_what_was_written(path: Path, written: list[Record], mapped: bool) -> None:
    write(path, written, mapped)
    assert same_records(Reader(path).read(), written)


@patient
@given(st.lists(records, max_size=12), st.integers(1, 3))
def test_a_reader_resumes_at_any_offset_of_another(
    path: Path, written: list[Record], limit: int
) -> None:
    write(path, written)
    found: list[Record] = []
    offset = 0
    while True:
        reader = Reader(path, offset)
        some = reader.read(limit)
        if not some:
            break
        assert reader.offset > offset
        found += some
        offset = reader.offset
    assert same_records(found, written)


@patient
@given(st.lists(records, max_size=4))
def test_where_a_reader_stops_does_not_depend_on_how_far_the_file_had_grown(
    path: Path, written: list[Record]
) -> None:
    write(path, written)
    data = path.read_bytes()
    stops = {0, 8}
    reader = Reader(path)
    while reader.read(1):
        stops.add(reader.offset)
    for length in range(8, len(data) + 1, 5):
        path.write_bytes(data[:length])
        growing = Reader(path)
        growing.read()
        assert growing.offset in stops


@patient
@given(st.lists(st.tuples(st.integers(0, 3), rows, st.booleans()), max_size=10), st.booleans())
def test_parts_of_a_step_become_one_row_however_they_are_read(
    path: Path, parts: list[tuple[int, dict[str, Any], bool]], one_by_one: bool
) -> None:
    path.unlink(missing_ok=True)
    writer = Writer(path)
    reader = Reader(path)
    expected: list[tuple[int, dict[str, Any]]] = []
    open_step: int | None = None
    found: list[Record] = []
    for step, row, partial in parts:
        written = writer.history(step, 1.0, row, partial=partial)
        if open_step == step:
            expected[-1][1].update(written)
        else:
            expected.append((step, dict(written)))
        open_step = step if partial else None
        if one_by_one:
            found += reader.read()
    writer.close()
    found += reader.read(final=True)
    assert same([(r.step, r.row) for r in found if isinstance(r, History)], expected)
    assert len(found) == len(expected)


SAMPLE: list[Record] = [
    History(0, 1.5, {"loss": 0.5, "n": 3}),
    History(1, 2.5, {"loss": math.nan, "n": -1}),
    MetadataUpdate({"name": "one"}),
    History(2, 3.5, {"note": "text", "deep": {"list": [1, None]}}),
    SummaryUpdate({"best": 0.5}, ["gone"]),
    History(3, 4.5, {"loss": 0.25, "n": 2**80}),
    History(4, 5.5, {"loss": math.inf, "n": 7}),
    Finished(0, 6.5),
]


def is_prefix(found: list[Record]) -> bool:
    return same_records(found, SAMPLE[: len(found)])


def is_part(found: list[Record]) -> bool:
    """In the order of SAMPLE, some left out."""
    rest = iter(SAMPLE)
    return all(any(same_records([record], [one]) for one in rest) for record in found)


def test_a_file_cut_at_any_byte_yields_a_prefix(tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    write(whole, SAMPLE)
    data = whole.read_bytes()
    counts = []
    for length in range(len(data) + 1):
        # A killed writer leaves zeros where the file had been grown.
        for tail in (b"", b"\0" * 64):
            cut.write_bytes(data[:length] + tail)
            found = Reader(cut).read(final=True)
            assert is_prefix(found)
        counts.append(len(found))
    assert counts == sorted(counts)
    assert counts[-1] == len(SAMPLE)


def test_a_flipped_bit_never_yields_a_wrong_record(tmp_path: Path) -> None:
    path = tmp_path / "records"
    write(path, SAMPLE)
    data = bytearray(path.read_bytes())
    for position in range(len(data)):
        for bit in range(8):
            data[position] ^= 1 << bit
            path.write_bytes(data)
            data[position] ^= 1 << bit
            try:
                found = Reader(path).read(final=True)
            except RecordError:
                assert position < 8  # the file's magic
                continue
            # One record at most is lost, or those whose layout was hit.
            assert is_part(found)
            assert len(SAMPLE) > len(found) >= len(SAMPLE) - (3 if position < 200 else 1)


@pytest.mark.parametrize("hole", [13, 64, 4096, 100_000])
def test_a_lost_page_costs_no_more_than_itself(tmp_path: Path, hole: int) -> None:
    """Pages reach the disk in any order: after a power cut one in the middle may be zeros."""
    path = tmp_path / "records"
    rows: list[Record] = [History(n, float(n), {"loss": n / 7}) for n in range(9000)]
    write(path, rows)
    data = bytearray(path.read_bytes())
    begin = 5000
    data[begin : begin + hole] = bytes(hole)
    path.write_bytes(data)
    reader = Reader(path)
    found = reader.read(final=True)
    lost = len(rows) - len(found)
    assert 1 <= lost <= hole // 41 + 2
    assert same_records(found, [row for row in rows if row in found])
    assert sum(end - at for at, end in reader.damage.items()) == lost * 41
    writer = Writer(path)  # and a writer that goes on leaves the rest alone
    writer.add(Finished(0, 1.0))
    writer.close()
    assert same_records(Reader(path).read(final=True), [*found, Finished(0, 1.0)])


def lose_layout(path: Path, rows: int) -> list[Record]:
    """A file with rows whose layout was lost, and then others; those."""
    write(path, [History(step, 1.0, {"loss": 0.5}) for step in range(rows)])
    data = bytearray(path.read_bytes())
    data[20] ^= 1
    path.write_bytes(data)
    writer, left = Writer(path), [History(rows, 1.0, {"acc": 1}), Finished(0, 1.0)]
    for record in left:
        writer.add(record)
    writer.close()
    return left


@pytest.mark.parametrize("final", [True, False])
def test_rows_of_a_lost_layout_are_passed_over_at_once(tmp_path: Path, final: bool) -> None:
    path = tmp_path / "records"
    left = lose_layout(path, 5000)
    reader = Reader(path)
    found: list[Record] = []
    for _ in range(3):  # one look more at the layout, and one at its first row
        found += reader.read(final=final)
    assert same_records(found, left)
    assert [end - begin for begin, end in reader.damage.items()] == [23 + 5000 * 41]


def test_what_may_still_be_written_is_looked_at_twice(tmp_path: Path) -> None:
    path = tmp_path / "records"
    write(path, SAMPLE)
    data = bytearray(path.read_bytes())
    data[150] ^= 1
    path.write_bytes(data)
    reader = Reader(path)
    first = reader.read()
    assert is_prefix(first)
    assert not reader.damage
    assert is_part([*first, *reader.read()])
    assert reader.damage


@patient
@given(st.integers(0, 400), st.binary(max_size=80))
def test_a_writer_goes_on_after_a_torn_tail(path: Path, length: int, garbage: bytes) -> None:
    write(path, SAMPLE)
    data = path.read_bytes()
    path.write_bytes(data[: max(length, 8)] + garbage)
    before = Reader(path).read(final=True)
    writer = Writer(path)
    writer.add(SAMPLE[0])
    writer.close()
    assert same_records(Reader(path).read(final=True), [*before, SAMPLE[0]])


def test_what_was_written_since_it_was_read_is_no_damage(tmp_path: Path) -> None:
    """A reader at the end of a file that grows: what it has in memory is older than the file."""
    path = tmp_path / "records"
    writer = Writer(path)
    writer.history(0, 1.0, {"loss": 0.5})
    fd = os.open(path, os.O_RDONLY)
    source = FrameSource(fd, str(path))
    end = len(MAGIC)
    while (frame := source.frame(end)) is not None:
        end += len(frame)
    for step in range(1, 5000):
        writer.history(step, 1.0, {"loss": 0.5})
    assert source.after_damage(end, zeros=False) == end
    os.close(fd)
    writer.close()


def test_reading_a_file_while_it_is_written_finds_no_damage(tmp_path: Path) -> None:
    path = tmp_path / "records"
    writer, reader = Writer(path), Reader(path)
    over = threading.Event()

    def write_on() -> None:
        for step in range(60_000):
            writer.history(step, 1.0, {"loss": step / 7})
        over.set()

    thread = threading.Thread(target=write_on)
    thread.start()
    found: list[Record] = []
    while not over.is_set():
        found += reader.read()
    thread.join()
    writer.close()
    found += reader.read(final=True)
    assert [one.step for one in found if isinstance(one, History)] == list(range(60_000))
    assert not reader.damage
