"""Orders, `update` and `export` of a sweep, against a server that speaks the API."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cli_world import KEY, World, serving, sweep, trial


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[World]:
    with serving() as made:
        monkeypatch.setenv("OPENSWEEP_URL", made.url)
        monkeypatch.setenv("OPENSWEEP_API_KEY", KEY)
        monkeypatch.setenv("OPENSWEEP_HOME", str(tmp_path / "home"))
        monkeypatch.chdir(tmp_path)
        trials = [
            trial("abc12345", 1, summary={"val/acc": 0.91, "plot": {"_type": "image"}}),
            trial("abc12345", 2, state="failed", objective=None, reason="error", detail='a, "b"'),
            trial("abc12345", 3, objective="NaN", config={"lr": 1, "flag": True, "dims": [1, 2]}),
            trial("abc12345", 4, state="running", ended=None, objective=None, reason=None),
        ]
        made.add("abc12345", trials)
        yield made


@pytest.mark.parametrize(
    ("action", "state", "words"),
    [
        ("pause", "paused", "`sweep resume abc12345` goes on"),
        ("stop", "stopping", "1 running trial may end, no new one starts"),
        ("cancel", "canceled", "1 running trial being killed"),
    ],
)
def test_orders(world: World, action: str, state: str, words: str) -> None:
    result = sweep(action, "abc12345")
    assert result.exit_code == 0
    assert f"sweep abc12345 is {state}: " in result.stdout
    assert words in result.stdout
    assert world.orders == [("abc12345", action)]


def test_a_sweep_gets_another_file(world: World, tmp_path: Path) -> None:
    file = tmp_path / "sweep.yaml"
    file.write_text("program: t.py\nmethod: random\nparameters: {x: {min: 0, max: 9}}\n")
    assert sweep("update", "abc12345", "sweep.yaml").stdout == (
        "sweep abc12345 has a new file; no agent works for it: `sweep agent abc12345`\n"
    )
    world.changed.clear()
    world.sweeps["abc12345"]["agents"] = [{"id": "a1"}]
    result = sweep("update", "abc12345", "sweep.yaml")
    assert result.exit_code == 0
    assert result.stdout == "sweep abc12345 has a new file and is running\n"
    assert result.stderr == "warning: mind the gap\n"
    assert world.changed == [("abc12345", {"yaml": file.read_text(), "path": str(file)})]
    shown = json.loads(sweep("update", "abc12345", "sweep.yaml", "--json").stdout)
    assert shown == {"id": "abc12345", "name": "n", "state": "running"}

    world.sweeps["abc12345"]["state"] = "canceled"
    result = sweep("update", "abc12345", "sweep.yaml")
    assert result.exit_code == 1
    assert "sweep abc12345 is canceled: it takes no trials" in result.stderr
    world.changed.clear()
    file.write_text("method: random\nparameters: {x: {min: 0, max: 9}}\n")
    assert "there is nothing to run" in sweep("update", "abc12345", "sweep.yaml").stderr
    assert world.changed == []  # what is wrong in the file is seen here


def test_orders_as_json(world: World) -> None:
    sweep("pause", "abc12345")
    assert json.loads(sweep("resume", "abc12345", "--json").stdout)["state"] == "running"


@pytest.mark.parametrize("action", ["pause", "stop", "cancel"])
def test_a_sweep_that_is_over_takes_no_orders(world: World, action: str) -> None:
    world.sweeps["abc12345"]["state"] = "finished"
    result = sweep(action, "abc12345")
    assert result.exit_code == 1
    assert result.stderr == (
        f"error: sweep abc12345 is finished: it is over, there is nothing to {action}.\n"
    )


def test_csv(world: World) -> None:
    result = sweep("export", "abc12345", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [row["number"] for row in rows] == ["1", "2", "3", "4"]
    first, second, third, fourth = rows
    assert first["config.lr"] == "0.1"
    assert first["config.optimizer.name"] == "adam"
    assert first["summary.val/acc"] == "0.91"
    assert first["started"] == "1970-01-01T00:16:41.000+00:00"
    assert first["duration_s"] == "10.0"
    assert second["objective"] == ""
    assert second["detail"] == 'a, "b"'
    assert (third["objective"], third["config.flag"]) == ("nan", "true")
    assert third["config.dims"] == "[1, 2]"
    assert (fourth["state"], fourth["ended"]) == ("running", "")
    assert "summary.plot._type" in first


def test_json(world: World, tmp_path: Path) -> None:
    result = sweep("export", "abc12345", "--format", "json", "-o", "out.json")
    assert result.stdout == ""
    assert "4 trials written to out.json" in result.stderr
    assert len(json.loads((tmp_path / "out.json").read_text())) == 4
    assert [path.name for path in tmp_path.iterdir()] == ["out.json"]


def test_parquet(world: World, tmp_path: Path) -> None:
    import pyarrow.parquet

    result = sweep("export", "abc12345", "--format", "parquet")
    assert "written to abc12345.parquet" in result.stderr
    table = pyarrow.parquet.read_table(tmp_path / "abc12345.parquet").to_pydict()
    assert table["number"] == [1, 2, 3, 4]
    assert table["config.lr"] == [0.1, 0.05, 1.0, 0.025]
    assert table["config.flag"] == [None, None, True, None]
    assert table["config.dims"] == [None, None, "[1, 2]", None]
    assert table["objective"][0] == 0.91
    assert table["objective"][1] is None


def test_parquet_without_pyarrow(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    result = sweep("export", "abc12345", "--format", "parquet")
    assert result.exit_code == 2
    assert "-m pip install pyarrow" in result.stderr


def test_an_output_that_cannot_be_written(world: World) -> None:
    result = sweep("export", "abc12345", "-o", "no/such/folder/x.csv")
    assert result.exit_code == 2
    assert result.stderr == (
        "error: cannot write no/such/folder/x.csv: No such file or directory.\n"
    )


def test_optuna(world: World) -> None:
    world.trials["abc12345"] = [
        trial("abc12345", 1),
        trial("abc12345", 2, state="failed", objective=None, reason="error"),
        trial("abc12345", 3, state="running", ended=None, objective=None),
    ]
    world.histories["abc12345-1"] = [
        {"_step": 0, "_timestamp": 1.0, "val/acc": 0.5},
        {"_step": 1, "_timestamp": 2.0, "val/acc": "NaN"},
        {"_step": 2, "_timestamp": 3.0, "val/acc": 0.91},
    ]
    result = sweep("export", "abc12345", "--format", "optuna")
    assert result.exit_code == 0, result.stderr
    first, how, *lines = result.stderr.splitlines()
    assert first == "2 trials written to abc12345.journal; 1 that are not over were left out"
    assert how == "read it in Python:"
    lines[-1] = "study = " + lines[-1].strip()
    found: dict[str, Any] = {}
    exec("\n".join(line.strip() for line in lines), found)
    study = found["study"]
    assert [each.state.name for each in study.trials] == ["COMPLETE", "FAIL"]
    assert study.best_params == {"lr": 0.1, "optimizer.name": "adam"}
    assert study.trials[0].intermediate_values == {0: 0.5, 2: 0.91}

    again = sweep("export", "abc12345", "--format", "optuna")
    assert again.exit_code == 2
    assert "holds a study 'abc12345' already" in again.stderr


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("val.loss", [{"val": {"loss": 0.5}}, {"val": {"loss": "NaN"}}, {"val": {"loss": 0.25}}]),
        ("val.loss", [{"val.loss": 0.5}, {"other": 1}, {"val.loss": 0.25}]),
        ("val.loss", [{"val/loss": 0.5}, {"val": {"acc": 1}}, {"val/loss": 0.25}]),
        ("a,b", [{"a,b": 0.5}, {"a,b": None}, {"a,b": 0.25}]),
    ],
)
def test_the_curves_in_the_study(
    world: World, tmp_path: Path, name: str, rows: list[dict[str, Any]]
) -> None:
    """However the metric is named in what was logged."""
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    metric = {"name": name, "goal": "minimize"}
    world.add("abc12345", [trial("abc12345", 1, objective=0.25)], metric=metric)
    world.histories["abc12345-1"] = [
        {"_step": step, "_timestamp": 1.0 + step, "more": 7, **row} for step, row in enumerate(rows)
    ]
    result = sweep("export", "abc12345", "--format", "optuna", "-o", "study.log")
    assert result.exit_code == 0, result.stderr
    storage = JournalStorage(JournalFileBackend(str(tmp_path / "study.log")))
    study = optuna.load_study(study_name="abc12345", storage=storage)
    assert study.trials[0].intermediate_values == {0: 0.5, 2: 0.25}


def test_a_study_cannot_go_to_standard_output(world: World) -> None:
    result = sweep("export", "abc12345", "--format", "optuna", "-o", "-")
    assert result.exit_code == 2
    assert "name it with -o FILE" in result.stderr
