"""The record file as its writer and its readers use it: growth, limits, locks, a full disk."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from logging_core.frames import frame
from logging_core.records import (
    Finished,
    History,
    Reader,
    RecordError,
    SummaryUpdate,
    Writer,
    WriterBusy,
)
from logging_core.writer import keeps_room


def test_a_reader_follows_a_file_that_grows(tmp_path: Path) -> None:
    path = tmp_path / "records.1.bin"
    reader = Reader(path)
    assert reader.read() == []  # not there yet
    writer = Writer(path)
    assert reader.read() == []
    for step in range(5000):  # beyond the first window
        writer.history(step, float(step), {"a": step, "b": 0.5, "c": True})
        if step % 1000 == 0:
            found = reader.read()
            assert found[-1] == History(step, float(step), {"a": step, "b": 0.5, "c": True})
    writer.close()
    rest = reader.read()
    assert [r.step for r in rest if isinstance(r, History)] == list(range(4001, 5000))
    assert reader.read() == []
    assert path.stat().st_size == reader.offset  # nothing of the grown file is left over


def test_no_more_than_about_the_limit_is_read_at_once(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "r")
    for step in range(10):
        writer.history(step, 0.0, {"a": 1.0})
    writer.close()
    reader = Reader(tmp_path / "r")
    assert [len(reader.read(4)) for _ in range(4)] == [4, 4, 2, 0]


def test_an_open_step_waits_until_it_is_complete_or_the_writer_is_dead(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "r")
    reader = Reader(tmp_path / "r")
    writer.history(3, 1.0, {"a": 1.0}, partial=True)
    writer.add(SummaryUpdate({"x": 1}))
    writer.history(3, 2.0, {"b": "text"}, partial=True)
    assert reader.read() == []
    assert Reader(tmp_path / "r").read(final=True) == [
        SummaryUpdate({"x": 1}, []),
        History(3, 2.0, {"a": 1.0, "b": "text"}),
    ]
    writer.history(4, 3.0, {"a": 2.0}, partial=True)
    assert len(reader.read()) == 2
    writer.add(Finished(0, 4.0))
    assert reader.read() == [History(4, 3.0, {"a": 2.0}), Finished(0, 4.0)]
    writer.close()


def test_records_of_a_later_version_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "r"
    writer = Writer(path)
    writer.history(0, 1.0, {"a": 1.0})
    writer.close()
    with open(path, "ab") as file:
        file.write(frame(99, b"?"))
    writer = Writer(path)
    writer.history(1, 1.0, {"a": 1.0})
    writer.close()
    assert [r.step for r in Reader(path).read() if isinstance(r, History)] == [0, 1]


def test_a_foreign_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "records.1.bin"
    path.write_text("step,loss\n0,1\n")
    with pytest.raises(RecordError, match=r"records\.1\.bin is not a record file"):
        Reader(path).read()
    with pytest.raises(RecordError):
        Writer(path)
    assert path.read_text() == "step,loss\n0,1\n"


def test_two_writers_of_one_file_are_not_let_in(tmp_path: Path) -> None:
    first = Writer(tmp_path / "r")
    with pytest.raises(WriterBusy):
        Writer(tmp_path / "r")
    first.close()
    Writer(tmp_path / "r").close()


def test_rows_whose_keys_always_differ_do_not_pile_up(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "r")
    for step in range(3000):
        writer.history(step, 0.0, {f"key{step}": float(step)})
    writer.history(3000, 0.0, {"key0": 1.0})
    writer.close()
    found = [r.row for r in Reader(tmp_path / "r").read() if isinstance(r, History)]
    assert found == [{f"key{step}": float(step)} for step in range(3000)] + [{"key0": 1.0}]
    assert len(writer._layouts) <= 1000


@pytest.mark.parametrize("mapped", [True, False])
def test_a_full_disk_is_an_error_now_and_no_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mapped: bool
) -> None:
    path = tmp_path / "r"
    writer = Writer(path, mapped=mapped)
    writer.history(0, 1.0, {"text": "kept"})

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "posix_fallocate", full)
        patch.setattr(os, "pwrite", full)
        with pytest.raises(OSError, match="No space left"):
            writer.history(1, 1.0, {"text": "x" * 100_000})
    writer.history(2, 1.0, {"text": "y" * 100_000})
    writer.close()
    assert [r.step for r in Reader(path).read() if isinstance(r, History)] == [0, 2]


def test_a_file_system_that_cannot_map_gets_plain_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsupported(*_: object) -> None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    monkeypatch.setattr(os, "posix_fallocate", unsupported)
    writer = Writer(tmp_path / "r")
    writer.history(0, 1.0, {"a": 1.0})
    assert Reader(tmp_path / "r").read() == [History(0, 1.0, {"a": 1.0})]
    writer.close()


def test_a_deleted_file_is_noticed_when_it_grows(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "r")
    assert not writer.deleted()
    (tmp_path / "r").unlink()
    assert writer.deleted()
    with pytest.raises(FileNotFoundError, match="deleted"):
        writer.history(0, 1.0, {"text": "x" * 100_000})
    writer.close()


def test_a_record_too_large_for_any_reader_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="too large"):
        frame(1, bytes(1 << 28))


MOUNTS = """\
22 1 253:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
40 22 0:41 / /data rw shared:9 - btrfs /dev/sdb rw,space_cache=v2
41 22 0:42 / /my\\040share rw - nfs4 server:/x rw
42 40 0:43 / /data/fast rw - xfs /dev/sdc rw
"""


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("/home/me/records.bin", True),
        ("/data/records.bin", False),
        ("/data/fast/records.bin", True),
        ("/database/records.bin", True),
        ("/my share/records.bin", False),
    ],
)
def test_where_a_mapped_page_may_find_the_disk_full(tmp_path: Path, path: str, kept: bool) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS)
    assert keeps_room(path, str(mounts)) is kept
    assert keeps_room(path, str(tmp_path / "none")) is True
