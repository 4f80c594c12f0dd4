"""The least that anybody does with the client: begin a run, log, end it."""

from __future__ import annotations

import pytest
from wandb_clients import TRIED, Script, WandbServer


@pytest.mark.parametrize("version", TRIED)
def test_a_run_is_recorded(
    wandb_script: Script, wandb_server: WandbServer, project: str, version: str
) -> None:
    ended = wandb_script(
        """
import wandb
run = wandb.init(config={"lr": 0.5, "nest": {"a": [1, 2]}}, tags=["t"], notes="n", group="g")
for step in range(20):
    wandb.log({"loss": 1.0 / (step + 1), "deep": {"er": step}})
run.summary["best"] = 7
wandb.finish()
print("RUN", run.id)
""",
        version,
    )
    assert ended.code == 0, ended.output
    name = ended.output.split("RUN ")[1].split()[0]
    with wandb_server.client() as client:
        (run,) = client.runs(project=project)["runs"]
    assert run["id"] == name
    assert run["state"] == "finished"
