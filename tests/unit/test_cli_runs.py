"""Runs at the command line: `sweep runs`, `alerts`, `status` and `logs` of a run, and `export` of
runs and of what was logged; all of it against the real server."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cli_world import sweep
from test_server_api import KEY, World, running

from controller.store.records import NewRun
from opensweep.commands import sync
from sweeps.errors import OpensweepError, UsageError
from sweeps.protocol.chunks import encode

Rows = list[tuple[int, float, dict[str, Any]]]


def post(world: World, run: str, rows: Rows) -> None:
    first, last = rows[0][0], rows[-1][0]
    world.client.post_chunk(run, 1, "history", 0, first, last, len(rows), b"", encode(rows))


def a_run(world: World, run: str, count: int, **said: Any) -> None:
    """A run of project `digits` whose loss falls; every second row has an accuracy."""
    world.client.register_run(run, f"uid-{run}", **{"project": "digits", "started": 1e9, **said})
    rows: Rows = [
        (s, 1e9 + s, {"loss": 1 / (s + 1), **({} if s % 2 else {"val/acc": s})})
        for s in range(count)
    ]
    post(world, run, rows)
    world.client.describe_run(run, 1, summary={"loss": 1 / count, "best": {"min": 0.5}})


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Two runs of digits and one of odds; a sweep whose first and third trials logged."""
    with running(tmp_path_factory.mktemp("runs")) as world:
        client = world.client
        a_run(world, "r1", 7, config={"lr": 0.1, "opt": {"name": "adam"}}, name="calm-fox")
        client.end_run("r1", 1, 0, ended=1e9 + 60)
        more = {
            "started": 1e9 + 1,
            "metadata": {"tags": ["a", "b"], "host": "box"},
            "config": {"lr": 0.2, "dim": 3, "_wandb": {"visualize": {"roc": 1}}},
        }
        a_run(world, "r2", 4, **more)
        text = "one\ntwo\n"
        client.post_chunk("r2", 1, "console", 0, 0, len(text), 2, b"", text.encode())
        for lane in ("b", "a"):
            client.post_chunk("r1", 1, "console", 0, 0, 4, 1, b"", b"of " + lane.encode(), lane)
        client.end_run("r2", 1, 3, ended=1e9 + 30)
        world.client.register_run("odd", "uid-odd", project="odds/ends", started=1e9)
        post(
            world,
            "odd",
            [
                (0, 1e9, {"x": math.nan, "n": 1, "media": {"_type": "image-file", "path": "p"}}),
                (1, 1e9, {"x": 2.5, "n": 1 << 70, "mixed": "text", "flag": True, "list": [1, 2]}),
                (2, 1e9, {"x": math.inf, "mixed": 1, "é,\n": 'a\n"b"'}),
            ],
        )
        key = world.store.run_key("digits2", "r1")  # its project has it as r1, too
        world.store.register_run(NewRun(key, "uid-2", project="digits2", local_id="r1"))
        post(world, key, [(0, 1e9, {"loss": 9.0})])
        client.post_chunk(key, 1, "console", 0, 0, 6, 1, b"", b"other\n")
        note = "first\r\nsecond\x1b[31m red\x1b[0m\a"
        client.describe_run(key, 1, metadata={"notes": note})
        alert = {
            "number": 0,
            "time": 1e9,
            "level": "WARN",
            "wait_s": 0,
            "title": "hot",
            "text": "!",
        }
        client.post_alert("r1", 1, "", alert)
        sweep_id = world.sweep_with_trials(3)
        for number, count in ((1, 3), (3, 2)):
            client.start(f"{sweep_id}-{number}", 1, "agent", "box", None)
            post(world, f"{sweep_id}-{number}", [(s, 1e9, {"loss": s / 2}) for s in range(count)])
        yield world


