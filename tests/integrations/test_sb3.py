"""Stable-Baselines3: a real, short training with our callback."""

from __future__ import annotations

from pathlib import Path

import pytest
from run_records import records_of, rows_of

sb3 = pytest.importorskip("stable_baselines3", reason="Stable-Baselines3 is not installed")

import opensweep
from logging_core.records import FileSaved
from opensweep.integration.sb3 import OpensweepCallback, WandbCallback


def test_a_training(tmp_path: Path) -> None:
    assert WandbCallback is OpensweepCallback
    run = opensweep.init(project="poles")
    model = sb3.PPO("MlpPolicy", "CartPole-v1", n_steps=64, batch_size=32, n_epochs=1, seed=0)
    callback = OpensweepCallback(
        model_save_path=str(tmp_path / "models"), model_save_freq=100, gradient_save_freq=1
    )
    model.learn(total_timesteps=192, callback=callback)
    run.finish()
    rows = [row for row in rows_of(run) if "time/fps" in row]
    assert [row["global_step"] for row in rows] == [64, 128, 192]
    assert "rollout/ep_rew_mean" in rows[0]
    assert "train/loss" in rows[1]
    assert run.config["algo"] == "PPO"
    assert run.config["n_steps"] == 64
    assert any(name.startswith("gradients/") for row in rows_of(run) for name in row)
    assert "model.zip" in {r.path for r in records_of(run) if isinstance(r, FileSaved)}
    assert (tmp_path / "models" / "model.zip").is_file()


def test_wrong_use() -> None:
    with pytest.raises(opensweep.UsageError, match="init"):
        OpensweepCallback()
    opensweep.init(project="p")
    with pytest.raises(opensweep.UsageError, match="model_save_path"):
        OpensweepCallback(model_save_freq=5)
