"""`sweep import-wandb`: a project that the real client recorded on one server comes to another."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from wandb_clients import KEY, Script, WandbServer

import opensweep
from opensweep._command import cli
from opensweep.local import Settings, start_server, stop_server
from sweeps.protocol.client import Client

RECORD = """
import os, wandb

run = wandb.init(id="first", name="the first", config={"lr": 0.5, "nest": {"a": [1]}}, tags=["t"],
                 notes="n", group="g", job_type="j")
run.define_metric("loss", summary="min")
for step in (0, 1, 5, 100_000):
    run.log({"loss": float("nan") if step == 1 else 1.0 / (step + 1), "text": "x"}, step=step)
print("printed")
open("a.txt", "w").write("a file")
wandb.save("a.txt", policy="now")
for content in ("one", "two"):
    open("data.txt", "w").write(content)
    artifact = wandb.Artifact("data", type="dataset", metadata={"content": content})
    artifact.add_file("data.txt")
    artifact.add_reference("https://example.org/x", checksum=False)
    run.log_artifact(artifact, aliases=["good"] if content == "one" else []).wait()
run.link_artifact(artifact, "shelf", aliases=["prod"])
other = wandb.Artifact("other", type="dataset")  # refers to a file of the first
other.add_reference(artifact.get_entry("data.txt").ref_url(), name="same.txt")
run.log_artifact(other).wait()
run.finish()

run = wandb.init(id="second")
run.use_artifact("data:v0")
run.log({"loss": 3.0})
run.finish(exit_code=1)

def train():
    with wandb.init() as run:
        run.log({"loss": run.config.x})

sweep = wandb.sweep({"method": "grid", "metric": {"name": "loss"},
                     "parameters": {"x": {"values": [1, 2, 3]}}})
wandb.agent(sweep, train, count=2)
"""


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WandbServer]:
    """Another server, which the command finds."""
    settings = Settings(home=tmp_path / "target", key=KEY)
    url = start_server(settings, port=0)
    monkeypatch.setenv("OPENSWEEP_HOME", str(settings.home))
    monkeypatch.setenv("OPENSWEEP_URL", url)
    monkeypatch.setenv("OPENSWEEP_API_KEY", KEY)
    try:
        yield WandbServer(url, KEY, settings.home)
    finally:
        stop_server(settings)


def imported(*arguments: str) -> dict[str, Any]:
    ended = CliRunner().invoke(cli, ["import-wandb", *arguments, "--json"])
    assert ended.exit_code == 0, ended.output
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def test_a_project_comes_whole_and_once(
    wandb_script: Script,
    wandb_server: WandbServer,
    project: str,
    target: WandbServer,
    tmp_path: Path,
) -> None:
    ended = wandb_script(RECORD)
    assert ended.code == 0, ended.output
    where = (f"opensweep/{project}", "--base-url", wandb_server.url, "--api-key", KEY)
    came = imported(*where)
    assert len(came["runs"]) == 4
    assert sorted(came["artifacts"]) == ["data:v0", "data:v1", "other:v0"]

    with target.client() as here, wandb_server.client() as there:
        for name in ("first", "second"):
            run, origin = here.run(name), there.run(name)
            for key in ("name", "project", "config", "state", "summary", "steps", "metrics"):
                assert run[key] == origin[key], key
            for key in ("tags", "notes", "group", "job_type", "program", "host"):
                assert run["metadata"].get(key) == origin["metadata"].get(key), key
            assert rows(here, name) == rows(there, name)
            assert here.console(name)["text"] == there.console(name)["text"]
        assert [row["_step"] for row in here.history("first")] == [0, 1, 5, 100_000]
        (sweep,) = came["sweeps"].values()
        status = here.sweep(sweep)
        assert status["state"] == "paused"  # it was not done
        assert status["total"] == 1  # of three points, two have been tried there

    api = opensweep.Api()
    with api.run(f"{project}/first").file("a.txt").download(str(tmp_path / "files")) as saved:
        assert saved.read() == "a file"
    first = api.artifact(f"{project}/data:good")
    assert (first.version, first.type, first.metadata) == ("v0", "dataset", {"content": "one"})
    assert Path(first.get_entry("data.txt").download(str(tmp_path))).read_text() == "one"
    other = api.artifact(f"{project}/other:latest").get_entry("same.txt").download(str(tmp_path))
    assert Path(other).read_text() == "two"
    assert first.get_entry("x").ref_target() == "https://example.org/x"
    assert api.artifact(f"{project}/shelf:prod").source_name == "data:v1"
    assert first.logged_by().id == "first"
    assert [run.id for run in first.used_by()] == ["second"]

    again = imported(*where)
    assert again["unchanged"] == 4
    assert (again["runs"], again["sweeps"], again["artifacts"]) == ({}, {}, [])


def rows(client: Client, run: str) -> list[dict[str, Any]]:
    return [{key: str(value) for key, value in row.items()} for row in client.history(run)]


def test_what_cannot_be_meant_is_told(target: WandbServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def said(*arguments: str) -> str:
        ended = CliRunner().invoke(cli, ["import-wandb", *arguments])
        assert ended.exit_code != 0
        return ended.output

    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("HOME", str(target.home))  # no ~/.netrc
    assert "expected ENTITY/PROJECT" in said("digits")
    assert "no API key for https://api.wandb.ai" in said("a/b")
    assert "name the other one by --base-url" in said(
        "a/b", "--base-url", target.url, "--api-key", KEY
    )
