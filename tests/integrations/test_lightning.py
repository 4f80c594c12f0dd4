"""Lightning: real trainings with our logger, by both names of the package."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from run_records import records_of, rows_of, values_of

torch = pytest.importorskip("torch", reason="PyTorch is not installed: make test-frameworks")
lightning = pytest.importorskip("lightning.pytorch", reason="Lightning is not installed")

import opensweep
from logging_core.records import ArtifactLogged
from opensweep.integration.lightning import OpensweepLogger


class Model(lightning.LightningModule):
    def __init__(self, width: int = 3, rate: float = 0.1) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.layer = torch.nn.Linear(2, 1)

    def training_step(self, batch: Any, _index: int) -> Any:
        loss = self.layer(batch).square().mean()
        self.log("loss", loss)
        return loss

    def validation_step(self, batch: Any, _index: int) -> None:
        self.log("val_loss", self.layer(batch).square().mean())

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), lr=self.hparams.rate)


def fit(logger: Any, **options: Any) -> None:
    trainer = lightning.Trainer(
        logger=logger,
        max_epochs=2,
        log_every_n_steps=1,
        enable_progress_bar=False,
        enable_model_summary=False,
        accelerator="cpu",
        **options,
    )
    data = torch.utils.data.DataLoader(torch.ones(8, 2), batch_size=2)
    trainer.fit(Model(), data, data)


def test_a_training() -> None:
    logger = OpensweepLogger(name="first", project="digits", prefix="p", group="g")
    fit(logger, enable_checkpointing=False)
    run = logger.experiment
    assert (run.project, run.name, run.group) == ("digits", "first", "g")
    assert (logger.name, logger.version) == ("digits", run.id)
    run.finish()
    assert run.config["rate"] == 0.1
    assert len(values_of(run, "p-loss")) == 8
    assert len(values_of(run, "p-val_loss")) == 2
    assert [row["trainer/global_step"] for row in rows_of(run) if "p-loss" in row] == list(range(8))


def test_what_a_module_logs_itself() -> None:
    with opensweep.init(project="mine") as run:
        logger = OpensweepLogger()
        assert logger.experiment is run
        logger.log_image("pictures", [torch.rand(3, 4, 4)] * 2, step=1, caption=["a", "b"])
        logger.log_table("table", columns=["x"], data=[[1]], step=1)
        logger.log_text("text", columns=["x"], data=[["t"]])
        with pytest.raises(opensweep.UsageError, match="caption has 1 items"):
            logger.log_image("pictures", [torch.rand(3, 4, 4)] * 2, caption=["a"])
        logger.watch(torch.nn.Linear(1, 1))
    (pictures,) = values_of(run, "pictures")
    assert (pictures["count"], pictures["captions"]) == (2, ["a", "b"])
    assert values_of(run, "table")[0]["nrows"] == 1


def test_checkpoints_are_kept(tmp_path: Path) -> None:
    logger = OpensweepLogger(log_model=True)
    checkpoint = lightning.callbacks.ModelCheckpoint(dirpath=tmp_path / "c", monitor="val_loss")
    fit(logger, callbacks=[checkpoint])
    run = logger.experiment
    run.finish()
    assert [r for r in records_of(run) if isinstance(r, ArtifactLogged)]


def test_the_other_name_of_the_package(tmp_path: Path) -> None:
    pytest.importorskip("pytorch_lightning", reason="pytorch_lightning is not installed")
    code = (
        "import pytorch_lightning as pl, torch\n"
        "from opensweep.integration.lightning import OpensweepLogger\n"
        "assert issubclass(OpensweepLogger, pl.loggers.Logger)\n"
        "class M(pl.LightningModule):\n"
        "    def __init__(self):\n"
        "        super().__init__(); self.l = torch.nn.Linear(1, 1)\n"
        "    def training_step(self, b, i):\n"
        "        loss = self.l(b).mean(); self.log('loss', loss); return loss\n"
        "    def configure_optimizers(self): return torch.optim.SGD(self.parameters(), 0.1)\n"
        "logger = OpensweepLogger()\n"
        "pl.Trainer(logger=logger, max_steps=2, log_every_n_steps=1, accelerator='cpu',\n"
        "    enable_progress_bar=False, enable_checkpointing=False).fit(\n"
        "    M(), torch.utils.data.DataLoader(torch.ones(2, 1)))\n"
        "found = logger.experiment.summary\n"
        "print(found['trainer/global_step'], 'loss' in found)\n"
    )
    root = Path(opensweep.__file__).resolve().parents[1]
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(root), "HOME": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-2:] == ["1", "True"]
