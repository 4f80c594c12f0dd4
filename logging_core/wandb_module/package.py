"""W&B's module, played by opensweep: `wandb/__init__.py` in front of a training script's path.

Its names are opensweep's; see logging_core/wandb_module.
"""

from __future__ import annotations

from importlib import import_module as _import_module

_opensweep = _import_module("opensweep")  # it also puts logging_core on the path
_modules = _import_module("logging_core.wandb_module.modules")

__version__: str = _modules.VERSION
__opensweep__: str = _opensweep.__version__
"""Tells the stand-in from W&B's own module."""
_modules.begin(__name__, __file__)
