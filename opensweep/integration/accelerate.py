"""Accelerate: a tracker.

accelerator = Accelerator(log_with=OpensweepTracker("my-project"))
accelerator.init_trackers("my-project", config={"lr": 1e-3})
accelerator.log({"loss": loss}, step=step)
accelerator.end_training()
"""

from __future__ import annotations

from typing import Any, Mapping, Sequence

from accelerate.tracking import GeneralTracker, on_main_process

import opensweep


class OpensweepTracker(GeneralTracker):
    """Logs to a run of its own, in the main process.

    Args:
        run_name: the project; `**kwargs` go to opensweep.init().
    """

    name = "opensweep"
    requires_logging_directory = False
    main_process_only = True

    @on_main_process
    def __init__(self, run_name: str, **kwargs: Any) -> None:
        super().__init__()
        self.run_name = run_name
        self.init_kwargs = kwargs
        self.run: opensweep.Run | None = None

    @property
    def tracker(self) -> opensweep.Run:
        """The run; made when it is first asked for."""
        if self.run is None:
            self.run = opensweep.init(**{"project": self.run_name, **self.init_kwargs})
        return self.run

    @on_main_process
    def start(self) -> None:
        """Begin the run. Accelerate's init_trackers() calls it."""
        _ = self.tracker

    @on_main_process
    def store_init_configuration(self, values: Mapping[str, Any]) -> None:
        self.tracker.config.update(values, allow_val_change=True)

    @on_main_process
    def log(self, values: Mapping[str, Any], step: int | None = None, **kwargs: Any) -> None:
        self.tracker.log(dict(values), step=step, **kwargs)

    @on_main_process
    def log_images(
        self, values: Mapping[str, Sequence[Any]], step: int | None = None, **kwargs: Any
    ) -> None:
        """Lists of arrays or PIL images, by name."""
        row = {name: [opensweep.Image(each) for each in images] for name, images in values.items()}
        self.tracker.log(row, step=step, **kwargs)

    @on_main_process
    def log_table(
        self,
        table_name: str,
        columns: Sequence[str] | None = None,
        data: Any = None,
        dataframe: Any = None,
        step: int | None = None,
        **kwargs: Any,
    ) -> None:
        """A Table, of columns and data or of a data frame."""
        table = opensweep.Table(columns=columns, data=data, dataframe=dataframe)
        self.tracker.log({table_name: table}, step=step, **kwargs)

    @on_main_process
    def finish(self) -> None:
        if self.run is not None:
            self.run.finish()
