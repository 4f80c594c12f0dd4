"""Tables: what goes in, what is stored, and what logging one again does."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pytest
from media_place import Shelf
from media_place import shelf as shelf

import opensweep
from logging_core.errors import UsageError
from logging_core.media.loading import load


def test_a_table(shelf: Shelf) -> None:
    table = opensweep.Table(columns=["a", "b"], data=[[1, "x"]])
    table.add_data(np.float32(0.5), None)
    table.add_row(float("nan"), datetime.date(2026, 1, 2))
    told = shelf.log({"t": table}, step=4)["t"]
    assert told["path"].startswith("media/table/t_4_")
    assert told["path"].endswith(".table.json")
    assert (told["_type"], told["ncols"], told["nrows"]) == ("table-file", 2, 3)
    assert told["log_mode"] == "IMMUTABLE"
    assert shelf.json(told) == {
        "columns": ["a", "b"],
        "data": [[1, "x"], [0.5, None], ["NaN", "2026-01-02"]],
    }


def test_what_a_table_is_made_of(shelf: Shelf) -> None:
    assert opensweep.Table().columns == ["Input", "Output", "Expected"]
    assert opensweep.Table(rows=[[1, 2, 3]]).data == [[1, 2, 3]]
    assert opensweep.Table(columns=["a", 2], data=np.eye(2)).data == [[1.0, 0.0], [0.0, 1.0]]
    assert opensweep.Table(columns=("a",), data=((1,), (2,))).data == [[1], [2]]
    many = opensweep.Table(columns=["row"], data=[[np.zeros(20)]])
    assert shelf.json(shelf.log({"t": many})["t"])["data"] == [[[0.0] * 20]]
    for wrong in (
        {"columns": "ab"},
        {"columns": [1.5]},
        {"columns": ["a"], "data": [[1, 2]]},
        {"columns": ["a"], "data": np.zeros(3)},
        {"log_mode": "SOMETIMES"},
    ):
        with pytest.raises(UsageError):
            opensweep.Table(**wrong)


def test_columns() -> None:
    table = opensweep.Table(columns=["x"], data=[[1], [2]])
    table.add_column("y", np.array([3, 4]))
    table.add_computed_columns(lambda index, row: {"sum": row["x"] + row["y"], "i": index})
    assert table.columns == ["x", "y", "sum", "i"]
    assert table.get_column("sum") == [4, 6]
    assert table.get_column("y", convert_to="numpy").tolist() == [3, 4]
    assert [(index, row[0]) for index, row in table.iterrows()] == [(0, 1), (1, 2)]
    empty = opensweep.Table(columns=[])
    empty.add_column("a", [1, 2])
    assert empty.data == [[1], [2]]
    for wrong in (
        lambda: table.add_column("x", [1, 2]),
        lambda: table.add_column("z", [1]),
        lambda: table.get_column("nobody"),
        lambda: opensweep.Table(log_mode="INCREMENTAL").add_column("z", []),
    ):
        with pytest.raises(UsageError):
            wrong()


def test_media_in_cells(shelf: Shelf) -> None:
    image = opensweep.Image(np.full((2, 2), 7, np.uint8), caption="c")
    inner = opensweep.Table(columns=["n"], data=[[1]])
    cells: list[list[Any]] = [[image, [image, image]], [inner, opensweep.Histogram([1, 2])]]
    table = opensweep.Table(columns=["a", "b"], data=cells)
    told = shelf.log({"t": table})["t"]
    stored = shelf.json(told)["data"]
    assert stored[0][0]["_type"] == "image-file"
    assert shelf.pixels(stored[0][0])[0, 0, 0] == 7
    assert stored[0][1]["_type"] == "images/separated"
    assert shelf.json(stored[1][0])["data"] == [[1]]
    assert stored[1][1]["_type"] == "histogram"
    assert told["path"] in shelf.saved
    again = load(told, shelf.files)
    assert again.columns == ["a", "b"]
    assert shelf.pixels(shelf.log({"x": again.data[0][0]})["x"])[1, 1, 0] == 7
    assert again.data[1][0] == inner


def test_an_immutable_table_stays_as_it_was(
    shelf: Shelf, capsys: pytest.CaptureFixture[str]
) -> None:
    table = opensweep.Table(columns=["n"], data=[[1]])
    first = shelf.log({"t": table})["t"]
    assert shelf.log({"t": table}, step=1)["t"]["path"] == first["path"]
    assert capsys.readouterr().err == ""
    table.add_data(2)
    assert shelf.log({"t": table}, step=2)["t"]["path"] == first["path"]
    assert "log_mode='MUTABLE'" in capsys.readouterr().err


def test_a_mutable_table_is_stored_anew(shelf: Shelf) -> None:
    table = opensweep.Table(columns=["n"], data=[[1]], log_mode="MUTABLE")
    first = shelf.log({"t": table})["t"]
    table.add_data(2)
    second = shelf.log({"t": table}, step=1)["t"]
    assert shelf.json(first)["data"] == [[1]]
    assert shelf.json(second)["data"] == [[1], [2]]


def test_an_incremental_table_stores_what_is_new(shelf: Shelf) -> None:
    table = opensweep.Table(columns=["n"], log_mode="INCREMENTAL")
    parts = []
    for step in range(3):
        table.add_data(step)
        parts.append(shelf.log({"t": table}, step=step)["t"])
    assert [shelf.json(part)["data"] for part in parts] == [[[0]], [[1]], [[2]]]
    last = parts[-1]
    assert last["_type"] == "incremental-table-file"
    assert last["increment_num"] == 2
    assert last["previous_increments_paths"] == [part["path"] for part in parts[:-1]]
    assert load(last, shelf.files).get_column("n") == [0, 1, 2]


def test_very_long_tables_are_cut_and_say_so(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(opensweep.Table, "MAX_ARTIFACT_ROWS", 3)
    told = shelf.log({"t": opensweep.Table(columns=["n"], data=[[n] for n in range(5)])})["t"]
    assert len(shelf.json(told)["data"]) == 3
    assert "MAX_ARTIFACT_ROWS" in capsys.readouterr().err


def test_media_come_back(shelf: Shelf) -> None:
    labels = {0: "dog"}
    box = {"position": {"middle": [1, 1], "width": 1, "height": 1}, "class_id": 0}
    image = opensweep.Image(
        np.zeros((2, 2), np.uint8),
        caption="c",
        boxes={"b": {"box_data": [box], "class_labels": labels}},
        masks={"m": {"mask_data": np.zeros((2, 2), np.uint8), "class_labels": labels}},
    )
    row = {
        "image": image,
        "sound": opensweep.Audio([0.0], sample_rate=1),
        "page": opensweep.Html("<p>"),
        "histogram": opensweep.Histogram([1, 2]),
        "points": opensweep.Object3D(np.zeros((1, 3))),
    }
    told = shelf.log(row)
    again = shelf.log({name: load(each, shelf.files) for name, each in told.items()})
    for name, each in told.items():
        assert again[name]["_type"] == each["_type"]
        assert again[name].get("sha256") == each.get("sha256")
        assert again[name].get("caption") == each.get("caption")
    assert again["image"]["boxes"]["b"]["sha256"] == told["image"]["boxes"]["b"]["sha256"]
    assert load(5, shelf.files) == 5
