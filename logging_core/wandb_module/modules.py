"""The names of the stand-in `wandb` and of its sub-modules: which are there, and who has them.

A sub-module is made when it is imported: its names lead to ours. One that is not listed, and a name
that no listed one has, is refused with a sentence that says so. Neighbour: package.py begins it.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import os
import sys
import types
from typing import Any, Sequence

from logging_core import terminal
from logging_core.wandb_module import VERSION


def _all(module: str, *names: str) -> dict[str, str]:
    return {name: f"{module}:{name}" for name in names}


_OWN = "logging_core.wandb_module.names"
_RUN = _all("logging_core.run", "Run")
_TERM = _all(_OWN, "termlog", "termwarn", "termerror", "termsetup")
_DISABLED = _all(_OWN, "RunDisabled", "SummaryDisabled")
_CONFIG = _all("logging_core.config", "Config")
_SUMMARY = _all("logging_core.summary", "Summary")
_ERRORS = _all("logging_core.errors", "Error", "CommError", "UsageError", "AuthenticationError")

# Names of the module itself that opensweep does not have.
_TOP = {
    **_TERM, **_CONFIG, **_SUMMARY,
    **_all(_OWN, "attach", "_attach", "controller", "ensure_configured", "helper", "join",
           "require", "sagemaker_auth", "pin_config_keys", "profiler", "patched", "ArtifactTTL",
           "EvalTable", "JoinedTable"),
    "_teardown": "logging_core.active:teardown",
    "wandb_sdk": "wandb.sdk",
    "wandb_lib": "wandb.sdk.lib",
}  # fmt: skip

# Sub-module -> the module of ours that has its names, or each name by itself ("module:name").
_MODULES: dict[str, str | dict[str, str]] = {
    "data_types": "logging_core.media.data_types",
    "plot": "logging_core.plot",
    "errors": {**_ERRORS, **_TERM},
    "errors.errors": _ERRORS,
    "errors.term": _TERM,
    "env": "logging_core.wandb_module.env",
    "util": "logging_core.wandb_module.util",
    "wandb_run": _RUN,
    "apis": {"CommError": "logging_core.errors:CommError", "PublicApi": "opensweep:Api"},
    "apis.public": {
        **_all("opensweep", "Api"),
        **_all("logging_core.api.files", "File"),
        **_all("logging_core.api.project", "Project"),
        **_all("logging_core.api.run", "Run", "User"),
        **_all("logging_core.api.runs", "Runs"),
        **_all("logging_core.api.sweep", "Sweep"),
    },
    "apis.public.api": _all("opensweep", "Api"),
    "sdk": {
        **_all("opensweep", "init", "finish", "login", "setup", "teardown", "Settings",
               "Artifact", "AlertLevel", "sweep"),
        **_CONFIG, **_SUMMARY, **_all(_OWN, "controller", "helper", "require"),
    },
    "sdk.wandb_run": {**_RUN, **_all("opensweep", "finish")},
    "sdk.wandb_init": _all("opensweep", "init"),
    "sdk.wandb_config": _CONFIG,
    "sdk.wandb_summary": _SUMMARY,
    "sdk.wandb_settings": _all("opensweep", "Settings"),
    "sdk.wandb_alerts": _all("opensweep", "AlertLevel"),
    "sdk.wandb_login": _all("opensweep", "login"),
    "sdk.lib": _DISABLED,
    "sdk.lib.disabled": _DISABLED,
    "sdk.lib.config_util": {"ConfigError": "logging_core.errors:ConfigError"},
    "sdk.lib.runid": _all("logging_core.wandb_module.util", "generate_id"),
    "sdk.artifacts": {},
    "sdk.artifacts.artifact": _all("opensweep", "Artifact"),
    "sdk.artifacts.artifact_ttl": _all(_OWN, "ArtifactTTL"),
    "sdk.data_types": {},
    **{
        f"sdk.data_types.{name}": "logging_core.media.data_types"
        for name in ("base_types", "base_types.media", "base_types.wb_value", "graph", "histogram",
                     "html", "image", "molecule", "object_3d", "plotly", "table", "video", "audio",
                     "helper_types", "helper_types.bounding_boxes_2d", "helper_types.classes",
                     "helper_types.image_mask")
    },
    "integration": {},
    "integration.torch": {},
    "integration.keras": {
        "WandbMetricsLogger": "opensweep.integration.keras:MetricsLogger",
        "WandbModelCheckpoint": "opensweep.integration.keras:ModelCheckpoint",
    },
    "integration.lightgbm": {
        "wandb_callback": "opensweep.integration.lightgbm:opensweep_callback",
        "log_summary": "opensweep.integration.lightgbm:log_summary",
    },
    "integration.sb3": {"WandbCallback": "opensweep.integration.sb3:OpensweepCallback"},
    "integration.sklearn": "opensweep.integration.sklearn",
    "integration.xgboost": {"WandbCallback": "opensweep.integration.xgboost:OpensweepCallback"},
}  # fmt: skip
for _name in ("keras", "lightgbm", "sb3", "sklearn", "xgboost"):
    _MODULES[_name] = _MODULES[f"integration.{_name}"]


def begin(name: str, file: str) -> None:
    """Gives the module `name` its names, and makes its sub-modules importable."""
    sys.modules[name].__class__ = _Top
    sys.meta_path.append(_Finder(name))
    _say_who_is_hidden(os.path.dirname(os.path.dirname(os.path.abspath(file))))


class _Top(types.ModuleType):
    """The module itself. A class, since a module's own `__getattr__` is gone before the last
    `__del__` of a script asks for `wandb.run`."""

    def __getattr__(self, wanted: str) -> Any:
        if sys is None or sys.is_finalizing():
            return None
        if wanted.startswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {wanted!r}")
        if wanted in _TOP:
            return _found(_TOP[wanted].replace("wandb.", self.__name__ + "."))
        if wanted in _MODULES:
            return importlib.import_module(f"{self.__name__}.{wanted}")
        try:
            return getattr(importlib.import_module("opensweep"), wanted)
        except AttributeError:
            raise AttributeError(_not_there(f"{self.__name__}.{wanted}")) from None

    def __dir__(self) -> list[str]:
        top = [one for one in _MODULES if "." not in one]
        door = importlib.import_module("opensweep").__all__
        return sorted({*vars(self), *door, *_TOP, *top})


def _say_who_is_hidden(own: str) -> None:
    """W&B's client is installed, too, and not used: said once, by the first process."""
    for folder in sys.path:
        if os.path.abspath(folder or ".") == own:
            continue
        if os.path.exists(os.path.join(folder, "wandb", "__init__.py")):
            if "OPENSWEEP_WANDB_HIDDEN" not in os.environ:
                os.environ["OPENSWEEP_WANDB_HIDDEN"] = folder
                terminal.say(
                    f"`import wandb` is opensweep's stand-in, not the wandb in {folder} "
                    "(leave out --provide-wandb, or provide_wandb: in the sweep file, to use that)"
                )
            return


