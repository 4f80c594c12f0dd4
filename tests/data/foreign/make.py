"""Makes the files beside it with the real trackers; run it where they are installed.

    pip install wandb tensorboardX tensorboard mlflow && python make.py

They are what tests/unit/test_importing.py reads. Nothing else imports this.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from contextlib import closing, suppress
from pathlib import Path

HERE = Path(__file__).parent


def make_wandb() -> None:
    os.environ.update(WANDB_MODE="offline", WANDB_SILENT="true", WANDB_DISABLE_GIT="true")
    import wandb

    folder = tempfile.mkdtemp()
    run = wandb.init(
        dir=folder,
        project="digits",
        name="crimson-1",
        id="abcd1234",
        notes="a note",
        tags=["a", "b"],
        group="g",
        job_type="train",
        config={"lr": 0.1, "model": {"depth": 3}, "long": "x" * 70_000},
    )
    run.define_metric("val/*", step_metric="epoch", summary="min")
    for i in range(5):
        nested = {"a": i, "b": "text"}
        acc = float("nan") if i == 2 else i / 10
        run.log({"loss": 1 / (i + 1), "nested": nested, "epoch": i, "val/acc": acc})
    run.log({"h": wandb.Histogram([1, 2, 3])}, step=9)
    print("hello from the script")
    run.summary["best"] = 0.5
    run.config.update({"added": 1})
    run.alert("title", "text", level="WARN")
    run.finish(exit_code=3)
    (made,) = Path(folder).glob("wandb/offline-run-*")
    shutil.copy(made / "run-abcd1234.wandb", HERE / "wandb" / "run-abcd1234.wandb")


def make_tensorboard() -> None:
    from tensorboardX import SummaryWriter

    folder = HERE / "tensorboard" / "version_0"
    with SummaryWriter(str(folder)) as writer:
        for step in range(4):
            writer.add_scalar("train/loss", 1 / (step + 1), step)
            writer.add_scalar("val", step * 10.0, step * 2)
        writer.add_text("note", "some words", 1)
        import numpy as np

        writer.add_histogram("weights", np.arange(10.0), 2)
        writer.add_image("picture", np.zeros((3, 2, 2), np.uint8), 3)
        given = {"lr": 0.1, "layers": 3, "name": "net", "bias": True}
        writer.add_hparams(given, {"score": 1.0}, name="tuned")

    from tensorboard.compat.proto import event_pb2, summary_pb2
    from tensorboard.summary.writer.event_file_writer import EventFileWriter
    from tensorboard.util.tensor_util import make_tensor_proto

    events = EventFileWriter(str(HERE / "tensorboard" / "tf2"))
    for step in range(3):
        summary = summary_pb2.Summary()
        value = summary.value.add(tag="epoch_loss", tensor=make_tensor_proto(0.5**step))
        if step == 0:
            value.metadata.plugin_data.plugin_name = "scalars"
        events.add_event(event_pb2.Event(wall_time=1000.0 + step, step=step, summary=summary))
    events.close()
    for file in (HERE / "tensorboard").rglob("*tfevents*"):  # without the machine's name
        stamp = file.name.split(".")[3]
        file.rename(file.with_name(f"events.out.tfevents.{stamp}.host"))


def make_mlflow(uri: str) -> None:
    import mlflow

    mlflow.set_tracking_uri(uri)
    mlflow.set_experiment("digits")
    with mlflow.start_run(run_name="first", description="a note"):
        mlflow.log_params({"lr": 0.1, "layers": 3, "name": "net", "bias": True})
        mlflow.set_tag("team", "vision")
        for step in range(4):
            mlflow.log_metric("loss", 1 / (step + 1), step)
        mlflow.log_metric("val/acc", float("nan"), 2)


if __name__ == "__main__":
    for name in ("wandb", "tensorboard", "mlflow"):
        shutil.rmtree(HERE / name, ignore_errors=True)
        (HERE / name).mkdir()
    make_wandb()
    make_tensorboard()
    os.chdir(HERE / "mlflow")
    make_mlflow("sqlite:///mlflow.db")
    with closing(sqlite3.connect("mlflow.db")) as database:  # a megabyte of empty tables
        names = [name for (name,) in database.execute("SELECT name FROM sqlite_master")]
        for name in names:
            if name not in ("experiments", "runs", "metrics", "params", "tags"):
                with suppress(sqlite3.Error):
                    database.execute(f'DROP TABLE "{name}"')
        database.commit()
        database.execute("VACUUM")
    os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
    make_mlflow("file:mlruns")
