"""Libraries that report to W&B, given our module of that name: each in a process of its own.

W&B's own client is installed here, too, for other tests; the stand-in hides it.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from agent.inject import inject_folder, wandb_folder
from logging_core.records import ArtifactLogged, ConfigUpdate, History, Reader


class Ran:
    """The run that a script recorded."""

    def __init__(self, folder: Path) -> None:
        (records,) = folder.glob("**/opensweep/*/records.1.bin")
        self.folder = records.parent
        self.records = Reader(records).read(final=True)
        self.rows: list[dict[str, Any]] = [r.row for r in self.records if isinstance(r, History)]
        self.config: dict[str, Any] = {}
        for record in self.records:
            if isinstance(record, ConfigUpdate):
                self.config.update(record.values)
        self.about = json.loads((self.folder / "run.json").read_text())

    def values(self, name: str) -> list[Any]:
        return [row[name] for row in self.rows if name in row]

    def artifacts(self) -> int:
        return sum(isinstance(record, ArtifactLogged) for record in self.records)


def run(folder: Path, library: str, code: str, **environ: str) -> Ran:
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"{library} is not installed: make test-frameworks")
    path: list[str | Path] = [wandb_folder(folder / "home"), inject_folder(folder / "home")]
    path += filter(None, [os.environ.get("PYTHONPATH")])
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "OPENSWEEP_MODE": "offline",
             "PYTHONPATH": os.pathsep.join(map(str, path)), **environ},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Exception ignored" not in done.stderr
    return Ran(folder)


TRAINER = """
import transformers
config = transformers.BertConfig(vocab_size=10, hidden_size=8, num_hidden_layers=1,
    num_attention_heads=2, intermediate_size=8, max_position_embeddings=8)
model = transformers.BertForSequenceClassification(config)
rows = [{"input_ids": [1, 2, 3], "labels": n % 2} for n in range(8)]
given = transformers.TrainingArguments(output_dir="out", max_steps=4, logging_steps=2,
    eval_strategy="steps", eval_steps=2, save_steps=2, per_device_train_batch_size=2,
    report_to="wandb", run_name="named", use_cpu=True, disable_tqdm=True)
transformers.Trainer(model, given, train_dataset=rows, eval_dataset=rows).train()
"""


def test_the_hugging_face_trainer_reports_to_it(tmp_path: Path) -> None:
    ran = run(tmp_path, "transformers", TRAINER, WANDB_LOG_MODEL="end", WANDB_WATCH="gradients")
    assert (ran.about["project"], ran.about["name"]) == ("huggingface", "named")
    assert len(ran.values("train/loss")) == 2
    assert ran.values("train/global_step")[-1] == 4
    assert len(ran.values("eval/loss")) == 2
    assert ran.config["hidden_size"] == 8
    assert ran.config["model/num_parameters"] > 0
    assert ran.artifacts() == 2  # the architecture, and the model at the end


LIGHTNING = """
import numpy, torch, lightning
from lightning.pytorch.loggers import WandbLogger

class Model(lightning.LightningModule):
    def __init__(self, width=4):
        super().__init__()
        self.save_hyperparameters()
        self.layer = torch.nn.Linear(width, 1)
    def training_step(self, batch, _):
        loss = self.layer(batch).mean()
        self.log("train_loss", loss)
        return loss
    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)

logger = WandbLogger(project="pl", name="n", log_model=True)
model = Model()
logger.watch(model, log_freq=1)
trainer = lightning.Trainer(max_epochs=2, logger=logger, log_every_n_steps=1, accelerator="cpu",
    enable_progress_bar=False)
trainer.fit(model, torch.utils.data.DataLoader(torch.randn(8, 4), batch_size=4))
logger.log_table("table", columns=["a"], data=[[1]])
logger.log_image("image", [numpy.zeros((4, 4, 3), dtype="uint8")], caption=["c"])
logger.log_hyperparams({"more": 1})
"""


def test_lightnings_logger(tmp_path: Path) -> None:
    ran = run(tmp_path, "lightning", LIGHTNING)
    assert (ran.about["project"], ran.about["name"]) == ("pl", "n")
    assert len(ran.values("train_loss")) == 4
    assert ran.values("trainer/global_step")[-1] == 3
    assert (ran.config["width"], ran.config["more"]) == (4, 1)
    assert ran.values("table")[0]["_type"] == "table-file"
    assert ran.values("image")[0]["_type"] == "images/separated"
    assert any("gradients/" in name for row in ran.rows for name in row)
    assert ran.artifacts() == 1


ACCELERATE = """
import numpy
from accelerate import Accelerator

accelerator = Accelerator(log_with="wandb", cpu=True)
accelerator.init_trackers("p", config={"lr": 0.1}, init_kwargs={"wandb": {"name": "n"}})
for step in range(3):
    accelerator.log({"loss": 1 / (step + 1)}, step=step)
tracker = accelerator.get_tracker("wandb")
assert accelerator.get_tracker("wandb", unwrap=True).name == "n"
tracker.log_images({"image": [numpy.zeros((4, 4, 3), dtype="uint8")]}, step=3)
tracker.log_table("table", columns=["a"], data=[[1]], step=4)
accelerator.end_training()
"""


def test_accelerates_tracker(tmp_path: Path) -> None:
    ran = run(tmp_path, "accelerate", ACCELERATE)
    assert (ran.about["project"], ran.config["lr"]) == ("p", 0.1)
    assert ran.values("loss") == [1.0, 0.5, 1 / 3]
    assert ran.values("image")[0]["_type"] == "images/separated"
    assert ran.values("table")[0]["_type"] == "table-file"


TORCHTUNE = """
from omegaconf import OmegaConf
from torchtune.training.metric_logging import WandBLogger

logger = WandBLogger(log_dir=".", project="tune")
logger.log_config(OmegaConf.create({"model": {"lr": 0.1}, "output_dir": "out"}))
for step in range(3):
    logger.log("loss", 1 / (step + 1), step)
    logger.log_dict({"speed": step}, step)
"""


def test_torchtunes_logger(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    ran = run(tmp_path, "torchtune", TORCHTUNE)
    assert ran.values("loss") == [1.0, 0.5, 1 / 3]
    assert ran.config["model"] == {"lr": 0.1}
    assert (ran.folder / "files" / "torchtune_config.yaml").is_file()


STABLE_BASELINES = """
import wandb
from stable_baselines3 import A2C
from wandb.integration.sb3 import WandbCallback

run = wandb.init(project="sb3", config={"steps": 40})
A2C("MlpPolicy", "CartPole-v1", n_steps=10, device="cpu").learn(
    40, callback=WandbCallback(), log_interval=1
)
run.finish()
"""


def test_wandbs_own_callback_of_stable_baselines(tmp_path: Path) -> None:
    ran = run(tmp_path, "stable_baselines3", STABLE_BASELINES)
    assert ran.about["project"] == "sb3"
    assert ran.rows
