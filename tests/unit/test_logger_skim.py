"""What came before, read in stretches, is what it is when read one by one."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from logging_core import earlier
from logging_core.folder import RunFolder
from logging_core.records import (
    ConfigUpdate,
    Finished,
    History,
    MetricDefined,
    Reader,
    SummaryUpdate,
    Writer,
)
from logging_core.skim import Skimmer, Stretch
from logging_core.summary import SummaryFold


def write(path: Path, seed: int, rows: int) -> None:
    """Stretches of several shapes, single rows, parts of rows and other records, mixed."""
    rng = random.Random(seed)
    writer = Writer(path)
    shapes = [("loss",), ("loss", "acc"), ("val/loss", "n"), ("text",)]
    step = 0
    while step < rows:
        shape = rng.choice(shapes)
        for _ in range(rng.choice([1, 3, 31, 32, 33, 200, 900])):
            row = {name: rng.random() for name in shape}
            if "text" in shape:
                row["text"] = "a"  # type: ignore[assignment]
            writer.history(step, float(step), row, partial=rng.random() < 0.001)
            step += 1
        other = rng.choice(
            [
                SummaryUpdate({"said": step}),
                ConfigUpdate({"seen": step}),
                MetricDefined("loss", summary=("min", "mean")),
                MetricDefined("val/*", summary=("max",)),
                None,
            ]
        )
        if other is not None:
            writer.add(other)
    writer.add(Finished(3, 1.0))
    writer.close()


def one_by_one(path: Path, upto: int | None) -> tuple[SummaryFold, dict[str, object], int]:
    fold, config, next_step = SummaryFold(), {}, 0
    for record in Reader(path).read(final=True):
        if isinstance(record, History):
            if upto is not None and record.step > upto:
                return fold, config, upto + 1
            next_step = record.step + 1
        elif isinstance(record, ConfigUpdate):
            config.update(record.values)
        fold.apply(record)
    return fold, config, next_step


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("upto", [None, 0, 700, 1999, 2500])
def test_stretches_come_to_the_same(tmp_path: Path, seed: int, upto: int | None) -> None:
    folder = RunFolder(tmp_path)
    write(folder.records(1), seed, 3000)
    found = earlier.read(folder, ["1"], upto)
    fold, config, next_step = one_by_one(folder.records(1), upto)
    assert found.fold.summary == fold.summary
    assert (found.config, found.next_step) == (config, next_step)
    assert found.exit_code == (3 if upto is None else None)


def test_a_long_run_is_a_few_stretches(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "records.1.bin")
    for step in range(5000):
        writer.history(step, 1.0, {"loss": 0.5})
    writer.close()
    found = Skimmer(tmp_path / "records.1.bin", SummaryFold()).read(final=True)
    assert sum(isinstance(one, Stretch) for one in found) == len(found) == 1


def test_a_damaged_end_of_a_stretch_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "records.1.bin"
    writer = Writer(path)
    for step in range(100):
        writer.history(step, 1.0, {"loss": float(step)})
    writer.close()
    data = bytearray(path.read_bytes())
    data[-10] ^= 255
    path.write_bytes(data)
    found = earlier.read(RunFolder(tmp_path), ["1"])
    assert (found.next_step, found.fold.summary) == (99, {"loss": 98.0})
