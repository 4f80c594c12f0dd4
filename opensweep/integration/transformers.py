"""Hugging Face's Trainer: what it logs, its arguments and the model's configuration.

    trainer = Trainer(model, args, …, callbacks=[OpensweepCallback()])

In TrainingArguments, `report_to="none"` keeps other trackers out.
"""

from __future__ import annotations

import os
from typing import Any, Mapping

from transformers import TrainerCallback

import opensweep

_ONCE = frozenset(  # said at the end, of the whole training: for the summary
    [
        *("train_runtime", "train_samples_per_second", "train_steps_per_second"),
        *("train_loss", "total_flos"),
    ]
)


class OpensweepCallback(TrainerCallback):
    """Logs "train/<metric>" and "eval/<metric>" with "train/global_step", in the main process.

    A run that is active already is used; otherwise one is begun with `init` (arguments of
    opensweep.init) when the training begins.

    Args:
        log_model: "end": the model that the training ends with, "checkpoint": each checkpoint too,
            as artifacts of type "model"; "false": none.
        watch: "gradients", "parameters", "all" or "false".
        **init: of opensweep.init(); `project` is "huggingface" unless given.
    """

    def __init__(self, log_model: str = "false", watch: str = "false", **init: Any) -> None:
        self._log_model = log_model
        self._watch = watch
        self._init = init
        self._run: opensweep.Run | None = None

    def setup(self, args: Any, state: Any, model: Any, **_more: Any) -> None:
        """Begin the run, or take the one that is active. Called by the first event."""
        if not state.is_world_process_zero or self._run is not None:
            return
        given = {"project": "huggingface", "name": state.trial_name or args.run_name, **self._init}
        run = self._run = opensweep.run or opensweep.init(**given)
        settings = dict(args.to_dict())
        config = getattr(model, "config", None)
        if config is not None:
            found = config if isinstance(config, Mapping) else config.to_dict()
            settings = {**found, **settings}
        if hasattr(model, "num_parameters"):
            settings["model/num_parameters"] = model.num_parameters()
        run.config.update(settings, allow_val_change=True)
        run.define_metric("train/global_step")
        run.define_metric("*", step_metric="train/global_step", step_sync=True)
        if self._watch != "false":
            run.watch(model, log=self._watch, log_freq=max(100, int(state.logging_steps)))

    def on_train_begin(
        self, args: Any, state: Any, control: Any, model: Any = None, **_more: Any
    ) -> None:
        del control
        if state.is_hyper_param_search and self._run is not None:
            self._run.finish()  # each trial of a search is a run
            self._run = None
        self.setup(args, state, model)

    def on_log(
        self,
        args: Any,
        state: Any,
        control: Any,
        model: Any = None,
        logs: Mapping[str, Any] | None = None,
        **_more: Any,
    ) -> None:
        del control
        self.setup(args, state, model)
        if self._run is None or not logs:
            return
        once = {name: value for name, value in logs.items() if name in _ONCE}
        if once:
            self._run.summary.update(once)
        row = {_renamed(name): value for name, value in logs.items() if name not in _ONCE}
        self._run.log({**row, "train/global_step": state.global_step})

    def on_save(self, args: Any, state: Any, control: Any, **_more: Any) -> None:
        del control
        if self._log_model == "checkpoint" and self._run is not None:
            path = os.path.join(args.output_dir, f"checkpoint-{state.global_step}")
            alias = f"checkpoint_global_step_{state.global_step}"
            self._run.log_model(path, name=f"model-{self._run.id}", aliases=[alias])

    def on_train_end(
        self, args: Any, state: Any, control: Any, model: Any = None, **_more: Any
    ) -> None:
        del state, control
        if self._log_model in ("end", "checkpoint") and self._run is not None:
            path = os.path.join(args.output_dir, "final_model")
            model.save_pretrained(path)
            self._run.log_model(path, name=f"model-{self._run.id}", aliases=["final_model"])


def _renamed(name: str) -> str:
    for prefix in ("eval_", "test_"):
        if name.startswith(prefix):
            return f"{prefix[:-1]}/{name[len(prefix) :]}"
    return f"train/{name}"
