"""Who a run is that the real client begins anew, goes on with, shares, syncs, edits and stops."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from wandb_clients import ALL, NEWEST, VERSIONS, Script

import opensweep

AGAIN = """
import wandb

def record(n, loss=0.0, **given):
    run = wandb.init(**given)
    print("STEP", run.starting_step)
    for k in range(n):
        wandb.log({"loss": loss + k})
    wandb.finish()

record(4, id="again", config={"x": 1}, tags=["blue"])
record(2, 10.0, id="again", config={"y": 2})
record(2, 20.0, id="again", resume="allow", config={"z": 3})
try:  # only one: old clients may wait for ever in the init() after one that was refused
    wandb.init(id="again", resume="never")
except wandb.Error:
    print("REFUSED")
"""

SHARED = """
import os, subprocess, sys
import wandb

def record(rank):
    settings = wandb.Settings(mode="shared", x_label=f"rank{rank}", x_primary=rank == 0,
                              x_update_finish_state=rank == 0)
    run = wandb.init(id="shared", config={f"rank{rank}": rank}, settings=settings)
    run.define_metric(f"loss{rank}", summary="min")
    run.log({f"loss{rank}": 1.0})
    return run

if len(sys.argv) > 1:
    record(1).finish()
else:
    run = record(0)
    os.environ.pop("WANDB_SERVICE", None)  # the other one has a service of its own
    subprocess.run([sys.executable, __file__, "1"], check=True)
    run.finish()
"""

OFFLINE = """
import wandb
with wandb.init(id="offline", config={"x": 1}, tags=["blue"]) as run:
    for k in range(5):
        run.log({"loss": k})
"""

RESUME = """
import wandb
with wandb.init(id="ours", resume="must") as run:
    print("TOLD", run.starting_step, dict(run.config), run.name)
    run.log({"loss": 9.0})
"""

EDIT = """
import wandb

api = wandb.Api()
made = wandb.apis.public.Run.create(api, run_id="made", project="{project}", state="pending")
print("MADE", made.id, made.state)
run = api.run("{project}/edited")
run.name, run.tags, run.notes, run.group = "renamed", ["a", "b"], "by hand", "g"
run.config["more"] = [1, 2]
del run.config["lr"]
run.update()
run.summary.update({{"best": {{"k": 1}}}})
run.stop()
api.run("{project}/gone").delete()
"""


def rows(run: Any) -> list[tuple[int, float]]:
    return [(row["_step"], row["loss"]) for row in run.scan_history(keys=["_step", "loss"])]


@pytest.mark.parametrize("version", VERSIONS if ALL else (NEWEST,))
def test_the_same_id_begins_anew_or_goes_on(
    wandb_script: Script, api: opensweep.Api, project: str, version: str
) -> None:
    ended = wandb_script(AGAIN, version)
    assert ended.code == 0, ended.output
    steps = [line.split()[1] for line in ended.output.splitlines() if line.startswith("STEP")]
    assert steps == ["0", "0", "2"]
    assert "REFUSED" in ended.output
    run = api.run(f"{project}/again")
    assert rows(run) == [(0, 10.0), (1, 11.0), (2, 20.0), (3, 21.0)]
    assert (run.state, run.config, run.tags) == ("finished", {"y": 2, "z": 3}, ["blue"])
    assert run.name.endswith("-1")


def test_processes_side_by_side(wandb_script: Script, api: opensweep.Api, project: str) -> None:
    ended = wandb_script(SHARED)
    assert ended.code == 0, ended.output
    run = api.run(f"{project}/shared")
    assert (run.config, run.state) == ({"rank0": 0, "rank1": 1}, "finished")
    logged = [name for row in run.scan_history() for name in row if name.startswith("loss")]
    assert sorted(logged) == ["loss0", "loss1"]
    assert dict(run.summary) == {**run.summary, "loss0": {"min": 1.0}, "loss1": {"min": 1.0}}


@pytest.mark.parametrize("version", VERSIONS if ALL else (NEWEST,))
def test_what_was_offline_is_synced_once_however_often(
    wandb_script: Script,
    wandb_cli: Script,
    api: opensweep.Api,
    project: str,
    tmp_path: Path,
    version: str,
) -> None:
    ended = wandb_script(OFFLINE, version, WANDB_MODE="offline")
    assert ended.code == 0, ended.output
    (folder,) = (tmp_path / "wandb").glob("offline-run-*")
    found = []
    for _ in range(2):
        ended = wandb_cli("sync", "-p", project, str(folder), version=version)
        assert ended.code == 0, ended.output
        for note in folder.glob("*.synced"):
            note.unlink()
        (run,) = api.runs(project)
        found.append((run.id, run.name, run.state, run.config, run.tags, rows(run)))
    assert found[0] == found[1]
    assert found[0][2:] == ("finished", {"x": 1}, ["blue"], [(k, k) for k in range(5)])
    shutil.rmtree(folder)


def test_a_run_of_our_own_logger_is_gone_on_with(
    wandb_script: Script, api: opensweep.Api, project: str, tmp_path: Path
) -> None:
    with opensweep.init(project=project, id="ours", config={"x": 1}, dir=tmp_path) as run:
        for k in range(3):
            run.log({"loss": k})
    api.run(f"{project}/ours").wait_until_finished()
    ended = wandb_script(RESUME)
    assert ended.code == 0, ended.output
    assert "TOLD 3 {'x': 1} ours" in ended.output
    assert rows(api.run(f"{project}/ours")) == [(0, 0), (1, 1), (2, 2), (3, 9.0)]


def test_a_person_edits_stops_and_deletes(
    wandb_script: Script, api: opensweep.Api, project: str, tmp_path: Path
) -> None:
    opensweep.init(project=project, id="gone", dir=tmp_path).finish()
    api.run(f"{project}/gone").wait_until_finished()
    given = {"config": {"lr": 0.1, "keep": 1}, "dir": tmp_path}
    with opensweep.init(project=project, id="edited", **given) as run:
        run.log({"loss": 1})
    api.run(f"{project}/edited").wait_until_finished()
    ended = wandb_script(EDIT.format(project=project))
    assert ended.code == 0, ended.output
    assert "MADE made pending" in ended.output
    assert sorted(each.id for each in api.runs(project)) == ["edited", "made"]
    run = api.run(f"{project}/edited")
    assert (run.name, run.tags, run.notes, run.group) == ("renamed", ["a", "b"], "by hand", "g")
    assert run.config == {"keep": 1, "more": [1, 2]}
    assert (run.summary["loss"], run.summary["best"]["k"]) == (1, 1)
    assert json.dumps(dict(run.config))


STOP = """
import time
import wandb

run = wandb.init(id="endless", settings=wandb.Settings(x_file_stream_transmit_interval=0.2))
wandb.Api().run(f"{run.entity}/{run.project}/endless").stop()
try:
    while True:
        run.log({"loss": 1.0})
        time.sleep(0.1)
except KeyboardInterrupt:
    print("INTERRUPTED")
"""


@pytest.mark.skipif(not ALL, reason="the client asks for its orders every 15 s: make test-wandb")
def test_a_script_is_stopped(wandb_script: Script, api: opensweep.Api, project: str) -> None:
    ended = wandb_script(STOP, NEWEST)
    assert ended.code == 0, ended.output
    assert "INTERRUPTED" in ended.output
    assert api.run(f"{project}/endless").state == "finished"
