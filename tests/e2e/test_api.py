"""`opensweep.Api()` against a real server: what was recorded comes back, with W&B's names."""

from __future__ import annotations

import http.server
import json
import math
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas
import polars
import pytest

import opensweep
from opensweep.errors import CommError, NotFoundError
from opensweep.local import Settings, ensure_server, stop_server
from sweeps.protocol.chunks import encode
from sweeps.protocol.client import Client

ROOT = Path(__file__).resolve().parents[2]
STARTED = 1_750_000_000.0
SWEEP = """
program: t.py
project: swept
method: grid
metric: {name: loss, goal: minimize}
parameters: {x: {values: [1, 2, 3]}}
"""


def record(client: Client, run_id: str, steps: int = 100, **given: Any) -> None:
    """A run whose loss falls from 1; every tenth row has an accuracy."""
    said = {"project": "p", "entity": "team", "started": STARTED, **given}
    writer = client.register_run(run_id, f"uid-{run_id}", **said)["writer"]
    rows: list[Any] = [
        (
            step,
            STARTED + 0.5 * step,
            {"loss": 1 / (step + 1), **({"val.acc": step} if step % 10 == 0 else {})},
        )
        for step in range(steps)
    ]
    client.post_chunk(
        run_id, writer, "history", 0, 0, steps - 1, steps, objective=b"", data=encode(rows)
    )
    machine: list[Any] = [(n, STARTED + 10 * n, {"system.cpu": 10.0 * n}) for n in range(5)]
    client.post_chunk(run_id, writer, "system", 0, 0, 4, 5, objective=b"", data=encode(machine))
    summary = {"loss": 1 / steps, "val.acc": steps - 10, "best": {"min": 0.5}, "odd": math.nan}
    client.describe_run(run_id, writer, summary=summary)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A server's home; the server has some runs."""
    folder = tmp_path_factory.mktemp("api") / "home"
    settings = Settings(home=folder)
    try:
        with ensure_server(settings, say=lambda line: None) as client:
            for n in range(7):
                config = {"lr": n / 10, "opt": {"name": "adam"}, "_wandb": {"visualize": {}}}
                metadata = {
                    "name": f"run number {n}",
                    "tags": ["odd" if n % 2 else "even"],
                    "group": "g",
                    "job_type": "train",
                    "notes": "a note",
                    "username": "ada",
                }
                record(client, f"r{n}", 100 + n, config=config, metadata=metadata)
                if n < 5:
                    client.end_run(f"r{n}", 1, 0 if n < 4 else 1)
            record(client, "empty", 1, project="q")
        yield folder
    finally:
        stop_server(settings)


