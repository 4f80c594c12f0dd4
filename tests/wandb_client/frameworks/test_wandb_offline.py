"""A training far from any server, and `wandb sync` afterwards: nothing is missing."""

from __future__ import annotations

from pathlib import Path

from trained import Train, bytes_of, values

TRAIN = """
import xgboost, numpy, os, subprocess, sys, wandb
from wandb.integration.xgboost import WandbCallback

run = wandb.init(mode="offline", config={"depth": 2}, name="away")
rng = numpy.random.default_rng(0)
x = rng.normal(size=(100, 3))
model = xgboost.XGBRegressor(n_estimators=20, max_depth=run.config.depth,
    callbacks=[WandbCallback(log_model=True)])
model.fit(x[:50], x[:50, 0], eval_set=[(x[50:], x[50:, 0])], verbose=False)
run.log({"weights": wandb.Histogram(x), "picture": wandb.Image(numpy.zeros((4, 4, 3), "uint8"))})
folder = os.path.dirname(run.dir)
assert "offline-run" in folder, folder
run.finish()
synced = subprocess.run([sys.executable, "-m", "wandb", "sync", folder, "--include-synced"])
sys.exit(synced.returncode)
"""


def test_a_training_that_is_synced_later(train: Train, tmp_path: Path) -> None:
    done = train("xgboost", TRAIN)
    run = done.run
    assert (run.name, run.state, run.config["depth"]) == ("away", "finished", 2)
    assert len(values(run, "validation_0-rmse")) == 20
    (weights,) = values(run, "weights")
    assert sum(weights["values"]) == 300
    (picture,) = values(run, "picture")
    assert picture["path"] in {file.name for file in run.files()}
    (model,) = (one for one in run.logged_artifacts() if one.type == "model")
    (data,) = bytes_of(run, model.name, tmp_path).values()
    (local,) = done.folder.glob("wandb/offline-run-*/files/*_model.json")
    assert data == local.read_bytes()
