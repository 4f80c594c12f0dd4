"""Smaller loops that report to W&B: Accelerate, torchtune, Keras, Stable-Baselines3."""

from __future__ import annotations

from pathlib import Path

from trained import Train, bytes_of, histograms, values

ACCELERATE = """
import numpy, os
from accelerate import Accelerator

accelerator = Accelerator(log_with="wandb", cpu=True)
accelerator.init_trackers(os.environ["WANDB_PROJECT"], config={"lr": 0.1, "n": {"a": 1}},
    init_kwargs={"wandb": {"name": "named", "tags": ["t"]}})
for step in range(10):
    accelerator.log({"loss": 1 / (step + 1)}, step=step)
tracker = accelerator.get_tracker("wandb")
tracker.log_images({"image": [numpy.zeros((4, 4, 3), dtype="uint8")]}, step=10)
tracker.log_table("table", columns=["a"], data=[[1], [2]], step=11)
accelerator.end_training()
"""


def test_accelerate(train: Train) -> None:
    run = train("accelerate", ACCELERATE).run
    assert (run.name, list(run.tags), run.state) == ("named", ["t"], "finished")
    assert (run.config["lr"], run.config["n"]) == (0.1, {"a": 1})
    rows = list(run.scan_history(["loss"]))
    assert [row["loss"] for row in rows] == [1 / (step + 1) for step in range(10)]
    assert values(run, "image")[0]["count"] == 1
    assert values(run, "table")[0]["nrows"] == 2


TORCHTUNE = """
import os
from omegaconf import OmegaConf
from torchtune.training.metric_logging import WandBLogger

logger = WandBLogger(log_dir="logs", project=os.environ["WANDB_PROJECT"], group="g")
logger.log_config(OmegaConf.create({"model": {"lr": 0.1}, "seed": 5, "output_dir": "out"}))
for step in range(10):
    logger.log("loss", 1 / (step + 1), step)
    logger.log_dict({"speed": step, "peak": 2 * step}, step)
logger.close()
"""


def test_torchtune(train: Train, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    done = train("torchtune", TORCHTUNE)
    run = done.run
    assert (run.group, run.state) == ("g", "finished")
    assert (run.config["model"], run.config["seed"]) == ({"lr": 0.1}, 5)
    assert values(run, "loss") == [1 / (step + 1) for step in range(10)]
    rows = list(run.scan_history(["speed", "peak", "global_step"]))
    assert [row["global_step"] for row in rows] == list(range(10))
    run.file("torchtune_config.yaml").download(root=str(tmp_path / "down")).close()
    sent = (tmp_path / "down" / "torchtune_config.yaml").read_bytes()
    assert sent == (done.folder / "out" / "torchtune_config.yaml").read_bytes()
    assert b"seed: 5" in sent


KERAS = """
import hashlib, json, pathlib, numpy, wandb, keras
from wandb.integration.keras import WandbMetricsLogger, WandbModelCheckpoint

run = wandb.init(config={"rate": 0.1})
model = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1)])
model.compile(optimizer=keras.optimizers.SGD(run.config.rate), loss="mse", metrics=["mae"])
data = numpy.ones((8, 2)), numpy.zeros((8, 1))
model.fit(*data, validation_data=data, epochs=3, batch_size=4, verbose=0, callbacks=[
    WandbMetricsLogger(log_freq="batch"), WandbModelCheckpoint("kept-{epoch}.keras")])
run.finish()
print("TOLD", json.dumps([hashlib.sha256(pathlib.Path(f"kept-{n}.keras").read_bytes()).hexdigest()
    for n in (1, 2, 3)]))
"""


def test_keras(train: Train, tmp_path: Path) -> None:
    done = train("tensorflow", KERAS, KERAS_BACKEND="tensorflow", TF_CPP_MIN_LOG_LEVEL="3")
    run = done.run
    assert len(values(run, "batch/loss")) == 6
    assert [row["epoch/epoch"] for row in run.scan_history(["epoch/val_loss", "epoch/epoch"])] == [
        0,
        1,
        2,
    ]
    assert abs(values(run, "epoch/learning_rate")[0] - 0.1) < 1e-6
    assert run.config["rate"] == 0.1
    models = sorted(one.name for one in run.logged_artifacts() if one.type == "model")
    assert models == [f"run_{run.id}_model:v{n}" for n in range(3)]
    for n, name in enumerate(models, 1):
        files = bytes_of(run, name, tmp_path)
        assert files == {f"kept-{n}.keras": (done.folder / f"kept-{n}.keras").read_bytes()}


STABLE_BASELINES = """
import wandb
from stable_baselines3 import PPO
from wandb.integration.sb3 import WandbCallback

run = wandb.init(sync_tensorboard=True, config={"env": "CartPole-v1"})
model = PPO("MlpPolicy", run.config.env, n_steps=64, batch_size=32, n_epochs=1, seed=0,
    device="cpu", tensorboard_log="logs")
model.learn(192, callback=WandbCallback(model_save_path="models", gradient_save_freq=2))
run.finish()
"""


def test_stable_baselines(train: Train, tmp_path: Path) -> None:
    done = train("stable_baselines3", STABLE_BASELINES)
    run = done.run
    assert (run.config["algo"], run.config["n_steps"]) == ("PPO", 64)
    rows = list(run.scan_history(["rollout/ep_rew_mean", "global_step"]))
    assert [row["global_step"] for row in rows] == [64, 128, 192]
    assert len(values(run, "train/loss")) == 2
    assert histograms(run, "gradients/")
    run.file("model.zip").download(root=str(tmp_path / "down")).close()
    saved = (done.folder / "models" / "model.zip").read_bytes()
    assert (tmp_path / "down" / "model.zip").read_bytes() == saved
