"""What a person does in a day, with each version of the client: the same script for all."""

from __future__ import annotations

import json

import pytest
from wandb_clients import TRIED_OLD_TOO, Script, WandbServer

DAY = """
import json, os, sys
import numpy as np
import wandb

run = wandb.init(config={"lr": 0.5, "nest": {"depth": 3}}, tags=["blue"], notes="a note",
                 group="g", job_type="train", name="first try")
name, path = run.id, f"{run.entity}/{run.project}/{run.id}"
run.define_metric("acc", summary="max")
print("printed by the script")
for step in range(5):
    wandb.log({"loss": 1.0 / (step + 1), "acc": [0.1, 0.9, 0.2, 0.3, 0.4][step], "part/a": step})
wandb.log({"picture": wandb.Image(np.zeros((4, 4, 3), dtype=np.uint8), caption="black"),
           "table": wandb.Table(columns=["a", "b"], data=[[1, "x"], [2, "y"]]),
           "bars": wandb.Histogram([1, 2, 2, 3])})
run.summary["by_hand"] = 7
wandb.config.update({"added": "later"})
with open("weights.bin", "wb") as file:
    file.write(b"w" * 1000)
artifact = wandb.Artifact("weights", type="model", metadata={"k": 1})
artifact.add_file("weights.bin")
run.log_artifact(artifact, aliases=["best"])
wandb.save("weights.bin", policy="now")
run.alert("a title", "a text")
wandb.finish()

run = wandb.init(id=name, resume="must")
assert run.resumed and run.starting_step == 6, (run.resumed, run.starting_step, run.step)
assert run.config["lr"] == 0.5 and run.config["added"] == "later", dict(run.config)
wandb.log({"loss": 0.1})
used = run.use_artifact("weights:best")
assert open(os.path.join(used.download(), "weights.bin"), "rb").read() == b"w" * 1000
wandb.finish()

run = wandb.Api().run(path)
print("TOLD", json.dumps({
    "id": run.id, "name": run.name, "state": run.state, "tags": run.tags, "notes": run.notes,
    "config": {key: value for key, value in run.config.items() if not key.startswith("_")},
    "summary": {key: run.summary[key] for key in ("loss", "by_hand")},
    "acc": dict(run.summary["acc"]),
    "rows": [row.get("loss") for row in run.history(pandas=False, keys=["loss"])],
    "scanned": [row["loss"] for row in run.scan_history(keys=["loss"])],
    "files": sorted(file.name for file in run.files()),
    "artifacts": [one.name for one in run.logged_artifacts() if one.type == "model"],
    "used": [one.name for one in run.used_artifacts()],
    "runs": [one.id for one in wandb.Api().runs(path.rpartition("/")[0])],
}))
"""


@pytest.mark.parametrize("version", TRIED_OLD_TOO)
def test_a_day(wandb_script: Script, wandb_server: WandbServer, project: str, version: str) -> None:
    ended = wandb_script(DAY, version)
    assert ended.code == 0, ended.output
    told = json.loads(ended.output.split("TOLD ")[1].splitlines()[0])
    assert told["name"] == "first try"
    assert (told["state"], told["tags"], told["notes"]) == ("finished", ["blue"], "a note")
    assert told["config"] == {"lr": 0.5, "nest": {"depth": 3}, "added": "later"}
    assert told["summary"] == {"loss": 0.1, "by_hand": 7}
    assert told["acc"] == {"max": 0.9}
    assert told["rows"] == told["scanned"] == [1.0, 0.5, 1 / 3, 0.25, 0.2, 0.1]
    assert {"weights.bin", "output.log", "wandb-metadata.json", "config.yaml"} <= set(told["files"])
    assert any(name.startswith("media/images/picture") for name in told["files"])
    assert told["artifacts"] == told["used"] == ["weights:v0"]
    assert told["runs"] == [told["id"]]
    with wandb_server.client() as client:
        (run,) = client.runs(project=project)["runs"]
        (alert,) = client.alerts(run=run["id"])["alerts"]
        console = client.console(run["id"])["text"]
    assert (alert["title"], alert["text"]) == ("a title", "a text")
    assert "printed by the script" in console
