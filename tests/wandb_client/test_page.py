"""What docs/wandb.md says and no other test shows: each with the newest client."""

from __future__ import annotations

import json
from typing import Any

from wandb_clients import Finished, Script, WandbServer


def told(ended: Finished) -> Any:
    assert ended.code == 0, ended.output
    return json.loads(ended.output.split("TOLD ")[1].splitlines()[0])


def test_offline_runs_are_synced(
    wandb_script: Script, wandb_cli: Script, wandb_server: WandbServer, project: str
) -> None:
    script = """
import wandb
with wandb.init(id="away", config={"lr": 1}) as run:
    for step in range(3):
        run.log({"loss": step})
    open("f.txt", "w").write("x")
    artifact = wandb.Artifact("data", type="dataset")
    artifact.add_file("f.txt")
    run.log_artifact(artifact)
"""
    ended = wandb_script(script, WANDB_MODE="offline")
    assert ended.code == 0, ended.output
    with wandb_server.client() as client:
        assert client.runs(project=project)["runs"] == []
        ended = wandb_cli("sync", "--yes")
        assert ended.code == 0, ended.output
        (run,) = client.runs(project=project)["runs"]
        assert (run["id"], run["state"]) == ("away", "finished")
        assert [row["loss"] for row in client.history("away")] == [0, 1, 2]


def test_a_run_is_forked_and_wound_back(wandb_script: Script) -> None:
    script = """
import json, wandb
with wandb.init(id="trunk") as run:
    for step in range(6):
        run.log({"loss": step})
with wandb.init(id="branch", fork_from="trunk?_step=2") as run:
    run.log({"loss": 100})
with wandb.init(id="trunk", resume_from="trunk?_step=3") as run:
    run.log({"loss": 200})
api = wandb.Api()
def losses(name):
    return [row["loss"] for row in api.run(name).scan_history(keys=["loss"])]
print("TOLD", json.dumps([losses("branch"), losses("trunk")]))
"""
    assert told(wandb_script(script)) == [[0, 1, 2, 100], [0, 1, 2, 3, 200]]


def test_processes_share_a_run(wandb_script: Script) -> None:
    script = """
import json, subprocess, sys, wandb
worker = '''
import sys, wandb
label = sys.argv[1]
settings = wandb.Settings(mode="shared", x_label=label, x_primary=label == "0")
with wandb.init(id="both", settings=settings) as run:
    run.log({"of" + label: 1})
    print("printed by", label)
'''
for label in "01":
    subprocess.run([sys.executable, "-c", worker, label], check=True)
run = wandb.Api().run("both")
print("TOLD", json.dumps({"of0": run.summary.get("of0"), "of1": run.summary.get("of1")}))
"""
    assert told(wandb_script(script)) == {"of0": 1, "of1": 1}


def test_the_public_api_reads_and_changes(wandb_script: Script) -> None:
    script = """
import json, wandb
for number, loss in enumerate([3.0, 1.0, 2.0]):
    with wandb.init(id=f"r{number}", config={"lr": number}, tags=["all"]) as run:
        run.log({"loss": loss})
api = wandb.Api()
found = {}
project = run.project
found["by_loss"] = [one.id for one in api.runs(project, order="+summary_metrics.loss", per_page=2)]
found["cheap"] = [one.id for one in api.runs(project, {"summary_metrics.loss": {"$lt": 2.5}})]
found["either"] = [one.id for one in api.runs(project, {"$or": [{"config.lr": 0}, {"tags": "x"}]})]
one = api.run(f"{project}/r1")
one.tags.append("x")
one.config["added"] = 1
one.summary["verdict"] = "good"
one.notes = "noted"
one.name = "renamed"
one.update()
again = wandb.Api().run(f"{project}/r1")
found["changed"] = [again.tags, again.config["added"], again.summary["verdict"], again.notes,
                    again.name]
api.run(f"{project}/r2").delete()
found["left"] = len(wandb.Api().runs(project))
found["projects"] = project in [each.name for each in api.projects()]
print("TOLD", json.dumps(found))
"""
    found = told(wandb_script(script))
    assert found["by_loss"] == ["r1", "r2", "r0"]
    assert sorted(found["cheap"]) == ["r1", "r2"]
    assert found["either"] == ["r0"]
    assert found["changed"] == [["all", "x"], 1, "good", "noted", "renamed"]
    assert found["left"] == 2
    assert found["projects"]


def test_what_is_not_there_is_said_at_once(wandb_script: Script) -> None:
    script = """
import json, time, wandb
from wandb.apis.public import Api
api = Api()
with wandb.init(id="here") as run:
    run.log({"a": 1})
found = {}
def tried(name, what):
    began = time.monotonic()
    try:
        found[name] = f"{what()}"
    except Exception as error:
        found[name] = f"{error}"
    assert time.monotonic() - began < 10, name
tried("reports", lambda: list(api.reports(f"{run.entity}/{run.project}")))
tried("automations", lambda: list(api.automations(entity=run.entity)))
tried("queue", lambda: api.create_run_queue(name="q", type="local-container", entity=run.entity))
tried("chart", lambda: api.create_custom_chart(entity=run.entity, name="c", display_name="c",
      spec_type="vega2", access="private", spec={}))
print("TOLD", json.dumps(found))
"""
    found = told(wandb_script(script))
    assert found["reports"] == found["automations"] == "[]"
    assert "W&B Launch does not run here" in found["queue"]
    assert "charts of one's own are not here" in found["chart"]
