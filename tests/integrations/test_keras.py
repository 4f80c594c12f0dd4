"""Keras: real trainings with our callbacks (on PyTorch, which is here anyway)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from run_records import records_of, rows_of, values_of

np = pytest.importorskip("numpy")
pytest.importorskip("torch", reason="PyTorch is not installed: make test-frameworks")
os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras", reason="Keras is not installed")

import opensweep
from logging_core.records import ArtifactLogged
from opensweep.integration import keras as callbacks


@pytest.fixture
def run() -> opensweep.Run:
    return opensweep.init(project="layers")


def fit(*given: Any, epochs: int = 2) -> Any:
    model = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1)])
    rate = keras.optimizers.schedules.ExponentialDecay(0.1, 1, 0.5)
    model.compile(optimizer=keras.optimizers.SGD(rate), loss="mse")
    x = np.ones((8, 2), "float32")
    return model.fit(
        x, x[:, :1], batch_size=2, epochs=epochs, verbose=0, validation_data=(x, x[:, :1]),
        callbacks=list(given),
    )  # fmt: skip


def test_metrics_of_epochs(run: opensweep.Run) -> None:
    history = fit(callbacks.WandbMetricsLogger())
    run.finish()
    assert values_of(run, "epoch/epoch") == [0, 1]
    assert values_of(run, "epoch/loss") == pytest.approx(history.history["loss"])
    assert values_of(run, "epoch/val_loss") == pytest.approx(history.history["val_loss"])
    assert values_of(run, "epoch/learning_rate") == pytest.approx([0.1 * 0.5**4, 0.1 * 0.5**8])


@pytest.mark.parametrize(("log_freq", "steps"), [("batch", list(range(8))), (2, [0, 2, 4, 6])])
def test_metrics_of_batches(run: opensweep.Run, log_freq: Any, steps: list[int]) -> None:
    fit(callbacks.MetricsLogger(log_freq))
    run.finish()
    rows = [row for row in rows_of(run) if "batch/loss" in row]
    assert [row["batch/batch_step"] for row in rows] == steps


def test_checkpoints(run: opensweep.Run, tmp_path: Path) -> None:
    fit(callbacks.WandbModelCheckpoint(tmp_path / "m-{epoch}.keras"))
    fit(callbacks.ModelCheckpoint(tmp_path / "best.keras", save_best_only=True), epochs=1)
    run.finish()
    kept = [record for record in records_of(run) if isinstance(record, ArtifactLogged)]
    assert len(kept) == 3


def test_before_init() -> None:
    with pytest.raises(opensweep.UsageError, match="init"):
        callbacks.MetricsLogger()
