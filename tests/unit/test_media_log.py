"""Media through run.log(): the row, the file, what is told of it, and trouble with the disk."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from logger_place import clean_place as clean_place
from logger_place import records_of, rows_of
from media_place import unpng

import opensweep
from logging_core.records import ConfigUpdate, FileSaved, History

pytestmark = pytest.mark.usefixtures("clean_place")


@pytest.fixture
def run() -> opensweep.Run:
    return opensweep.init(project="pictures")


PIXELS = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)


def stored(run: opensweep.Run, told: dict[str, Any]) -> bytes:
    return (Path(run.dir) / told["path"]).read_bytes()


def test_a_row_with_an_image(run: opensweep.Run, capsys: pytest.CaptureFixture[str]) -> None:
    run.log({"loss": 1.0})
    run.log({"loss": 0.5, "sample/x": opensweep.Image(PIXELS)})
    run.finish()
    (_, first), (step, row) = rows_of(run)
    told = row["sample/x"]
    assert (first, step, row["loss"]) == ({"loss": 1.0}, 1, 0.5)
    assert told["path"].startswith("media/images/sample/x_1_")
    assert np.array_equal(unpng(stored(run, told)), PIXELS)
    assert run.summary["sample/x"] == told
    # The file is there, and told, before the row that names it.
    records = [r for r in records_of(run) if isinstance(r, History) or FileSaved(told["path"]) == r]
    assert [type(record) for record in records] == [History, FileSaved, History]
    assert "sample/x" not in capsys.readouterr().err


def test_steps_and_commits_are_those_of_any_row(run: opensweep.Run) -> None:
    run.log({"a": opensweep.Histogram([1])}, commit=False)
    run.log({"b": {"c": opensweep.Histogram([2])}}, commit=False)
    run.log({"loss": 1})
    run.log({"late": opensweep.Html("<p>")}, step=7)
    run.finish()
    rows = rows_of(run)
    assert [step for step, _ in rows] == [0, 7]
    assert set(rows[0][1]) == {"a", "b", "loss"}
    assert rows[0][1]["b"]["c"]["_type"] == "histogram"
    assert run.summary["b.c"]["values"] == [0] * 32 + [1] + [0] * 31
    assert "late_7_" in rows[1][1]["late"]["path"]


def test_a_chart_goes_into_history_and_config(run: opensweep.Run) -> None:
    table = opensweep.Table(columns=["x", "y"], data=[[1, 2]])
    run.log({"curve": opensweep.plot.line(table, "x", "y"), "loss": 1.0})
    run.finish()
    ((_, row),) = rows_of(run)
    assert set(row) == {"loss", "curve_table"}
    assert json.loads(stored(run, row["curve_table"]))["data"] == [[1, 2]]
    (told,) = [record for record in records_of(run) if isinstance(record, ConfigUpdate)]
    assert told.values["_wandb"]["visualize"]["curve"]["panel_type"] == "Vega2"
    assert "_wandb" not in run.config


def test_media_in_the_summary(run: opensweep.Run) -> None:
    run.summary["last"] = opensweep.Image(PIXELS)
    run.summary.update({"n": np.float32(0.5), "table": opensweep.Table(columns=["a"], data=[[1]])})
    run.finish()
    assert run.summary["last"]["path"].startswith("media/images/last_summary_")
    assert np.array_equal(unpng(stored(run, run.summary["last"])), PIXELS)
    assert (run.summary["n"], run.summary["table"]["nrows"]) == (0.5, 1)


def test_arrays_and_scalars(run: opensweep.Run) -> None:
    run.log({"few": np.arange(3), "many": np.arange(100.0), "one": np.float32(0.5), "t": (1, 2)})
    run.finish()
    ((_, row),) = rows_of(run)
    assert (row["few"], row["one"], row["t"]) == ([0, 1, 2], 0.5, [1, 2])
    assert sum(row["many"]["values"]) == 100


def test_what_is_neither_media_nor_plain_is_kept_as_text(run: opensweep.Run) -> None:
    loop: dict[Any, Any] = {1: "one"}
    loop["itself"] = loop
    run.log({"odd": object(), "loop": loop, "list": [object(), loop]})
    run.finish()
    ((_, row),) = rows_of(run)
    assert "object object" in row["odd"]
    assert row["loop"]["itself"]["itself"]["1"] == "one"


def test_a_disk_that_refuses_pauses_the_log_and_not_the_training(
    run: opensweep.Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(_one: object, _other: object) -> None:
        raise OSError(28, "No space left on device", "media")

    with monkeypatch.context() as patched:
        patched.setattr("logging_core.media.base.os.replace", refuse)
        run.log({"x": opensweep.Html("<p>")})
    assert "No space left on device" in capsys.readouterr().err
    run.finish()


def test_a_run_that_records_nothing_stores_nothing(tmp_path: Path) -> None:
    with opensweep.init(mode="disabled") as run:
        run.log({"x": opensweep.Image(PIXELS), "t": opensweep.Table()})
    assert list(tmp_path.rglob("*.png")) == []


def test_from_many_threads(run: opensweep.Run) -> None:
    def log(number: int) -> None:
        for step in range(10):
            run.log({f"x{number}": opensweep.Html(f"<p>{number} {step}")})

    threads = [threading.Thread(target=log, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run.finish()
    rows = rows_of(run)
    assert len(rows) == 40
    pages = {stored(run, told) for _, row in rows for told in row.values()}
    assert len(pages) == 40
