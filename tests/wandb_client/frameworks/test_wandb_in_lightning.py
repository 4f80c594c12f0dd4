"""Lightning's WandbLogger: a whole training, its checkpoints and its media."""

from __future__ import annotations

import hashlib
from pathlib import Path

from trained import Train, bytes_of, histograms, values

TRAIN = """
import hashlib, json, pathlib, numpy, torch, lightning, wandb
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import WandbLogger

class Model(lightning.LightningModule):
    def __init__(self, width=4):
        super().__init__()
        self.save_hyperparameters()
        self.layer = torch.nn.Linear(width, 1)

    def forward(self, batch):
        return self.layer(batch).square().mean()

    def training_step(self, batch, _):
        loss = self(batch)
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch, _):
        self.log("val_loss", self(batch))

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)

logger = WandbLogger(name="named", log_model="all", tags=["t"])
model = Model()
logger.watch(model, log="all", log_freq=2)
kept = ModelCheckpoint(dirpath="kept", monitor="val_loss", save_top_k=-1, filename="{epoch}")
data = torch.utils.data.DataLoader(torch.randn(8, 4), batch_size=2)
lightning.Trainer(max_epochs=3, logger=logger, callbacks=[kept], log_every_n_steps=1,
    accelerator="cpu", enable_progress_bar=False, enable_model_summary=False).fit(model, data, data)
logger.log_table("table", columns=["a", "b"], data=[[1, "x"], [2, "y"]])
logger.log_image("image", [numpy.zeros((4, 4, 3), dtype="uint8")] * 2, caption=["c", "d"])
logger.log_hyperparams({"more": 1})
run = logger.experiment
best = f"{run.entity}/{run.project}/model-{run.id}:best"
run.finish()

logger = WandbLogger(name="goes on")
folder = logger.download_artifact(best, artifact_type="model", save_dir="down")
again = Model.load_from_checkpoint(pathlib.Path(folder) / "model.ckpt")
assert again.hparams.width == 4
used = logger.use_artifact(best)
print("TOLD", json.dumps({
    "id": run.id,
    "best": pathlib.Path(kept.best_model_path).name,
    "kept": {p.name: hashlib.sha256(p.read_bytes()).hexdigest()
             for p in pathlib.Path("kept").iterdir()},
    "used": used.source_name,
    "down": hashlib.sha256((pathlib.Path(folder) / "model.ckpt").read_bytes()).hexdigest(),
}))
logger.experiment.finish()
"""


def test_a_training_with_its_checkpoints(train: Train, tmp_path: Path) -> None:
    done = train("lightning", TRAIN)
    run, goes_on = done.runs
    told = done.told()
    assert (run.id, run.name, list(run.tags)) == (told["id"], "named", ["t"])
    assert (run.config["width"], run.config["more"]) == (4, 1)
    step = "trainer/global_step"
    rows = list(run.scan_history(["train_loss", step]))
    assert [row[step] for row in rows] == list(range(12))
    assert [row[step] for row in run.scan_history(["val_loss", step])] == [3, 7, 11]
    assert histograms(run, "gradients/").keys() == {
        "gradients/layer.weight",
        "gradients/layer.bias",
    }
    assert histograms(run, "parameters/")
    (table,) = values(run, "table")
    assert (table["_type"], table["nrows"], table["ncols"]) == ("table-file", 2, 2)
    (image,) = values(run, "image")
    assert (image["_type"], image["count"], image["captions"]) == (
        "images/separated",
        2,
        ["c", "d"],
    )
    assert set(image["filenames"]) <= {file.name for file in run.files()}

    models = [one for one in run.logged_artifacts() if one.type == "model"]
    assert sorted(one.version for one in models) == ["v0", "v1", "v2"]
    for model in models:
        (data,) = bytes_of(run, model.name, tmp_path).values()
        name = model.metadata["original_filename"]
        assert hashlib.sha256(data).hexdigest() == told["kept"][name]
        assert ("best" in model.aliases) == (name == told["best"])
    assert told["down"] == told["kept"][told["best"]]
    assert [one.name for one in goes_on.used_artifacts()] == [told["used"]]


FABRIC = """
import lightning, torch
from lightning.pytorch.loggers import WandbLogger

fabric = lightning.Fabric(accelerator="cpu", loggers=[WandbLogger()])
for step in range(5):
    fabric.log_dict({"loss": torch.tensor(1.0 / (step + 1))}, step)
fabric.logger.experiment.finish()
"""


def test_fabric(train: Train) -> None:
    run = train("lightning", FABRIC).run
    assert [row["trainer/global_step"] for row in run.scan_history()] == list(range(5))
