"""Lightning: a logger, for `lightning` and for `pytorch_lightning`.

    Trainer(logger=OpensweepLogger(project="digits"))

Where both are installed it is made for the one that the script has imported.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any, Mapping, Sequence

import opensweep

_PACKAGE = (
    "pytorch_lightning"
    if "pytorch_lightning" in sys.modules and "lightning.pytorch" not in sys.modules
    else "lightning.pytorch"
)
try:
    _loggers = importlib.import_module(f"{_PACKAGE}.loggers.logger")
except ImportError:
    _PACKAGE = "pytorch_lightning"
    _loggers = importlib.import_module(f"{_PACKAGE}.loggers.logger")
rank_zero_only: Any = importlib.import_module(f"{_PACKAGE}.utilities.rank_zero").rank_zero_only
_Logger: Any = _loggers.Logger


class OpensweepLogger(_Logger):
    """Logs metrics with "trainer/global_step", in the main process.

    Args:
        name: the run's. project: "lightning_logs" unless given. save_dir: where run folders go.
        version: the run's id. offline: record to the run folder only.
        log_model: True: the best checkpoints, when the training ends; "all": each as it is
            written; as artifacts of type "model".
        experiment: a run that is there already. prefix: put before every metric.
        **kwargs: of opensweep.init().
    """

    def __init__(
        self,
        name: str | None = None,
        save_dir: str | os.PathLike[str] | None = None,
        version: str | None = None,
        offline: bool = False,
        project: str | None = None,
        log_model: bool | str = False,
        experiment: opensweep.Run | None = None,
        prefix: str = "",
        **kwargs: Any,
    ) -> None:
        super().__init__()
        self._experiment = experiment
        self._log_model = log_model
        self._prefix = prefix + "-" if prefix else ""
        self._checkpoints: dict[int, Any] = {}
        self._kept: dict[str, float] = {}
        given = {
            "name": name,
            "dir": save_dir,
            "id": version,
            "resume": "allow" if version else None,
        }
        mode = {"mode": "offline"} if offline else {}
        self._init = {"project": project or "lightning_logs", **given, **mode, **kwargs}

    def __getstate__(self) -> dict[str, Any]:
        """Processes that are spawned do not record; rank 0 of them begins the run."""
        return {**self.__dict__, "_experiment": None}

    @property
    @_loggers.rank_zero_experiment
    def experiment(self) -> opensweep.Run:
        """The run; begun when it is first asked for, unless one is active already."""
        if self._experiment is None:
            self._experiment = opensweep.run or opensweep.init(**self._init)
            self._experiment.define_metric("trainer/global_step")
            self._experiment.define_metric("*", step_metric="trainer/global_step", step_sync=True)
        return self._experiment

    def watch(
        self, model: Any, log: str | None = "gradients", log_freq: int = 100, log_graph: bool = True
    ) -> None:
        self.experiment.watch(model, log=log, log_freq=log_freq, log_graph=log_graph)

    @rank_zero_only
    def log_hyperparams(self, params: Any, *_args: Any, **_kwargs: Any) -> None:
        values = params if isinstance(params, Mapping) else vars(params)
        self.experiment.config.update(dict(values), allow_val_change=True)

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        row = {self._prefix + name: value for name, value in metrics.items()}
        self.experiment.log(row if step is None else {**row, "trainer/global_step": step})

    @rank_zero_only
    def log_table(
        self,
        key: str,
        columns: Sequence[str] | None = None,
        data: Any = None,
        dataframe: Any = None,
        step: int | None = None,
    ) -> None:
        """A Table, of columns and data or of a data frame."""
        self.log_metrics({key: opensweep.Table(columns, data, dataframe=dataframe)}, step)

    log_text = log_table

    # Lists of pictures, sounds or films; each keyword (caption=…) is a list of as many.

    @rank_zero_only
    def log_image(self, key: str, images: Any, step: int | None = None, **kwargs: Any) -> None:
        self.log_metrics({key: _each(opensweep.Image, images, kwargs)}, step)

    @rank_zero_only
    def log_audio(self, key: str, audios: Any, step: int | None = None, **kwargs: Any) -> None:
        self.log_metrics({key: _each(opensweep.Audio, audios, kwargs)}, step)

    @rank_zero_only
    def log_video(self, key: str, videos: Any, step: int | None = None, **kwargs: Any) -> None:
        self.log_metrics({key: _each(opensweep.Video, videos, kwargs)}, step)

    @property
    def save_dir(self) -> str | None:
        """None: Lightning then puts its checkpoints where it does by default."""
        where = self._init["dir"]
        return None if where is None else os.fspath(where)

    @property
    def name(self) -> str:
        """The project, as W&B's logger has it."""
        return str(self._init["project"])

    @property
    def version(self) -> str | None:
        """The run's id, once there is one."""
        return self._experiment.id if self._experiment is not None else self._init["id"]

    def after_save_checkpoint(self, checkpoint_callback: Any) -> None:
        """Lightning calls it for each checkpoint."""
        if self._log_model == "all" or (self._log_model and checkpoint_callback.save_top_k == -1):
            self._keep(checkpoint_callback)
        elif self._log_model:
            self._checkpoints[id(checkpoint_callback)] = checkpoint_callback

    @rank_zero_only
    def finalize(self, status: str) -> None:
        if status == "success":
            for callback in self._checkpoints.values():
                self._keep(callback)

    def _keep(self, callback: Any) -> None:
        best = callback.best_model_path
        for path in {callback.last_model_path, best, *callback.best_k_models} - {""}:
            written = os.path.getmtime(path) if os.path.isfile(path) else 0.0
            if written and self._kept.get(path) != written:
                self._kept[path] = written
                aliases = ["latest", "best"] if path == best else ["latest"]
                name = f"model-{self.experiment.id}"
                self.experiment.log_model(path, name=name, aliases=aliases)


def _each(kind: Any, values: Sequence[Any], options: Mapping[str, Sequence[Any]]) -> list[Any]:
    for name, given in options.items():
        if len(given) != len(values):
            raise opensweep.UsageError(f"{name} has {len(given)} items for {len(values)} values")
    return [
        kind(value, **{name: given[at] for name, given in options.items()})
        for at, value in enumerate(values)
    ]