class _Module(types.ModuleType):
    """A sub-module whose names lead elsewhere."""

    def __getattr__(self, wanted: str) -> Any:
        root, _, below = self.__name__.partition(".")
        names = _MODULES[below]
        if wanted == "__all__":  # of `from … import *`
            own = names if isinstance(names, dict) else vars(importlib.import_module(names))
            return list(own.get("__all__") or [one for one in own if not one.startswith("_")])
        if wanted.startswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {wanted!r}")
        value = None
        if f"{below}.{wanted}" in _MODULES:
            return importlib.import_module(f"{self.__name__}.{wanted}")
        if isinstance(names, str):
            value = getattr(importlib.import_module(names), wanted, None)
        elif wanted in names:
            value = _found(names[wanted])
        if value is None:
            raise AttributeError(_not_there(f"{root}.{below}.{wanted}"))
        setattr(self, wanted, value)
        return value

    def __dir__(self) -> list[str]:
        return sorted({*vars(self), *self.__all__})


class _Finder:
    """Finds the sub-modules that are listed; refuses the others with a sentence."""

    def __init__(self, root: str) -> None:
        self._root = root

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: Any = None
    ) -> importlib.machinery.ModuleSpec | None:
        del path, target
        root, _, below = name.partition(".")
        if root != self._root or not below:
            return None
        if below not in _MODULES:
            raise ModuleNotFoundError(_not_there(name), name=name)
        return importlib.machinery.ModuleSpec(name, self, is_package=True)  # type: ignore[arg-type]

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        return _Module(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        """Its names come when they are asked for."""


def _found(place: str) -> Any:
    module, _, name = place.partition(":")
    found = importlib.import_module(module)
    return getattr(found, name) if name else found


def _not_there(name: str) -> str:
    return (
        f"{name} is not there: this `wandb` is opensweep's stand-in for W&B's {VERSION}, which has "
        "not all of it. To use W&B's own, install it and leave out --provide-wandb (or "
        "provide_wandb: in the sweep file)"
    )