@pytest.fixture
def api(home: Path, monkeypatch: pytest.MonkeyPatch) -> opensweep.Api:
    for name in [name for name in os.environ if name.startswith(("OPENSWEEP_", "WANDB_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("OPENSWEEP_HOME", str(home))
    return opensweep.Api()


@pytest.fixture
def client(home: Path) -> Iterator[Client]:
    with ensure_server(Settings(home=home)) as found:
        yield found


class TestRuns:
    def test_projects_have_runs(self, api: opensweep.Api) -> None:
        assert [project.name for project in api.projects()] == ["p", "q"]
        project = api.project("team/p")
        assert project.created_at == "2025-06-15T15:06:40Z"
        assert len(project.runs) == 7
        with pytest.raises(CommError, match="no project 'none'"):
            api.project("none")

    def test_runs_are_a_lazy_list(self, api: opensweep.Api) -> None:
        runs = api.runs("team/p", per_page=3)
        assert runs.objects == []
        assert runs[4].id == "r4"
        assert len(runs.objects) == 6  # two pages
        assert len(runs) == 7
        assert [run.id for run in runs[1:6:2]] == ["r1", "r3", "r5"]
        assert runs[-1].id == "r6"
        assert [run.id for run in runs] == [f"r{n}" for n in range(7)]
        assert not runs.more
        with pytest.raises(IndexError):
            runs[7]
        assert list(api.runs("p", {"state": "nothing"})) == []
        for look in (len, list):
            with pytest.raises(CommError, match="no project 'nowhere': there are team/p, team/q"):
                look(api.runs("nowhere"))
        assert len(api.runs()) == 8

    def test_filters_and_orders_are_wandbs(self, api: opensweep.Api) -> None:
        filters = {"$and": [{"config.lr.value": {"$gte": 0.2}}, {"state": "finished"}]}
        assert [run.id for run in api.runs("p", filters, "-config.lr")] == ["r3", "r2"]
        runs = api.runs("p", {"tags": "odd", "display_name": {"$regex": "number [13]"}})
        assert [run.id for run in runs] == ["r1", "r3"]
        assert api.runs("p", order="-summary_metrics.val.acc")[0].id == "r6"
        with pytest.raises(opensweep.UsageError, match=r"no such operator; there are \$eq"):
            len(api.runs("p", {"config.lr": {"$near": 1}}))

    def test_a_run_has_wandbs_attributes(self, api: opensweep.Api) -> None:
        run = api.run("team/p/r4")
        assert api.run("r4").id == api.run("p/runs/r4").id == "r4"
        assert (run.id, run.name, run.state, run.exit_code) == ("r4", "run number 4", "failed", 1)
        assert (run.project, run.entity, run.path) == ("p", "team", ["team", "p", "r4"])
        assert run.config == {"lr": 0.4, "opt": {"name": "adam"}}
        assert "_wandb" in run.rawconfig
        assert (run.tags, run.group, run.job_type, run.notes) == (["even"], "g", "train", "a note")
        assert (run.user.username, run.metadata["username"]) == ("ada", "ada")
        assert run.created_at == "2025-06-15T15:06:40Z"
        assert run.lastHistoryStep == 103
        assert run.sweep is None
        assert run.url.endswith("/runs/r4")
        assert repr(run) == "<Run team/p/r4 (failed)>"

    def test_a_summary_is_a_dict_with_attributes(self, api: opensweep.Api) -> None:
        summary = api.run("p/r0").summary
        assert summary["loss"] == summary.loss == summary.get("loss") == 0.01
        assert summary["val.acc"] == summary["val"]["acc"] == summary.val.acc == 90
        assert summary["best"] == {"min": 0.5}
        assert summary.best.min == summary["best.min"] == 0.5
        assert math.isnan(summary["odd"])
        assert sorted(summary.keys()) == ["best", "loss", "odd", "val"]
        assert type(summary._json_dict) is dict
        assert summary.get("none", 7) == 7
        with pytest.raises(KeyError):
            summary["none"]
        with pytest.raises(AttributeError):
            _ = summary.none

    @pytest.mark.parametrize(
        ("path", "named"),
        [("p/none", "no run 'none'"), ("q/r1", "it is in 'p'"), ("none", "no run")],
    )
    def test_a_run_that_is_not_there_raises_what_scripts_catch(
        self, api: opensweep.Api, path: str, named: str
    ) -> None:
        for kind in (CommError, ValueError, opensweep.Error):
            with pytest.raises(kind, match=named):
                api.run(path)
        with pytest.raises(opensweep.UsageError):
            api.run("a/b/c/d/e")

    def test_a_table_of_runs_comes_as_a_frame(self, api: opensweep.Api) -> None:
        frame = api.runs("p", order="+config.lr").to_pandas()
        assert isinstance(frame, pandas.DataFrame)
        assert frame["config.opt.name"].tolist() == ["adam"] * 7
        assert frame["summary.val.acc"].tolist() == [90 + n for n in range(7)]
        other = api.runs("p").to_polars()
        assert isinstance(other, polars.DataFrame)
        assert other["id"].to_list() == [f"r{n}" for n in range(7)]


class TestHistory:
    def test_a_sample_is_a_frame(self, api: opensweep.Api) -> None:
        frame = api.run("r0").history(samples=10)
        assert isinstance(frame, pandas.DataFrame)
        assert len(frame) == 10
        assert set(frame.columns) == {"loss", "val.acc", "_step", "_timestamp", "_runtime"}
        assert frame["_step"].tolist()[::9] == [0, 99]
        assert frame["_runtime"].tolist()[-1] == 49.5

    def test_with_keys_rows_have_all_of_them(self, api: opensweep.Api) -> None:
        rows = api.run("r0").history(keys=["loss", "val.acc"], pandas=False)
        assert rows == [{"_step": n, "loss": 1 / (n + 1), "val.acc": n} for n in range(0, 100, 10)]
        frame = api.run("r0").history(keys=["loss"], x_axis="val.acc")
        assert list(frame.columns) == ["val.acc", "loss"]

    def test_polars_and_lists_on_request(self, api: opensweep.Api) -> None:
        run = api.run("r0")
        frame = run.history(keys=["loss"], format="polars")
        assert isinstance(frame, polars.DataFrame)
        assert frame.shape == (100, 2)
        assert isinstance(run.history(format="default"), list)
        with pytest.raises(opensweep.UsageError, match="format"):
            run.history(format="excel")
        with pytest.raises(opensweep.UsageError, match="keys"):
            run.history(keys="loss")

    def test_system_metrics_are_a_stream(self, api: opensweep.Api) -> None:
        frame = api.run("r0").history(stream="system")
        assert frame["system.cpu"].tolist() == [0, 10, 20, 30, 40]

    def test_a_scan_gives_everything_page_by_page(self, api: opensweep.Api) -> None:
        run = api.run("r0")
        scan = run.scan_history(page_size=7)
        rows = list(scan)
        assert [row["_step"] for row in rows] == list(range(100))
        assert rows[3] == {"loss": 0.25, "_step": 3, "_timestamp": STARTED + 1.5, "_runtime": 1.5}
        assert list(scan) == rows  # from the beginning again
        assert next(iter(scan)) == rows[0]
        assert [row["val.acc"] for row in run.scan_history(keys=["val.acc"])] == list(
            range(0, 100, 10)
        )
        some = run.scan_history(["_step", "loss"], min_step=10, max_step=13)
        assert [row["_step"] for row in some] == [10, 11, 12]

    def test_numbers_that_json_lacks_stay_numbers(self, api: opensweep.Api, client: Client) -> None:
        client.register_run("nan", "uid", project="odd")
        rows: list[Any] = [(0, STARTED, {"x": math.nan}), (1, STARTED, {"x": math.inf})]
        client.post_chunk("nan", 1, "history", 0, 0, 1, 2, objective=b"", data=encode(rows))
        run = api.run("nan")
        for found in (run.history(format="default"), list(run.scan_history())):
            assert math.isnan(found[0]["x"])
            assert found[1]["x"] == math.inf
        client.end_run("nan", 1, 0)
        run.delete()

    def test_histories_of_many_runs_are_one_table(self, api: opensweep.Api) -> None:
        frame = api.runs("p").histories(samples=3, keys=["loss"], format="pandas")
        assert frame.groupby("run_id").size().tolist() == [3] * 7


class TestChanging:
    @pytest.fixture
    def run(self, api: opensweep.Api, client: Client) -> Iterator[Any]:
        record(client, "mine", 10, project="changing", config={"a": 1, "b": {"c": 1}})
        client.end_run("mine", 1, 0)
        yield api.run("mine")
        api.run("mine").delete()

    def test_what_is_changed_is_sent_by_update(self, api: opensweep.Api, run: Any) -> None:
        run.name, run.notes = "better", "why"
        run.tags.append("best")
        run.config["a"] = 2
        run.config["b"]["c"] = 3
        run.config["new"] = [1]
        run.summary["loss"] = 7
        del run.summary["odd"]
        assert api.run("mine").name == "mine"
        run.update()
        again = api.run("mine")
        assert (again.name, again.notes, again.tags) == ("better", "why", ["best"])
        assert again.config == {"a": 2, "b": {"c": 3}, "new": [1]}
        assert again.summary["loss"] == 7
        assert "odd" not in again.summary
        assert again.summary["val.acc"] == 0
        assert [each.id for each in api.runs("changing", {"tags": "best"})] == ["mine"]

    def test_wrong_uses_and_names_that_only_wandb_has_say_what_to_do(
        self, api: opensweep.Api, run: Any
    ) -> None:
        calls: list[tuple[Any, str]] = [
            (lambda: run.history(stream="zzz"), "'zzz' is none of default, system"),
            (lambda: run.files(names=["a"], pattern="%"), "names or a pattern"),
            (lambda: run.upload_file("a.txt"), r"opensweep\.init\(id='mine', resume='must'\)"),
            (lambda: run.log_artifact(object()), r"run\.log_artifact"),
            (lambda: api.create_run(project="p"), r"opensweep\.init"),
        ]
        for call, message in calls:
            with pytest.raises(opensweep.UsageError, match=message):
                call()
        with pytest.raises(NotFoundError, match="no artifacts of type 'zzz'"):
            api.artifact_type("zzz", "p")
        assert not api.artifact_collection_exists("p/none", "model")
        assert api.viewer.username == api.viewer.name
        assert run.files(pattern="%.none") == []

    def test_a_summary_updates_itself(self, api: opensweep.Api, run: Any) -> None:
        run.summary.update({"extra": {"x": 1, "deep": {"z": 1, "old": 1}}})
        run.summary.more = 2
        run.summary["extra"]["deep"]["z"] = 3
        del run.summary["extra"]["deep"]["old"]
        run.summary.update()
        again = api.run("mine")
        assert again.summary["extra"] == {"x": 1, "deep": {"z": 3}}
        assert again.summary_metrics["extra"]["deep"]["z"] == again.summary["extra.deep.z"] == 3
        assert api.run("mine").summary.more == 2

    def test_only_what_was_changed_is_sent(
        self, api: opensweep.Api, run: Any, client: Client
    ) -> None:
        client.describe_run("mine", 1, config={"a": 5}, metadata={"tags": ["by the script"]})
        run.name = "better"
        run.update()
        run.load()
        assert (run.name, run.config["a"], run.tags) == ("better", 5, ["by the script"])

    def test_a_deleted_run_is_gone(self, api: opensweep.Api, client: Client) -> None:
        record(client, "gone", 5)
        run = api.run("gone")
        with pytest.raises(opensweep.UsageError, match="still runs"):
            run.delete()
        client.end_run("gone", 1, 0)
        run.wait_until_finished()
        run.delete()
        with pytest.raises(CommError):
            api.run("gone")
        assert "gone" not in [each.id for each in api.runs("p")]


def test_a_sweep_has_runs_and_a_best_one(api: opensweep.Api, client: Client) -> None:
    sweep_id = client.create_sweep(SWEEP)["id"]
    sweep = api.sweep(f"team/swept/{sweep_id}")
    assert (sweep.id, sweep.project, sweep.expected_run_count) == (sweep_id, "swept", 3)
    assert sweep.config["metric"] == {"name": "loss", "goal": "minimize"}
    assert sweep.order == "+summary_metrics.loss"
    assert sweep.state in ("PENDING", "RUNNING")
    assert sweep.best_run() is None
    assert len(sweep.runs) == 0
    with pytest.raises(CommError):
        api.sweep("none")
    client.change(sweep_id, "cancel")
    assert sweep.load()["state"] == "canceled"
    assert [each.id for each in api.runs("p")[:1]] == ["r0"]


class TestFinding:
    def test_a_server_may_be_named(self, api: opensweep.Api, home: Path) -> None:
        key = (home / "api_key").read_text().strip()
        named = opensweep.Api({"base_url": api.settings["base_url"], "project": "p"}, api_key=key)
        assert len(named.runs()) == 7
        wrong = opensweep.Api({"base_url": api.settings["base_url"]}, api_key="wrong")
        with pytest.raises(CommError, match="refuses the API key"):
            wrong.projects()

    def test_nobody_there_is_said(self, api: opensweep.Api) -> None:
        away = opensweep.Api({"base_url": "http://127.0.0.1:9"}, api_key="k", timeout=2)
        with pytest.raises(CommError, match=r"http://127.0.0.1:9 does not answer"):
            away.runs("p")[0]
        with pytest.raises(opensweep.UsageError, match="expected the address"):
            opensweep.Api({"base_url": "nonsense"}, api_key="k")
        with pytest.raises(opensweep.UsageError, match="no setting 'porject'"):
            opensweep.Api({"porject": "p"})

    def test_the_server_is_started_where_none_runs_and_found_again_after_a_restart(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        home = tmp_path / "home"
        monkeypatch.setenv("OPENSWEEP_HOME", str(home))
        monkeypatch.delenv("OPENSWEEP_URL", raising=False)
        monkeypatch.delenv("OPENSWEEP_API_KEY", raising=False)
        try:
            api = opensweep.Api()
            assert api.projects() == []
            assert stop_server(Settings(home=home))
            assert api.projects() == []
        finally:
            stop_server(Settings(home=home))

    def test_the_oldest_python_reads_with_nothing_installed(
        self, api: opensweep.Api, home: Path
    ) -> None:
        found = sorted(Path.home().glob(".pyenv/versions/3.8.*/bin/python3.8"))
        interpreter = shutil.which("python3.8") if not found else str(found[-1])
        if interpreter is None:
            pytest.skip("there is no Python 3.8 on this machine")
        code = (
            "import opensweep, json\n"
            "api = opensweep.Api()\n"
            "run = api.runs('p', {'config.lr': {'$gt': 0.45}}, '-config.lr')[0]\n"
            "rows = run.history(samples=5, pandas=False)\n"
            "scan = sum(1 for _ in run.scan_history())\n"
            "print(json.dumps([run.id, len(rows), scan, run.summary.best.min]))\n"
        )
        done = subprocess.run(
            [interpreter, "-W", "error", "-S", "-c", code],
            env={"PYTHONPATH": str(ROOT), "OPENSWEEP_HOME": str(home)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout) == ["r6", 5, 106, 0.5]

    def test_pandas_is_not_imported_before_it_is_asked_for(self, home: Path) -> None:
        code = (
            "import opensweep, sys\n"
            "opensweep.Api().run('r0').history(pandas=False)\n"
            "print('pandas' in sys.modules, 'numpy' in sys.modules)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONPATH": str(ROOT), "OPENSWEEP_HOME": str(home)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.split() == ["False", "False"]


def test_what_a_resuming_run_asks(
    home: Path, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from logging_core.api.http import run_before

    monkeypatch.setenv("OPENSWEEP_HOME", str(home))
    monkeypatch.delenv("OPENSWEEP_URL", raising=False)
    found = run_before("r3")
    assert found is not None
    assert (found.next_step, found.writer, found.state) == (103, 1, "finished")
    assert (found.config["lr"], found.summary["val.acc"]) == (0.3, 93)
    assert found.metadata["tags"] == ["odd"]
    assert run_before("none") is None
    begin = time.monotonic()
    monkeypatch.setenv("OPENSWEEP_URL", "http://127.0.0.1:9")
    with pytest.raises(CommError):
        run_before("r3", within_s=1)
    assert time.monotonic() - begin < 5


SCRIPT = """
import pathlib, opensweep
with opensweep.init(project="whole", config={"lr": 0.1}, tags=["first"]) as run:
    for step in range(300):
        run.log({"loss": 1 / (step + 1), "nested": {"x": step}})
    pathlib.Path(run.dir, "note.txt").write_text("kept")
    run.save("note.txt")
    artifact = opensweep.Artifact("model", type="model")
    artifact.add_file(run.dir + "/note.txt")
    run.log_artifact(artifact)
    run.alert("done", "it went well", level="INFO")
print(run.id)
"""


def test_the_whole_way_from_a_script_to_the_api(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No agent: the run's follower sends it. The alert arrives at a web hook."""
    got: list[dict[str, Any]] = []

    class Hook(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    hook = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=hook.serve_forever, args=(0.02,))
    thread.start()
    home = tmp_path / "home"
    home.mkdir()
    port = hook.server_port
    (home / "alerts").write_text(f"# the team\njson://user:pa55word@127.0.0.1:{port}\n")
    monkeypatch.setenv("OPENSWEEP_HOME", str(home))
    for name in ("OPENSWEEP_URL", "OPENSWEEP_API_KEY", "OPENSWEEP_MODE"):
        monkeypatch.delenv(name, raising=False)
    settings = Settings(home=home)
    try:
        with ensure_server(settings, say=lambda line: None) as client:
            done = subprocess.run(
                [sys.executable, "-c", SCRIPT],
                env={**os.environ, "PYTHONPATH": str(ROOT), "OPENSWEEP_SILENT": "1"},
                cwd=tmp_path,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            run_id = done.stdout.split()[-1]
            api = opensweep.Api()
            until(lambda: [run.state for run in api.runs("whole")] == ["finished"])
            run = api.run(f"whole/{run_id}")
            assert (run.config["lr"], run.tags) == (0.1, ["first"])
            assert run.summary["nested.x"] == run.summary["nested"]["x"] == 299
            assert len(list(run.scan_history(keys=["loss", "nested.x"]))) == 300
            assert run.history(samples=10)["_step"].tolist()[-1] == 299
            until(lambda: "note.txt" in [file.name for file in run.files()])
            until(lambda: [each.name for each in run.logged_artifacts()] == ["model:v0"])
            folder = api.artifact("whole/model:latest").download(str(tmp_path / "model"))
            assert (Path(folder) / "note.txt").read_text() == "kept"
            until(lambda: got)
            assert (got[0]["title"], got[0]["type"]) == ("INFO: done", "info")
            (alert,) = client.alerts(run=run_id)["alerts"]
            until(lambda: client.alerts(run=run_id)["alerts"][0]["state"] == "delivered")
            assert alert["text"] == "it went well"
        assert "pa55word" not in (home / "server.log").read_text()
    finally:
        stop_server(settings)
        hook.shutdown()
        hook.server_close()
        thread.join()


def until(condition: Callable[[], object], within_s: float = 30.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass in time"
        time.sleep(0.05)