@pytest.fixture
def world(there: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> World:
    monkeypatch.setenv("OPENSWEEP_URL", there.url)
    monkeypatch.setenv("OPENSWEEP_API_KEY", KEY)
    monkeypatch.setenv("OPENSWEEP_HOME", str(tmp_path / "home"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return there


def out(*args: str) -> str:
    result = sweep(*args)
    assert result.exit_code == 0, result.stderr
    return result.stdout


def table(*args: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(out("export", *args))))


class TestRuns:
    def test_those_of_a_project(self, world: World) -> None:
        head, newer, older = out("runs", "digits").splitlines()
        assert head.split() == ["RUN", "NAME", "STATE", "CREATED", "STEPS", "SUMMARY", "CONFIG"]
        assert newer.split()[:3] == ["r2", "-", "failed"]
        assert older.split()[:3] == ["r1", "calm-fox", "finished"]
        assert "loss=0.1429 best.min=0.5" in older
        assert older.endswith("lr=0.1 opt.name=adam")
        assert out("runs", "someone/digits").splitlines()[0] == head

    def test_all_of_them_with_their_projects(self, world: World) -> None:
        head, *lines = out("runs").splitlines()
        assert head.split()[:2] == ["RUN", "PROJECT"]
        assert {tuple(line.split()[:2]) for line in lines} >= {
            ("r1", "digits"),
            ("odd", "odds/ends"),
        }

    def test_chosen_columns_in_an_order(self, world: World) -> None:
        chosen = "config.lr,summary.loss,tags,ended_at"
        args = ["runs", "digits", "--columns", chosen, "--order", "-summary.loss"]
        head, first, second = out(*args).splitlines()
        assert head.split()[-4:] == chosen.split(",")
        assert (first.split()[0], second.split()[0]) == ("r2", "r1")
        assert first.split()[-7:-2] == ["4", "0.2", "0.25", '["a",', '"b"]']
        found = json.loads(out(*args, "--json"))
        assert [run["summary.loss"] for run in found] == [0.25, 1 / 7]
        assert found[0]["tags"] == ["a", "b"]

    def test_a_filter_and_a_limit(self, world: World) -> None:
        found = json.loads(out("runs", "--filter", '{"config.opt.name": "adam"}', "--json"))
        assert [run["id"] for run in found] == ["r1"]
        assert found[0]["config"] == {"lr": 0.1, "opt": {"name": "adam"}}
        result = sweep("runs", "digits", "--limit", "1")
        assert len(result.stdout.splitlines()) == 2
        assert result.stderr == "1 more; --limit 2 lists them, too\n"
        assert "no run fits" in sweep("runs", "--filter", '{"state": "crashed"}').stderr

    @pytest.mark.parametrize(
        ("args", "words"),
        [
            (["nothing"], "no project 'nothing' has runs here"),
            (["digit"], "did you mean digits?"),
            (["--filter", "{"], "--filter: this is no JSON"),
            (["--filter", "[]"], "--filter: expected an object"),
            (["--filter", '{"a": 1}'], "runs have no 'a': expected config.NAME"),
            (["--order", "loss"], "runs have no 'loss'"),
            (["--columns", "loss"], "runs have no 'loss'"),
        ],
    )
    def test_wrong_use(self, world: World, args: list[str], words: str) -> None:
        result = sweep("runs", *args)
        assert result.exit_code == 2
        assert words in result.stderr

    def test_one_of_them(self, world: World) -> None:
        lines = out("status", "digits/r2").splitlines()
        assert lines[0] == "r2: project digits"
        assert lines[1].split() == ["state", "failed", "(exit", "code", "3)"]
        assert "  time    29s, ended" in lines[3]
        assert lines[5].split() == ["summary", "loss=0.25"]
        assert lines[-1].strip() == "dim=3"
        assert json.loads(out("status", "r2", "--json"))["exit_code"] == 3
        assert "`sweep logs r2 -f` follows it" in sweep("status", "r2", "--watch").stderr

    def test_what_it_printed(self, world: World) -> None:
        assert out("logs", "r2") == "one\ntwo\n"
        assert out("logs", "r2", "-f") == "one\ntwo\n"  # it is over
        assert "odd is running and printed nothing" in sweep("logs", "odd").stderr
        assert "no trial 'r9' here" in sweep("logs", "r9").stderr

    @pytest.mark.parametrize("path", ["digits2/r1", "opensweep/digits2/r1"])
    def test_a_path_means_the_run_of_its_project(self, world: World, path: str) -> None:
        assert out("logs", path) == "other\n"
        assert [row["loss"] for row in table(path, "--history")] == ["9.0"]
        assert [row["project"] for row in table(path)] == ["digits2"]
        assert "project digits2" in out("status", path).splitlines()[0]
        assert "no alerts" in sweep("alerts", "--run", path).stderr
        key = json.loads(out("logs", path, "--json"))["id"]
        assert out("logs", key) == out("logs", f"digits2/{key}") == "other\n"
        assert out("logs", "digits/r1") == out("logs", "r1") != "other\n"
        assert "hot: !" in out("alerts", "--run", "someone/digits/r1")

    @pytest.mark.parametrize(
        "args", [["logs"], ["status"], ["export"], ["export", "--history"], ["alerts", "--run"]]
    )
    def test_a_path_of_another_project_is_none(self, world: World, args: list[str]) -> None:
        for path in ("nope/r1", "opensweep/nope/r1"):
            result = sweep(*args, path)
            assert (result.exit_code, result.stdout) == (2, "")
            assert "no run 'r1' in project 'nope'; it is in 'digits'" in result.stderr

    def test_a_trial_by_its_path(self, world: World) -> None:
        trial = f"{world.client.sweeps()[0]['id']}-1"
        project = world.client.run(trial)["project"] or "uncategorized"
        for path in (trial, f"{project}/{trial}"):
            assert json.loads(out("logs", path, "--json"))["id"] == trial
            assert {row["run"] for row in table(path, "--history")} == {trial}

    def test_a_run_is_one_line(self, world: World) -> None:
        _, line = out("runs", "digits2", "--columns", "notes,host").splitlines()
        assert "first second red" in line

    def test_what_several_processes_printed(self, world: World) -> None:
        assert out("logs", "r1") == "==> a <==\nof a\n==> b <==\nof b"

    def test_what_is_kept_of_charts_is_not_for_people(self, world: World) -> None:
        assert world.client.run("r2")["config"]["_wandb"]
        for args in (
            ["runs"], ["runs", "--json"], ["status", "r2"], ["status", "r2", "--json"],
            ["export", "r2"], ["export", "r2", "--format", "json"],
        ):  # fmt: skip
            text = out(*args)
            assert "dim" in text
            assert "_wandb" not in text

    def test_exit_codes(self, world: World) -> None:
        found = json.loads(out("runs", "--filter", '{"exit_code": 3}', "--json"))
        assert [run["id"] for run in found] == ["r2"]
        listed = json.loads(out("runs", "digits", "--columns", "exit_code", "--json"))
        assert {run["id"]: run["exit_code"] for run in listed} == {"r1": 0, "r2": 3}
        assert "finished (exit code 0)" in out("status", "r1")

    def test_what_they_called_out(self, world: World) -> None:
        head, line = out("alerts").splitlines()
        assert head.split() == ["RAISED", "LEVEL", "RUN", "DELIVERY", "WHAT"]
        assert line.split()[-5:] == ["WARN", "r1", "kept", "hot:", "!"]
        assert [each["title"] for each in json.loads(out("alerts", "--run", "r1", "--json"))] == [
            "hot"
        ]
        assert "no alerts" in sweep("alerts", "--project", "none").stderr


def test_what_sync_sent_and_what_not_is_told(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = sync.Sent(Path("a")), sync.Sent(Path("b"), error=UsageError("no"))
    monkeypatch.setattr(sync, "send_folders", lambda *_: [good, bad])
    with pytest.raises(OpensweepError, match="1 folder could not be sent, see above"):
        sync.send(world.client, [Path("a"), Path("b")])
    said = f"1 run is at {world.client.url}; 1 folder could not be sent, see above\n"
    assert capsys.readouterr().out == said


class TestExport:
    def test_runs_of_a_project(self, world: World) -> None:
        first, second = table("--project", "digits")
        assert (first["id"], first["name"], first["state"]) == ("r1", "calm-fox", "finished")
        assert first["started"] == "2001-09-09T01:46:40.000+00:00"
        assert (first["duration_s"], first["config.opt.name"]) == ("60.0", "adam")
        assert (first["config.dim"], second["config.dim"]) == ("", "3")
        assert (second["exit_code"], second["host"], second["tags"]) == ("3", "box", '["a", "b"]')
        columns = list(first)
        assert columns.index("config.dim") < columns.index("summary.loss")
        (only,) = table("--project", "digits", "--filter", '{"config.lr": 0.2}')
        assert only["id"] == "r2"

    def test_one_run(self, world: World) -> None:
        assert [row["id"] for row in table("digits/r1")] == ["r1"]
        assert [row["loss"] for row in table("r2", "--history")] == [
            "1.0",
            "0.5",
            repr(1 / 3),
            "0.25",
        ]

    def test_what_the_trials_of_a_sweep_logged(self, world: World) -> None:
        sweep_id = world.client.sweeps()[0]["id"]
        rows = table(sweep_id, "--history")
        assert list(rows[0]) == ["run", "number", "_step", "_timestamp", "loss"]
        assert [(row["number"], row["_step"], row["loss"]) for row in rows] == [
            ("1", "0", "0.0"),
            ("1", "1", "0.5"),
            ("1", "2", "1.0"),
            ("3", "0", "0.0"),
            ("3", "1", "0.5"),
        ]
        assert rows[0]["run"] == f"{sweep_id}-1"

    def test_chosen_metrics_and_pages(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("opensweep.commands.export._ROWS", 2)
        monkeypatch.setattr("opensweep.commands.export._PAGE", 1)
        result = sweep("export", "--project", "digits", "--history", "--keys", "val/acc,none")
        assert result.stderr == "nobody logged 'none'\n"
        rows = list(csv.DictReader(io.StringIO(result.stdout)))
        assert [(row["run"], row["_step"]) for row in rows] == [
            *(("r1", str(step)) for step in (0, 2, 4, 6)),
            *(("r2", str(step)) for step in (0, 2)),
        ]
        assert list(rows[0]) == ["run", "_step", "_timestamp", "val/acc"]
        assert len(table("--project", "digits", "--history")) == 11

    def test_odd_values_in_each_format(self, world: World) -> None:
        import pyarrow.parquet

        asked = ["--project", "odds/ends", "--history"]
        first, second, third = table(*asked)
        assert (first["x"], second["x"], third["x"]) == ("nan", "2.5", "inf")
        assert json.loads(first["media"]) == {"_type": "image-file", "path": "p"}
        assert (second["n"], second["flag"], second["list"]) == (str(1 << 70), "true", "[1, 2]")
        assert third["é,\n"] == 'a\n"b"'

        told = json.loads(out("export", *asked, "--format", "json"))
        assert [row["x"] for row in told] == ["NaN", 2.5, "Infinity"]
        assert told[1]["n"] == 1 << 70

        result = sweep("export", *asked, "--format", "parquet")
        assert "3 rows written to odds_ends-history.parquet" in result.stderr
        found = pyarrow.parquet.read_table("odds_ends-history.parquet").to_pydict()
        assert math.isnan(found["x"][0])
        assert found["x"][1:] == [2.5, math.inf]
        assert found["n"] == ["1", str(1 << 70), None]
        assert found["mixed"] == [None, "text", "1"]
        assert found["flag"] == [None, True, None]
        assert found["_step"] == [0, 1, 2]

    def test_parquet_goes_in_groups_of_rows(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import pyarrow.parquet

        monkeypatch.setattr("opensweep.tables._CELLS", 5)
        sweep("export", "--project", "digits", "--history", "--format", "parquet", "-o", "a")
        found = pyarrow.parquet.ParquetFile("a")
        assert (found.metadata.num_rows, found.metadata.num_row_groups) == (11, 2)  # a run each

    def test_no_half_of_a_file(
        self, world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """The connection breaks while rows come: what was there stays, and nothing else."""
        Path("old.csv").write_text("before", "utf-8")
        real = type(world.client).rows

        def breaks(client: Any, run: str, *args: Any, **more: Any) -> Any:
            if run == "r2":
                raise OSError(28, "No space left on device")
            return real(client, run, *args, **more)

        monkeypatch.setattr("sweeps.protocol.client.Client.rows", breaks)
        asked = ["export", "--project", "digits", "--history"]
        result = sweep(*asked, "-o", "old.csv")
        assert result.exit_code == 1
        assert "the disk is full" in result.stderr
        assert [path.name for path in Path().iterdir()] == ["old.csv"]
        assert Path("old.csv").read_text("utf-8") == "before"
        assert sweep(*asked).stdout == ""

    @pytest.mark.parametrize(
        ("args", "words"),
        [
            ([], "name what to write: a sweep or run by its ID, or --project NAME"),
            (["r1", "--project", "p"], "name what to write"),
            (["r1", "--keys", "a"], "--keys goes with --history"),
            (["r1", "--filter", "{}"], "--filter goes with --project"),
            (["--project", "digits", "--format", "optuna"], "has the trials of one sweep"),
            (["r1", "--format", "optuna"], "r1 is a run: an Optuna study has the trials"),
            (["--project", "digit"], "did you mean digits?"),
            (["nothing"], "no sweep 'nothing' here"),
        ],
    )
    def test_wrong_use(self, world: World, args: list[str], words: str) -> None:
        result = sweep("export", *args)
        assert result.exit_code == 2
        assert words in result.stderr
