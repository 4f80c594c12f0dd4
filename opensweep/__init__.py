"""opensweep: hyperparameter sweeps and run tracking on your own machines.

    import opensweep

    run = opensweep.init()
    for epoch in range(10):
        run.log({"val/loss": train(run.config.lr)})

`import opensweep as wandb` works for what is listed in `__all__`. This module runs in training
processes, on Python 3.8 and with nothing installed: it imports nothing until it is used, and then
the logger (logging_core) alone. The `sweep` command lives in this package's other modules.
"""

from __future__ import annotations

import os as _os
import sys as _sys

TYPE_CHECKING = False  # as type checkers take it; `typing` itself is not imported for it
if TYPE_CHECKING:
    from typing import Any

    from logging_core.active import Settings as Settings
    from logging_core.active import define_metric as define_metric
    from logging_core.active import finish as finish
    from logging_core.active import init as init
    from logging_core.active import log as log
    from logging_core.active import login as login
    from logging_core.active import restore as restore
    from logging_core.active import setup as setup
    from logging_core.active import teardown as teardown
    from logging_core.alerts import AlertLevel as AlertLevel
    from logging_core.api.client import Api as Api
    from logging_core.artifacts.artifact import Artifact as Artifact
    from logging_core.config import Config
    from logging_core.errors import CommError as CommError
    from logging_core.errors import Error as Error
    from logging_core.errors import UsageError as UsageError
    from logging_core.media.audio import Audio as Audio
    from logging_core.media.graph import Graph as Graph
    from logging_core.media.graph import Node as Node
    from logging_core.media.histogram import Histogram as Histogram
    from logging_core.media.html import Html as Html
    from logging_core.media.image import Image as Image
    from logging_core.media.molecule import Molecule as Molecule
    from logging_core.media.object3d import Object3D as Object3D
    from logging_core.media.object3d import box3d as box3d
    from logging_core.media.overlays import BoundingBoxes2D as BoundingBoxes2D
    from logging_core.media.overlays import Classes as Classes
    from logging_core.media.overlays import ImageMask as ImageMask
    from logging_core.media.plotly import Plotly as Plotly
    from logging_core.media.table import Table as Table
    from logging_core.media.video import Video as Video
    from logging_core.plot.chart import plot_table as plot_table
    from logging_core.plot.chart import visualize as visualize
    from logging_core.run import Run as Run
    from logging_core.summary import Summary
    from logging_core.sweeping import agent as agent
    from logging_core.sweeping import sweep as sweep
    from logging_core.wandb_module.names import termerror as termerror
    from logging_core.wandb_module.names import termlog as termlog
    from logging_core.wandb_module.names import termwarn as termwarn

    config: Config
    run: Run | None
    summary: Summary

    _active = Run.__new__(Run)
    alert = _active.alert
    finish_artifact = _active.finish_artifact
    link_artifact = _active.link_artifact
    link_model = _active.link_model
    log_artifact = _active.log_artifact
    log_code = _active.log_code
    log_model = _active.log_model
    mark_preempting = _active.mark_preempting
    save = _active.save
    unwatch = _active.unwatch
    upsert_artifact = _active.upsert_artifact
    use_artifact = _active.use_artifact
    use_model = _active.use_model
    watch = _active.watch

__version__ = "0.1.0"

# Installed, the packages behind this one lie in a private folder, so that their plain names are
# not taken from others; it goes last on the path. In a checkout they lie beside this package.
_rooms = _os.path.join(_os.path.dirname(_os.path.abspath(__file__)), "_rooms")
if _os.path.isdir(_rooms) and _rooms not in _sys.path:
    _sys.path.append(_rooms)

# What is exported, and where the logger has it. tests/unit/test_logger_exports.py guards the list.
_FUNCTIONS = {
    "Settings": "active",
    "define_metric": "active",
    "finish": "active",
    "init": "active",
    "log": "active",
    "login": "active",
    "restore": "active",
    "setup": "active",
    "teardown": "active",
    "AlertLevel": "alerts",
    "Api": "api.client",
    "Artifact": "artifacts.artifact",
    "CommError": "errors",
    "Error": "errors",
    "UsageError": "errors",
    "Run": "run",
    "agent": "sweeping",
    "sweep": "sweeping",
    "Audio": "media.audio",
    "BoundingBoxes2D": "media.overlays",
    "Classes": "media.overlays",
    "Graph": "media.graph",
    "Histogram": "media.histogram",
    "Html": "media.html",
    "Image": "media.image",
    "ImageMask": "media.overlays",
    "Molecule": "media.molecule",
    "Node": "media.graph",
    "Object3D": "media.object3d",
    "Plotly": "media.plotly",
    "Table": "media.table",
    "Video": "media.video",
    "box3d": "media.object3d",
    "plot_table": "plot.chart",
    "visualize": "plot.chart",
    "termerror": "wandb_module.names",
    "termlog": "wandb_module.names",
    "termwarn": "wandb_module.names",
}
# Functions that are methods of the active run.
_METHODS = (
    *("alert", "finish_artifact", "link_artifact", "link_model", "log_artifact", "log_code"),
    *("log_model", "mark_preempting", "save", "unwatch", "upsert_artifact"),
    *("use_artifact", "use_model", "watch"),
)
_MODULES = ("data_types", "errors", "plot", "util")
_INTEGRATIONS = ("keras", "lightgbm", "sklearn", "xgboost")  # W&B has these at the front, too
_OF_THE_RUN = ("config", "run", "summary")

__all__ = ["__version__", *_FUNCTIONS, *_METHODS, *_OF_THE_RUN, *_MODULES]


def __getattr__(name: str) -> Any:
    import importlib

    if name in _FUNCTIONS:
        value = getattr(importlib.import_module("logging_core." + _FUNCTIONS[name]), name)
        globals()[name] = value
        return value
    if name in _METHODS:
        value = importlib.import_module("logging_core.active").method(name)
        globals()[name] = value
        return value
    if name in _MODULES:
        return importlib.import_module("opensweep." + name)
    if name in _INTEGRATIONS:
        return importlib.import_module("opensweep.integration." + name)
    if name in _OF_THE_RUN:
        # Looked up anew each time: they belong to whichever run is active.
        active = importlib.import_module("logging_core.active")
        run = active.active()
        if name == "run":
            return run
        return active.BeforeInit(name) if run is None else getattr(run, name)
    if name in _NOT_YET:
        raise AttributeError(f"opensweep.{name} is not there yet; opensweep.__all__ has what is")
    raise AttributeError(f"module 'opensweep' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])


# Names of W&B's that a script may ask for.
_NOT_YET = frozenset(
    [
        *("ArtifactTTL", "Config", "EvalTable", "JoinedTable", "Summary", "analytics", "apis"),
        *("attach", "automations", "beta", "catboost", "cli", "controller", "docker", "env"),
        *("ensure_configured", "fastai", "gym", "helper", "integration", "join", "jupyter"),
        *("launch", "patched", "pin_config_keys", "profiler", "require", "sacred"),
        *("sagemaker_auth", "sdk", "set_trace", "sync", "tensorboard", "tensorflow", "termsetup"),
        *("wandb_lib", "wandb_run", "wandb_sdk", "write_traces"),
    ]
)
