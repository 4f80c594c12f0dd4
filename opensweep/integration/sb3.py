"""Stable-Baselines3: what its own logger records, the algorithm's settings, models, gradients.

    model.learn(total_timesteps=25_000, callback=OpensweepCallback())

W&B's callback reads the metrics from TensorBoard files; this one takes them directly.
"""

from __future__ import annotations

import os
from typing import Any

from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import KVWriter

from opensweep import Run, UsageError
from opensweep.integration import active_run


class _Writer(KVWriter):
    """One more place where Stable-Baselines3 writes its metrics to."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def write(self, key_values: Any, key_excluded: Any, step: int = 0) -> None:
        del key_excluded
        row = {name: v for name, v in key_values.items() if isinstance(v, (int, float, str))}
        self.run.log({**row, "global_step": step})

    def close(self) -> None:
        return


class OpensweepCallback(BaseCallback):
    """Logs what the algorithm records ("rollout/ep_rew_mean", …), with "global_step".

    Args:
        verbose: Stable-Baselines3's.
        model_save_path: a folder; the model is saved there, and kept with the run.
        model_save_freq: every how many calls; 0: at the end only.
        gradient_save_freq: every how many steps the policy is watched; 0: never.
        log: what is watched: "gradients", "parameters" or "all".

    Raises UsageError before init().
    """

    def __init__(
        self,
        verbose: int = 0,
        model_save_path: str | None = None,
        model_save_freq: int = 0,
        gradient_save_freq: int = 0,
        log: str | None = "all",
    ) -> None:
        super().__init__(verbose)
        self.run = active_run("OpensweepCallback()")
        if model_save_freq and model_save_path is None:
            raise UsageError("model_save_freq needs model_save_path: where to save to")
        self.model_save_path = model_save_path
        self.model_save_freq = model_save_freq
        self.gradient_save_freq = gradient_save_freq
        self.log = log
        self._writer = _Writer(self.run)

    def _init_callback(self) -> None:
        settings: dict[str, Any] = {"algo": type(self.model).__name__}
        for name, value in vars(self.model).items():
            if not name.startswith("_"):
                settings[name] = value if isinstance(value, (int, float, str)) else str(value)
        for name, value in settings.items():
            if name not in self.run.config:
                self.run.config[name] = value
        if self.gradient_save_freq > 0:
            self.run.watch(self.model.policy, log=self.log, log_freq=self.gradient_save_freq)

    def _on_training_start(self) -> None:
        formats = self.model.logger.output_formats
        if self._writer not in formats:
            formats.append(self._writer)

    def _on_step(self) -> bool:
        if self.model_save_freq > 0 and self.n_calls % self.model_save_freq == 0:
            self.save_model()
        return True

    def _on_training_end(self) -> None:
        if self.model_save_path is not None:
            self.save_model()
        self.model.logger.output_formats.remove(self._writer)

    def save_model(self) -> None:
        """Save the model, and keep it with the run."""
        assert self.model_save_path is not None
        os.makedirs(self.model_save_path, exist_ok=True)
        path = os.path.join(self.model_save_path, "model.zip")
        self.model.save(path)
        self.run.save(path, base_path=self.model_save_path)


WandbCallback = OpensweepCallback
