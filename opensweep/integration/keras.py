"""Keras: metrics by epoch or by batch, and checkpoints as artifacts.

model.fit(…, callbacks=[MetricsLogger(), ModelCheckpoint("best.keras", save_best_only=True)])
"""

from __future__ import annotations

import os
from typing import Any, Mapping

import keras

from opensweep.integration import active_run


class MetricsLogger(keras.callbacks.Callback):
    """Logs "epoch/<metric>" after each epoch, or "batch/<metric>", with the learning rate.

    Args:
        log_freq: "epoch", "batch", or every how many batches.
        initial_global_step: how many batches came before, when a training goes on.

    Raises UsageError before init().
    """

    def __init__(self, log_freq: str | int = "epoch", initial_global_step: int = 0) -> None:
        super().__init__()
        self.run = active_run("MetricsLogger()")
        self.log_freq = {"epoch": 0, "batch": 1}.get(str(log_freq)) if log_freq else 0
        if self.log_freq is None:
            self.log_freq = int(log_freq)
        self.global_step = initial_global_step
        self.global_batch = 0
        x_axis = "batch/batch_step" if self.log_freq else "epoch/epoch"
        self.run.define_metric(x_axis)
        self.run.define_metric(x_axis.split("/")[0] + "/*", step_metric=x_axis)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        self._log("epoch", logs, "epoch", epoch)

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        self.global_step += 1
        if self.log_freq and batch % self.log_freq == 0:
            self._log("batch", logs, "batch_step", self.global_batch)
            self.global_batch += self.log_freq

    def _log(self, kind: str, logs: Mapping[str, Any] | None, x_axis: str, x: int) -> None:
        row: dict[str, Any] = {f"{kind}/{name}": value for name, value in (logs or {}).items()}
        row[f"{kind}/{x_axis}"] = x
        rate = self._learning_rate()
        if rate is not None:
            row[f"{kind}/learning_rate"] = rate
        self.run.log(row)

    def _learning_rate(self) -> float | None:
        try:
            return float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        except Exception:  # an optimizer without one, or of another library
            return None


class ModelCheckpoint(keras.callbacks.ModelCheckpoint):
    """Keras's ModelCheckpoint, whose files are also kept as versions of an artifact of type
    "model". The arguments are Keras's. Raises UsageError before init()."""

    def __init__(self, filepath: str | os.PathLike[str], *args: Any, **kwargs: Any) -> None:
        super().__init__(os.fspath(filepath), *args, **kwargs)
        self.run = active_run("ModelCheckpoint()")
        self._kept: dict[str, int] = {}  # path -> when it was written

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        super().on_train_batch_end(batch, logs)
        if self.save_freq != "epoch":
            self._keep(self._current_epoch, batch, logs, f"batch_{batch}")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        super().on_epoch_end(epoch, logs)
        if self.save_freq == "epoch":
            self._keep(epoch, None, logs, "")

    def _keep(self, epoch: int, batch: int | None, logs: Any, suffix: str) -> None:
        path = self._get_file_path(epoch, batch, logs)
        try:
            written = os.stat(path).st_mtime_ns
        except FileNotFoundError:
            return  # save_best_only, and this was not the best
        if self._kept.get(path) != written:
            self._kept[path] = written
            alias = "_".join(filter(None, [f"epoch_{epoch}", suffix]))
            self.run.log_model(path, name=f"run_{self.run.id}_model", aliases=["latest", alias])


WandbMetricsLogger = MetricsLogger
WandbModelCheckpoint = ModelCheckpoint
